"""The watch over the adapter in production: looks at what visitors did, and goes back if need be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from persona.errors import AdapterError
from rlaif.errors import PublishError
from rlaif.publish import rollback
from rlaif.watch import Observation, SignalEvidence, Verdict, WatchSettings, watch
from store.adapters import active_adapter, load_adapter
from store.audit import append_audit
from store.conversations import is_pinned, move_pins
from store.database import Database
from store.lineage import clean_fallbacks
from store.outcomes import (
    Outcome,
    OutcomeQuery,
    Swap,
    evaluator_of,
    list_outcomes,
    newest_swap,
)
from store.records import Adapter

WHO = "watch"
_SCALE = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchActiveSettings:
    """When the watch looks. `duration`: how long after a swap. `settle`: how long a reply of a
    silent visitor waits to be counted. `baseline_replies`: how many of the adapter before."""

    duration: timedelta = timedelta(hours=24)
    settle: timedelta = timedelta(minutes=10)
    baseline_replies: int = 2000
    test: WatchSettings = field(default_factory=WatchSettings)

    def __post_init__(self) -> None:
        if self.duration <= timedelta(0) or self.settle < timedelta(0):
            raise ValueError(
                f"duration is {self.duration} and settle {self.settle}; expected time that passes"
            )
        if self.baseline_replies < 1:
            raise ValueError(f"baseline_replies is {self.baseline_replies}; expected 1 or more")


def watch_active(
    database: Database,
    settings: WatchActiveSettings,
    now: datetime,
    check: Callable[[Adapter], None] | None = None,
) -> Verdict | None:
    """Judge the adapter in production and roll back when it is worse; call it every minute.

    None when there is nothing to watch: no swap within `duration`, or one that went back to an
    earlier adapter, whose worth is known. What is taken back speaks no more: conversations pinned
    to it move to the earlier one with their next turn. `check` raises AdapterError for a folder
    that is damaged; it is passed over.
    """
    with database.reading() as session:
        swap = newest_swap(session)
        watched = swap is not None and is_watched(swap, settings, now)
        verdict = _judge(session, swap, settings, now) if swap is not None and watched else None
    if swap is None or verdict is None:
        _release_late_pins(database, swap, now)
        return None
    if not verdict.revert:
        return verdict
    check = None if check is None else _checked_beforehand(database, check)
    with database.session() as session:
        present = newest_swap(session)
        if present is None or present.deployment_id != swap.deployment_id:
            return None  # Somebody else changed it while we looked.
        return _go_back(session, verdict, now, check)


def why(verdict: Verdict) -> str:
    """Return one sentence for the history of deployments."""
    alarms = [one for one in verdict.evidence if one.alarms]
    return "worse than the adapter before: " + "; ".join(_told(one) for one in alarms)


def is_watched(swap: Swap, settings: WatchActiveSettings, now: datetime) -> bool:
    """Whether the adapter in production is new enough, and another than the one before it."""
    known = swap.previous is not None and swap.first and not swap.tainted
    return known and now < swap.at + settings.duration


def _judge(session: Session, swap: Swap, settings: WatchActiveSettings, now: datetime) -> Verdict:
    evaluator = evaluator_of(session, swap.adapter, swap.at)
    since_swap = OutcomeQuery(
        adapter=swap.adapter,
        since=swap.at,
        until=now,
        now=now,
        settle=settings.settle,
        evaluator=evaluator,
        limit=settings.baseline_replies,
    )
    earlier = replace(since_swap, adapter=swap.previous, since=None, until=swap.at)
    verdict = watch(
        _observations(list_outcomes(session, earlier)),
        _observations(list_outcomes(session, since_swap)),
        settings.test,
    )
    return replace(verdict, adapter=swap.adapter, previous=swap.previous)


def _observations(outcomes: Sequence[Outcome]) -> list[Observation]:
    return [
        Observation(
            visitor=one.visitor_id,
            retried=one.regenerated if one.first else None,
            thumb_down=one.thumb == "down",
            thumb_up=one.thumb == "up",
            reward=None if one.score is None else one.score / _SCALE,
        )
        for one in outcomes
    ]


def _go_back(
    session: Session,
    verdict: Verdict,
    now: datetime,
    check: Callable[[Adapter], None] | None,
) -> Verdict:
    try:
        adapter = rollback(session, who=WHO, why=why(verdict), now=now, check=check)
    except PublishError as error:
        logger.error("Adapter %s is worse, but stays: %s", verdict.adapter, error)
        return replace(verdict, revert=False)
    if verdict.adapter is not None:
        move_pins(session, [verdict.adapter], adapter.id, now=now)
    append_audit(session, actor=WHO, action="adapter.watch", detail=_detail(verdict), now=now)
    logger.warning("Adapter %s was taken back for %s", verdict.adapter, adapter.id)
    return verdict


def _release_late_pins(database: Database, swap: Swap | None, now: datetime) -> None:
    """Move conversations that were pinned to a bad adapter at the moment it was taken back."""
    if swap is None or swap.who != WHO or swap.previous is None:
        return
    with database.reading() as session:
        if not is_pinned(session, swap.previous):
            return
    with database.session() as session:
        move_pins(session, [swap.previous], active_adapter(session), now=now)


def _checked_beforehand(
    database: Database, check: Callable[[Adapter], None]
) -> Callable[[Adapter], None]:
    """`check` with its answers for the adapters that may be gone back to: it reads whole files,
    for which no transaction should wait."""
    known: dict[str, AdapterError | None] = {}
    with database.reading() as session:
        _, *below = [load_adapter(session, one) for one in clean_fallbacks(session)]
    for adapter in below:
        try:
            check(adapter)
        except AdapterError as error:
            known[adapter.id] = error
        else:
            known[adapter.id] = None
            break

    def checked(adapter: Adapter) -> None:
        if adapter.id not in known:
            check(adapter)
            return
        error = known[adapter.id]
        if error is not None:
            raise error

    return checked


def _told(one: SignalEvidence) -> str:
    return (
        f"{one.signal} {_figure(one.seen)} of {one.after} replies, "
        f"{_figure(one.usual)} of {one.before} before (evidence {one.e_value:.0f}, "
        f"enough is {one.threshold:.0f})"
    )


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _detail(verdict: Verdict) -> dict[str, object]:
    signals = {
        one.signal: {
            "usual": one.usual,
            "allowed": one.allowed,
            "seen": one.seen,
            "before": one.before,
            "after": one.after,
            "e_value": min(one.e_value, 1e9),
            "threshold": one.threshold,
        }
        for one in verdict.evidence
    }
    return {"adapter": verdict.adapter, "previous": verdict.previous, "signals": signals}
