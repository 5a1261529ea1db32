"""The inbox has words for everything that a night can tell."""

import json
from pathlib import Path
from typing import get_args

import pytest

from app.approval import Approval, ApprovalReason
from app.rehearsal_service import RehearsalState
from rlaif.night import STEPS
from rlaif.preference import PairSource
from rlaif.report_texts import DROPS, GUARDS
from store.night_records import PairStatus, Resolution

TEXTS = Path(__file__).parents[3] / "app" / "static" / "console" / "texts"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_word_of_a_night_has_its_text(language: str) -> None:
    known = json.loads((TEXTS / language / "pairs.json").read_text(encoding="utf-8"))
    against = ("thumb_down", "regenerated_away", "edited")
    wanted = {
        "drop": DROPS,
        "source": get_args(PairSource),
        "guard": GUARDS,
        "signal": against,
        "status": get_args(PairStatus),
        "deed": get_args(PairStatus),
        "act": [one for one in get_args(PairStatus) if one != "proposed"],
        "told": get_args(Resolution),
        "right": get_args(Resolution),
        "mode": get_args(Approval),
        "why": get_args(ApprovalReason),
        "step": [name for name, _ in STEPS[:5]],
        "rehearsal": [one for one in get_args(RehearsalState) if one != "done"],
    }
    missing = [
        f"{kind}_{word}"
        for kind, words in wanted.items()
        for word in words
        if f"{kind}_{word}" not in known
    ]
    assert missing == []
