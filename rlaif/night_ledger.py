"""How a night is taken from the ledger and how its ending is written there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlaif.errors import NightError
from store.database import Database
from store.errors import LeaseError
from store.night_records import NightClaim, NightEnd
from store.nights import claim_night, finish_night, finish_step, holder, load_night

_A_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOrder:
    """Which night to run, by whom. `again` also opens a failed, refused or skipped one."""

    date: str
    owner: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOutcome:
    """How a night ended; status None: it was not ours to run, and `decision` says why."""

    status: NightEnd | None
    decision: str
    adapter: str | None = None


def record_night(
    database: Database, order: NightOrder, outcome: NightOutcome, now: datetime
) -> NightOutcome:
    """Write the ending of a night that could not run into the ledger and return it.

    A night that is over, or in other hands, is left alone: the status is None then.
    """
    claim = claim_or_say(database, order, _A_MOMENT, now, {})
    if isinstance(claim, NightOutcome):
        return claim
    return end_night(database, claim, outcome, now)


def claim_or_say(
    database: Database,
    order: NightOrder,
    lease: timedelta,
    now: datetime,
    snapshot: Mapping[str, object],
) -> NightClaim | NightOutcome:
    """The right to run a night under these settings (JSON), else why it cannot be had."""
    with database.session() as session:
        claim = claim_night(
            session,
            order.date,
            owner=order.owner,
            lease=lease,
            now=now,
            settings=dict(snapshot),
            force=order.again,
        )
    return claim or not_ours(database, order.date, now)


def not_ours(database: Database, date: str, now: datetime) -> NightOutcome:
    """Why a night could not be claimed."""
    with database.reading() as session:
        owner, night = holder(session, date, now), load_night(session, date)
    if owner is not None:
        why = f"night {date} is being run or rehearsed by {owner}; yogeiko night status"
    elif night is None:
        raise NightError(f"night {date} could not be opened; run it again")
    else:
        why = f"night {date} is over ({night.status}: {night.decision})"
        if night.status in ("failed", "refused", "skipped"):
            why += f"; yogeiko night run --date {date} --resume opens it again"
    return NightOutcome(status=None, decision=why, adapter=None if night is None else night.adapter)


def end_night(
    database: Database,
    claim: NightClaim,
    outcome: NightOutcome,
    now: datetime,
    last: tuple[str, dict[str, object]] | None = None,
) -> NightOutcome:
    """Write the ending into the ledger; another owner's night is left alone.

    `last` is the step that ended the night and what it found. It is complete only together with
    the night: a killed night must not go on behind a refusal.
    """
    if outcome.status is None:
        return outcome
    try:
        with database.session() as session:
            if last is not None:
                finish_step(session, claim, *last, now)
            finish_night(
                session,
                claim,
                status=outcome.status,
                decision=outcome.decision,
                adapter_id=outcome.adapter,
                now=now,
            )
    except LeaseError as error:
        return NightOutcome(status=None, decision=str(error))
    return outcome
