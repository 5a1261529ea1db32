"""Short ways to fill the ledger and what a night makes."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store.adapters import ensure_adapter
from store.night_records import NewCandidate, NewPair, NightClaim, Scored
from store.nights import claim_night
from store.records import Adapter, Turn
from store.scores import METRIC_COLUMNS
from store.visitors import Owner, set_consent
from tests.store.talk import begin, exchange

DATE = "2026-09-24"
LEASE = timedelta(minutes=30)
EVALUATOR = "embedded-1"


def claim(
    session: Session, now: datetime, *, date: str = DATE, owner: str = "one", force: bool = False
) -> NightClaim:
    """Return a claim that must be given."""
    given = claim_night(
        session, date, owner=owner, lease=LEASE, now=now, settings={"beta": 0.1}, force=force
    )
    assert given is not None
    return given


def talk(
    session: Session, now: datetime, *words: tuple[str, str], owner: Owner | None = None
) -> tuple[Owner, list[Turn]]:
    """Return somebody who lets the night learn, and what they said in one conversation."""
    owner, conversation = begin(session, now=now, owner=owner)
    set_consent(session, owner, allow=True, now=now)
    return owner, [
        exchange(session, owner, conversation, one, now + timedelta(minutes=index))
        for index, one in enumerate(words)
    ]


def candidate(turn: Turn, number: int = 0, text: str = "あら、それは素敵ですわ。") -> NewCandidate:
    """Return a candidate for a turn."""
    return NewCandidate(
        turn_id=turn.id,
        number=number,
        text=text,
        adapter="v1",
        seed=number,
        sampling={"temperature": 0.9},
    )


def pair(owner: Owner, turn: Turn, chosen: str, rejected: str, **changes: object) -> NewPair:
    """Return a pair of two options; `chosen` and `rejected` are their ids."""
    values: dict[str, object] = {
        "turn_id": turn.id,
        "visitor_id": owner.visitor_id,
        "turns": (("user", turn.text),),
        "facts": ("絢音は猫が好きである。",),
        "chosen_id": chosen,
        "chosen": f"良い {turn.text}",
        "rejected_id": rejected,
        "rejected": f"悪い {turn.text}",
        "source": "score",
        "margin": 1.5,
        "disagreement": 0.25,
        **changes,
    }
    return NewPair(**values)  # type: ignore[arg-type]


def verdict(reply_id: str, value: float = 6.0, *, evaluator: str = EVALUATOR) -> Scored:
    """Return the same value on every metric for a reply."""
    return Scored(
        subject_id=reply_id,
        reply_id=reply_id,
        candidate_id=None,
        evaluator=evaluator,
        values=dict.fromkeys(METRIC_COLUMNS, value),
        spread={"trust": 0.5},
    )


def adapter(session: Session, name: str, now: datetime, *, parent: str | None = None) -> str:
    """Register an adapter and return its id."""
    ensure_adapter(
        session,
        Adapter(
            id=name,
            parent_id=parent,
            kind="dpo",
            base="embedded:gemma-3-270m",
            sha256="ab" * 32,
            folder=f"/adapters/{name}",
            manifest={"id": name},
            created_at=now,
        ),
    )
    return name
