"""The watch over the adapter in production: looks at what visitors did, and goes back if need be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from rlaif.errors import PublishError
from rlaif.publish import rollback
from rlaif.watch import Observation, SignalEvidence, Verdict, WatchSettings, watch
from store.audit import append_audit
from store.database import Database
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
    earlier adapter, whose worth is known. Conversations pinned to the bad adapter keep it until
    they are idle; new ones get the earlier one at once. `check` raises AdapterError for a folder
    that is damaged; it is passed over.
    """
    with database.reading() as session:
        swap = newest_swap(session)
        if swap is None or not _watched(swap, settings, now):
            return None
        verdict = _judge(session, swap, settings, now)
    if not verdict.revert:
        return verdict
    with database.session() as session:
        present = newest_swap(session)
        if present is None or present.deployment_id != swap.deployment_id:
            return None  # Somebody else changed it while we looked.
        return _go_back(session, verdict, now, check)


def why(verdict: Verdict) -> str:
    """Return one sentence for the history of deployments."""
    alarms = [one for one in verdict.evidence if one.alarms]
    return "worse than the adapter before: " + "; ".join(_told(one) for one in alarms)


def _watched(swap: Swap, settings: WatchActiveSettings, now: datetime) -> bool:
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
    append_audit(session, actor=WHO, action="adapter.watch", detail=_detail(verdict), now=now)
    logger.warning("Adapter %s was taken back for %s", verdict.adapter, adapter.id)
    return verdict


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
