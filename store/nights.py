"""The ledger of nights: who may run a date, how far it came, how it ended.

Whoever holds the lease writes; each claim raises the fencing token, and `check_fence` refuses the
writes of an owner that slept through a takeover. It locks the night's row, so that nobody can take
over between the check and the commit. A lease ends early when its owner's process is dead.

A rehearsal holds a night without beginning it. The row it may need for that is no night: nothing
here returns it until somebody claims the date.
"""

from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.errors import LeaseError
from store.night_records import Night, NightClaim, NightEnd, NightStatus, NightStep
from store.night_tables import (
    GateResultRow,
    NightRewardRow,
    NightRow,
    NightStepRow,
    NightTrainingRow,
    NightTrustRow,
)
from store.owners import is_gone
from store.turns import one_of

NIGHT_STATUSES: tuple[NightStatus, ...] = get_args(NightStatus)
OPEN: tuple[NightStatus, ...] = ("running", "waiting", "stopped")
_TO_DO_AGAIN: tuple[NightStatus, ...] = ("refused", "skipped")
_ONLY_REHEARSED = "rehearsed"


def claim_night(
    session: Session,
    date: str,
    *,
    owner: str,
    lease: timedelta,
    now: datetime,
    settings: dict[str, object],
    force: bool = False,
) -> NightClaim | None:
    """Return the right to run `date` (YYYY-MM-DD), None when it is taken or over.

    A night that runs under an expired lease, waits or was stopped is taken over with its steps and
    its settings; the new token locks the former owner out. `force` also opens a failed night where
    it ended, and a refused or skipped one from its first step; never a published one, never one
    under a live lease.
    """
    row = session.get(NightRow, date, with_for_update=True, populate_existing=True)
    if row is None:
        row = _insert(session, date, settings, now)
    if not _may_take(row, force=force, now=now):
        return None
    if row.status in _TO_DO_AGAIN:
        for table in (NightStepRow, NightTrustRow, NightRewardRow, NightTrainingRow, GateResultRow):
            session.execute(delete(table).where(table.night_date == date))
        row.settings = settings
    if row.status == _ONLY_REHEARSED:
        _forget_worth(session, date)
        row.settings, row.started_at = settings, now
    row.status, row.finished_at, row.decision = "running", None, None
    row.held_at = None
    return _lend(session, row, owner, now + lease)


def hold_for_rehearsal(
    session: Session, date: str, *, owner: str, lease: timedelta, now: datetime, force: bool = False
) -> NightClaim | None:
    """Return the right to write scores and candidates of a night, None when it is taken or over.

    Which nights are given is as in `claim_night`, but nothing of the ledger changes besides the
    lease and its token: no status, no step, no time.
    """
    row = session.get(NightRow, date, with_for_update=True, populate_existing=True)
    if row is None:
        row = _insert(session, date, {}, now, status=_ONLY_REHEARSED)
    if not _may_take(row, force=force, now=now):
        return None
    if row.status == _ONLY_REHEARSED:
        _forget_worth(session, date)
    return _lend(session, row, owner, now + lease)


def holder(session: Session, date: str, now: datetime) -> str | None:
    """Return who runs or rehearses a night at this moment, None when it is free."""
    row = session.get(NightRow, date)
    return row.lease_owner if row is not None and _is_held(row, now) else None


def renew_lease(session: Session, claim: NightClaim, *, lease: timedelta, now: datetime) -> None:
    """Hold the night for `lease` from `now`. Raises LeaseError when it is somebody else's."""
    check_fence(session, claim).lease_until = now + lease
    session.flush()


def release_lease(session: Session, claim: NightClaim) -> None:
    """Let anybody claim the unfinished night at once; harmless when it is lost already."""
    row = session.get(NightRow, claim.date, with_for_update=True, populate_existing=True)
    if row is not None and row.fencing_token == claim.token:
        row.lease_owner = row.lease_until = None
        session.flush()


def check_fence(session: Session, claim: NightClaim) -> NightRow:
    """Lock the night until the transaction ends. Raises LeaseError when the claim is void."""
    row = session.get(NightRow, claim.date, with_for_update=True, populate_existing=True)
    if row is None:
        raise LeaseError(f"night {claim.date} is not in the ledger; claim it first")
    if row.fencing_token != claim.token:
        raise LeaseError(
            f"night {claim.date} was taken over by {row.lease_owner or 'another process'} "
            f"(token {row.fencing_token}, ours is {claim.token}); nothing was written"
        )
    if row.lease_owner is None:
        raise LeaseError(
            f"night {claim.date} was released or is {row.status}; claim it again to go on"
        )
    return row


def begin_step(
    session: Session, claim: NightClaim, step: str, position: int, now: datetime
) -> NightStep:
    """Return the step, made if new; one that is finished stays so. Raises LeaseError."""
    check_fence(session, claim)
    row = session.get(NightStepRow, (claim.date, step))
    if row is None:
        row = NightStepRow(
            night_date=claim.date,
            step=step,
            position=position,
            started_at=now,
            finished_at=None,
            done=0,
            total=None,
            detail={},
        )
        session.add(row)
        session.flush()
    return _step(row)


