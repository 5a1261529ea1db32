"""Information between context and reply: nothing fitted, every failure told."""

import pytest
import torch

from persona.card import SHIPPED_CARD
from persona.dialogues import DialogueRow, read_card_rows
from persona.engine import Message
from rlaif.base_pass import BasePass, PassSettings, ReplyReading
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.information_evaluator import InformationEvaluator, information
from tests.persona.tiny_model import tiny_loaded


@pytest.fixture(scope="module")
def rows() -> list[DialogueRow]:
    return list(read_card_rows(SHIPPED_CARD, "validation"))[:40]


@pytest.fixture(scope="module")
def base() -> BasePass:
    return BasePass(tiny_loaded(), PassSettings(layers=(1, 2)))


@pytest.fixture(scope="module")
def evaluator(base: BasePass, rows: list[DialogueRow]) -> InformationEvaluator:
    return InformationEvaluator(base, rows)


def _dialogue(reply: str, said: str = "ねこがすき") -> Dialogue:
    return Dialogue(turns=(Message(role="user", content=said),), reply=reply)


def test_information_is_the_mean_gain_per_token() -> None:
    reading = ReplyReading(
        states=torch.zeros(1),
        known=torch.tensor([-1.0, -2.0]),
        alone=torch.tensor([-2.0, -5.0]),
        unaided=torch.tensor([-1.0, -2.0]),
    )

    assert information(reading) == pytest.approx((1 + 3) / 2)


def test_every_reply_has_one_value_for_all_impressions(evaluator: InformationEvaluator) -> None:
    verdicts = evaluator.assess(
        [_dialogue("ねこですの。"), _dialogue(" "), _dialogue("やまですわ。")]
    )

    assert isinstance(verdicts[1], Unscored)
    for verdict in (verdicts[0], verdicts[2]):
        assert isinstance(verdict, Assessment)
        assert len(set(verdict.values.values())) == 1


def test_good_rows_average_five_points(
    evaluator: InformationEvaluator, rows: list[DialogueRow]
) -> None:
    used = sorted((r for r in rows if r.kind in ("style", "multi", "fact")), key=lambda r: r.id)
    verdicts = evaluator.assess(
        [
            Dialogue(
                turns=(*row.history, Message(role="user", content=row.user)),
                reply=row.reply,
                facts=row.facts,
            )
            for row in used
        ]
    )

    values = sorted(v.values["trust"] for v in verdicts if isinstance(v, Assessment))
    assert values[(len(values) - 1) // 2] <= 5 <= values[len(values) // 2]


def test_the_same_scale_has_the_same_id(
    evaluator: InformationEvaluator, base: BasePass, rows: list[DialogueRow]
) -> None:
    assert InformationEvaluator(base, rows).id == evaluator.id
    assert InformationEvaluator(base, rows[20:]).id != evaluator.id


def test_too_few_rows_are_refused(base: BasePass) -> None:
    with pytest.raises(EvaluatorError, match="expected 8"):
        InformationEvaluator(base, [])
