"""Pairs and conflicts as the console's screens read them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from app.api_json import Json
from app.approval import InboxPlan
from store.conflict_view import ConflictView
from store.lineage import learned_receipts
from store.night_records import (
    PairStatus,
    Receipt,
    RewardRecord,
    Scored,
    StoredConflict,
    StoredPair,
)
from store.pair_inbox import InboxNight, PairDeed, pair_histories
from store.rewards import load_rewards, rewarding_evaluator
from store.scores import load_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worth:
    """What the nights' evaluators gave to the options, by night and option."""

    scores: dict[tuple[str, str], Scored]
    rewards: dict[tuple[str, str], RewardRecord]


def pairs_json(session: Session, pairs: Sequence[StoredPair]) -> list[Json]:
    """Return pairs with the scores of both sides, what operators did, and who learnt from them."""
    options = ((one.night_date, (one.chosen_id, one.rejected_id)) for one in pairs)
    worth = _worth(session, options)
    histories = pair_histories(session, [one.id for one in pairs])
    receipts = learned_receipts(session, [one.turn_id for one in pairs])
    return [
        {
            "id": one.id,
            "night": one.night_date,
            "status": one.status,
            "source": one.source,
            "margin": one.margin,
            "disagreement": one.disagreement,
            "decided_by": one.decided_by,
            "decided_at": one.decided_at.isoformat() if one.decided_at else None,
            "turns": [list(line) for line in one.turns],
            "facts": list(one.facts),
            "chosen": _option_json(one.night_date, one.chosen_id, one.chosen, worth),
            "rejected": _option_json(one.night_date, one.rejected_id, one.rejected, worth),
            "history": [_deed_json(deed) for deed in histories.get(one.id, [])],
            "receipts": [_receipt_json(receipt) for receipt in receipts.get(one.turn_id, [])],
        }
        for one in pairs
    ]


def inbox_json(
    nights: Sequence[InboxNight],
    night: str | None,
    plan: InboxPlan,
    counts: dict[PairStatus, int],
    sources: dict[str, int],
) -> Json:
    """Return what stands above the pairs of a night."""
    return {
        "nights": [asdict(one) for one in nights],
        "night": night,
        "approval": plan.approval,
        "why": plan.why,
        "open": plan.open,
        "hours": plan.hours,
        "deadline": plan.deadline.isoformat() if plan.deadline else None,
        "counts": counts,
        "sources": sources,
    }


def conflicts_json(session: Session, views: Sequence[ConflictView], used: set[str]) -> list[Json]:
    """Return conflicts with their talk and the reply's scores; `used`: read by a night already."""
    options = ((one.conflict.night_date, (one.conflict.reply_id,)) for one in views)
    worth = _worth(session, options)
    return [
        {
            **conflict_json(one.conflict, used),
            "turns": [list(line) for line in one.turns],
            "reply": _option_json(one.conflict.night_date, one.conflict.reply_id, one.reply, worth),
            "shown": one.shown,
            "thumb_reason": one.thumb_reason,
        }
        for one in views
    ]


def conflict_json(conflict: StoredConflict, used: set[str]) -> Json:
    """Return a conflict by itself."""
    resolved = conflict.resolved_at
    return {
        "id": conflict.id,
        "night": conflict.night_date,
        "signal": conflict.signal,
        "quantile": conflict.reward_quantile,
        "created_at": conflict.created_at.isoformat(),
        "resolution": conflict.resolution,
        "resolved_by": conflict.resolved_by,
        "resolved_at": resolved.isoformat() if resolved else None,
        "undoable": resolved is not None and conflict.id not in used,
    }


def _worth(session: Session, options: Iterable[tuple[str, tuple[str, ...]]]) -> _Worth:
    by_night: dict[str, list[str]] = {}
    for night, ids in options:
        by_night.setdefault(night, []).extend(ids)
    worth = _Worth(scores={}, rewards={})
    for night, wanted in by_night.items():
        evaluator = rewarding_evaluator(session, night)
        if evaluator is None:
            continue
        scores = load_scores(session, wanted, evaluator)
        rewards = load_rewards(session, night, evaluator, wanted)
        worth.scores.update({(night, key): one for key, one in scores.items()})
        worth.rewards.update({(night, key): one for key, one in rewards.items()})
    return worth


def _option_json(night: str, option: str, text: str, worth: _Worth) -> Json:
    """An option; `scores` and `reward` None: nobody has scored that text."""
    scored, reward = worth.scores.get((night, option)), worth.rewards.get((night, option))
    return {
        "text": text,
        "scores": None if scored is None else dict(scored.values),
        "spread": {} if scored is None else dict(scored.spread),
        "reward": None
        if reward is None
        else {
            "total": reward.total,
            "metrics": {key: dict(part) for key, part in reward.metrics.items()},
            "guards": {key: dict(part) for key, part in reward.guards.items()},
        },
    }


def _deed_json(deed: PairDeed) -> Json:
    return {
        "operator": deed.operator,
        "kind": deed.kind,
        "text": deed.text,
        "note": deed.note,
        "at": deed.at.isoformat(),
        "taken_back": deed.taken_back,
        "takes_back": deed.takes_back,
        "bulk": deed.bulk,
    }


def _receipt_json(receipt: Receipt) -> Json:
    return {"date": receipt.date, "adapter": receipt.adapter, "deployed": receipt.deployed}
