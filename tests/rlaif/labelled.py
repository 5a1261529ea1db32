"""The labelled faults: what people said, what she answered, what an operator wrote instead."""

import json
from dataclasses import dataclass
from pathlib import Path

from persona.card import SHIPPED_CARD, load_card
from rlaif.fault_features import FaultCase

HERE = Path(__file__).parent
MEASURED = HERE / "labelled_faults.jsonl"
DEVELOPMENT = HERE / "labelled_faults_development.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFault:
    """`label` is fact or style."""

    id: str
    label: str
    case: FaultCase


def read_faults(path: Path) -> list[LabelledFault]:
    """Return the faults of a file in order; what is known of her is the shipped card's."""
    known = load_card(SHIPPED_CARD).facts
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        LabelledFault(
            id=row["id"],
            label=row["label"],
            case=FaultCase(
                user=row["user"],
                reply=row["reply"],
                corrected=row["corrected"] or "",
                note=row["note"] or "",
                facts=tuple(row["facts"]),
                known=known,
                name="絢音",
            ),
        )
        for row in rows
    ]