def progress_step(
    session: Session, claim: NightClaim, step: str, done: int, total: int | None
) -> None:
    """Note how many units of a begun step are done. Raises LeaseError."""
    check_fence(session, claim)
    row = session.get_one(NightStepRow, (claim.date, step))
    row.done, row.total = done, total
    session.flush()


def note_step(session: Session, claim: NightClaim, step: str, detail: dict[str, object]) -> None:
    """Keep what a step found without completing it. `detail` as in `finish_step`; LeaseError."""
    check_fence(session, claim)
    session.get_one(NightStepRow, (claim.date, step)).detail = detail
    session.flush()


def finish_step(
    session: Session, claim: NightClaim, step: str, detail: dict[str, object], now: datetime
) -> NightStep:
    """Mark a begun step complete; call it in the transaction of its last rows.

    `detail` must hold no text and no id of a visitor: erasure does not look inside. Raises
    LeaseError.
    """
    check_fence(session, claim)
    row = session.get_one(NightStepRow, (claim.date, step))
    row.finished_at, row.detail = now, detail
    session.flush()
    return _step(row)


def finish_night(
    session: Session,
    claim: NightClaim,
    *,
    status: NightEnd,
    decision: str,
    adapter_id: str | None,
    now: datetime,
) -> None:
    """End the night and its lease; `waiting` and `stopped` may be claimed again.

    Raises LeaseError.
    """
    row = check_fence(session, claim)
    row.status, row.decision, row.adapter_id = status, decision, adapter_id
    row.finished_at = None if status in OPEN else now
    row.lease_owner = row.lease_until = None
    session.flush()


def hold_night(session: Session, date: str, now: datetime) -> bool:
    """Let the clock leave an unfinished night alone until somebody claims it by hand.

    False, changing nothing, when there is none or it is over.
    """
    row = session.get(NightRow, date, with_for_update=True, populate_existing=True)
    if row is None or row.status not in OPEN:
        return False
    row.held_at = now
    session.flush()
    return True


def load_night(session: Session, date: str) -> Night | None:
    """Return the night of a date with its steps, None when there was none."""
    row = session.get(NightRow, date)
    if row is None or row.status == _ONLY_REHEARSED:
        return None
    return _night(row, _steps(session, date))


def list_nights(session: Session) -> list[Night]:
    """Return all nights with their steps, the newest date first."""
    wanted = select(NightRow).where(NightRow.status != _ONLY_REHEARSED)
    rows = session.scalars(wanted.order_by(NightRow.date.desc())).all()
    steps = _steps(session, None)
    return [_night(row, [step for step in steps if step.night_date == row.date]) for row in rows]


def _is_held(row: NightRow, now: datetime) -> bool:
    if row.lease_owner is None or row.lease_until is None or row.lease_until <= now:
        return False
    return not is_gone(row.lease_owner)


def _may_take(row: NightRow, *, force: bool, now: datetime) -> bool:
    if _is_held(row, now):
        return False
    free = row.status in OPEN or row.status == _ONLY_REHEARSED
    return free or (force and row.status != "published")


def _forget_worth(session: Session, date: str) -> None:
    """Let trust and rewards be asked for anew: operators may have reviewed since the rehearsal."""
    for table in (NightTrustRow, NightRewardRow):
        session.execute(delete(table).where(table.night_date == date))


def _lend(session: Session, row: NightRow, owner: str, until: datetime) -> NightClaim:
    row.lease_owner, row.lease_until = owner, until
    row.fencing_token += 1
    session.flush()
    return NightClaim(date=row.date, owner=owner, token=row.fencing_token)


def _insert(
    session: Session,
    date: str,
    settings: dict[str, object],
    now: datetime,
    *,
    status: str = "running",
) -> NightRow:
    """Return the new row, or the one that a process at the same moment made first."""
    fresh = NightRow(
        date=date,
        status=status,
        lease_owner=None,
        lease_until=None,
        fencing_token=0,
        started_at=now,
        finished_at=None,
        settings=settings,
        decision=None,
        adapter_id=None,
    )
    try:
        with session.begin_nested():
            session.add(fresh)
    except IntegrityError:
        return session.get_one(NightRow, date, with_for_update=True, populate_existing=True)
    return fresh


def _steps(session: Session, date: str | None) -> list[NightStepRow]:
    wanted = select(NightStepRow).order_by(NightStepRow.position, NightStepRow.step)
    if date is not None:
        wanted = wanted.where(NightStepRow.night_date == date)
    return list(session.scalars(wanted))


def _step(row: NightStepRow) -> NightStep:
    return NightStep(
        step=row.step,
        position=row.position,
        started_at=row.started_at,
        finished_at=row.finished_at,
        done=row.done,
        total=row.total,
        detail=dict(row.detail),
    )


def _night(row: NightRow, steps: list[NightStepRow]) -> Night:
    return Night(
        date=row.date,
        status=one_of(row.status, NIGHT_STATUSES),
        lease_owner=row.lease_owner,
        lease_until=row.lease_until,
        fencing_token=row.fencing_token,
        started_at=row.started_at,
        finished_at=row.finished_at,
        settings=dict(row.settings),
        decision=row.decision,
        adapter=row.adapter_id,
        steps=tuple(_step(step) for step in steps),
        held_at=row.held_at,
    )
