"""Which turns a night reads: what was said since the last one, and what people did to older ones.

A night reads new turns once, the oldest first and at most `max_turns`; what it had no room for the
next night begins with. Verdicts of people have a window of their own: a turn that was read is read
again when somebody edited, judged, thumbed, regenerated or settled a reply of it afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rlaif.night_work import Detail, NightWork
from store.learning import list_learnable
from store.night_records import LearnableTurn
from store.nights import list_nights


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Verdicts of people are heard in (since, until], new turns read in (read_since, read_until].

    None: from the beginning. read_until <= until.
    """

    since: datetime | None
    until: datetime
    read_since: datetime | None
    read_until: datetime

    def as_detail(self) -> Detail:
        """The window for the ledger."""
        return {
            "since": None if self.since is None else self.since.isoformat(),
            "until": self.until.isoformat(),
            "read_since": None if self.read_since is None else self.read_since.isoformat(),
            "read_until": self.read_until.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The turns of a window that may be learnt from now, oldest first.

    `again`: read by an earlier night, with newer evidence. `too_many`: left to the next night.
    """

    new: tuple[LearnableTurn, ...]
    again: tuple[LearnableTurn, ...]
    too_many: tuple[LearnableTurn, ...]

    @property
    def turns(self) -> tuple[LearnableTurn, ...]:
        """All that is read tonight."""
        return (*self.new, *self.again)


def open_window(work: NightWork, until: datetime) -> Window:
    """Fix the window of a night that begins now."""
    since, read_since = _read_before(work)
    whole = Window(since=since, until=until, read_since=read_since, read_until=until)
    unread = read_window(work, whole).new
    most = work.settings.max_turns
    if len(unread) <= most:
        return whole
    # Turns of one moment stay together, for the next night begins after this moment.
    end = unread[most - 1].created_at
    return Window(since=since, until=until, read_since=read_since, read_until=end)


def night_window(detail: Mapping[str, object]) -> Window:
    """The window that `collect` wrote down."""
    until = datetime.fromisoformat(str(detail["until"]))
    since = _moment(detail.get("since"))
    return Window(
        since=since,
        until=until,
        read_since=_moment(detail["read_since"]) if "read_since" in detail else since,
        read_until=_moment(detail.get("read_until")) or until,
    )


def read_window(work: NightWork, window: Window) -> Reading:
    """Read the window as consent, deletion and retention allow at this moment."""
    with work.database.reading() as session:
        turns = list_learnable(session, now=work.now(), retention=work.settings.retention)
    new: list[LearnableTurn] = []
    again: list[LearnableTurn] = []
    too_many: list[LearnableTurn] = []
    for turn in turns:
        if window.read_since is None or turn.created_at > window.read_since:
            if turn.created_at <= window.read_until:
                new.append(turn)
            elif turn.created_at <= window.until:
                too_many.append(turn)
        elif _heard(turn, window):
            again.append(turn)
    return Reading(new=tuple(new), again=tuple(again), too_many=tuple(too_many))


def _heard(turn: LearnableTurn, window: Window) -> bool:
    """Whether somebody said something of a turn in the window, and nothing after it.

    What came after it the next night hears, together with all that was said before.
    """
    at = turn.evidence_at
    return at is not None and at <= window.until and (window.since is None or at > window.since)


def _read_before(work: NightWork) -> tuple[datetime | None, datetime | None]:
    """Until when people were heard and turns read by the newest earlier night that paired.

    However that night ended: its pairs are kept.
    """
    with work.database.reading() as session:
        nights = list_nights(session)
    for night in nights:
        steps = {step.step: step for step in night.steps if step.finished_at is not None}
        if night.date < work.date and {"collect", "pair"} <= steps.keys():
            window = night_window(steps["collect"].detail)
            return window.until, window.read_until
    return None, None


def _moment(value: object) -> datetime | None:
    return None if value is None else datetime.fromisoformat(str(value))
