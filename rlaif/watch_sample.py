"""Which replies the same-day watch has scored now. Light: the running server asks every minute."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from rlaif.evaluator import Dialogue
from rlaif.spoken_turns import messages_of
from rlaif.watch_active import WatchActiveSettings, is_watched
from store.learning import list_learnable
from store.outcomes import Swap, newest_swap
from store.watch_sample import SampleQuery, count_scored, is_night_running, list_unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How much is scored. replies: of both adapters together in one look. baseline: how many of
    the earlier adapter are enough. retention: how far back may be read."""

    replies: int = 8
    baseline: int = 120
    retention: timedelta = timedelta(days=90)
    watch: WatchActiveSettings = field(default_factory=WatchActiveSettings)

    def __post_init__(self) -> None:
        if self.replies < 2:
            raise ValueError(f"replies is {self.replies}; expected 2 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A reply to score. `dialogue` holds what the night would show the evaluator."""

    reply_id: str
    dialogue: Dialogue


def choose_sample(
    session: Session, evaluator: str, settings: SampleSettings, now: datetime
) -> list[Sample]:
    """Return what is to be scored now; empty when nothing is watched or a night is running.

    The new adapter's replies in the order they were made, so that later looks do not change what
    the bets have seen; of the earlier adapter's the newest, until there are enough.
    """
    swap = newest_swap(session)
    if swap is None or not is_watched(swap, settings.watch, now) or is_night_running(session, now):
        return []
    fresh, earlier = _queries(swap, evaluator, settings, now)
    enough = settings.baseline
    missing = max(0, enough - count_scored(session, earlier, limit=enough)) if earlier else 0
    half = settings.replies // 2
    before = (
        list_unscored(session, earlier, limit=min(missing, settings.replies), newest_first=True)
        if earlier and missing
        else []
    )
    after = list_unscored(session, fresh, limit=settings.replies)
    kept = before[: max(half, settings.replies - len(after))]
    chosen = [*after[: settings.replies - len(kept)], *kept]
    return _samples(session, {one.reply_id: one.turn_id for one in chosen}, settings, now)


def _queries(
    swap: Swap, evaluator: str, settings: SampleSettings, now: datetime
) -> tuple[SampleQuery, SampleQuery | None]:
    """Of the adapter in production and of the one before it."""

    def query(adapter: str, since: datetime | None, until: datetime) -> SampleQuery:
        return SampleQuery(
            adapter=adapter,
            since=since,
            until=until,
            now=now,
            settle=settings.watch.settle,
            retention=settings.retention,
            evaluator=evaluator,
        )

    earlier = None if swap.previous is None else query(swap.previous, None, swap.at)
    return query(swap.adapter, swap.at, now), earlier


def _samples(
    session: Session, turns: dict[str, str], settings: SampleSettings, now: datetime
) -> list[Sample]:
    """The dialogues of replies (id -> turn's id), as the night builds them."""
    learnable = list_learnable(
        session, now=now, retention=settings.retention, among=frozenset(turns.values())
    )
    return [
        Sample(
            reply_id=reply.id,
            dialogue=Dialogue(turns=messages_of(turn), reply=reply.text, facts=reply.facts),
        )
        for turn in learnable
        for reply in turn.replies
        if reply.id in turns
    ]
