"""SHAP of a black box: local accuracy, fair shares, words taken away, bounded cost."""

import pytest

from rlaif.attribution import AttributionSettings
from rlaif.attribution_shap import NOTHING_SAID, attribute_shap, without
from rlaif.errors import EvaluatorError
from rlaif.text_spans import TextSpan
from tests.rlaif.planted_values import LetterPoints, dialogue, letters

SETTINGS = AttributionSettings(evaluations=400)


def _silent(_done: int, _planned: int | None) -> None:
    return None


def test_parts_add_up_and_go_to_the_letters_that_count() -> None:
    reply = dialogue("あかいかうあ")
    box = LetterPoints()
    told = attribute_shap(box, reply, "trust", letters(reply.reply), SETTINGS, _silent)
    whole, nothing = (
        box.assess([one])[0].values["trust"]  # type: ignore[union-attr]
        for one in (reply, dialogue(NOTHING_SAID))
    )
    assert (told.value, told.baseline) == pytest.approx((whole, nothing))
    assert sum(told.scores) == pytest.approx(whole - nothing, abs=1e-4), "local accuracy"
    assert told.completeness is not None
    assert told.completeness.holds
    first, plain, i, _, u, last = told.scores
    # The two share length fairly with all others; い and う split the point they earn together.
    assert (first, last) == pytest.approx((0.5, 0.5), abs=0.02)
    assert plain == pytest.approx(0, abs=0.02)
    assert i + u == pytest.approx(1, abs=0.04)
    assert i == pytest.approx(0.5, abs=4 * told.errors[2] + 0.02)
    assert told.errors[2] > told.errors[1]


def test_the_same_seed_draws_the_same_orders() -> None:
    reply = dialogue("あいかう")
    few = AttributionSettings(evaluations=16)
    runs = [
        attribute_shap(LetterPoints(), reply, "trust", letters(reply.reply), one, _silent).scores
        for one in (few, few, AttributionSettings(evaluations=16, seed=9))
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_no_more_values_are_asked_for_than_allowed_and_none_twice() -> None:
    reply = dialogue("かきくけこさしすせそたちつてと")
    box = LetterPoints()
    few = AttributionSettings(evaluations=12)
    told = attribute_shap(box, reply, "trust", letters(reply.reply), few, _silent)
    asked = [one.reply for one in box.asked]
    assert len(asked) == len(set(asked)) == told.evaluations <= 12
    # 15 letters do not come back twice within 12 values: three at a time come and go together.
    assert len({round(score, 9) for score in told.scores[:3]}) == 1
    assert sum(told.scores) == pytest.approx(told.value - (told.baseline or 0), abs=1e-4)


def test_turns_can_be_attributed_to() -> None:
    reply = dialogue("か", said="あか")
    pieces = (TextSpan(part="turn", at=0, start=0, end=1), *letters("か"))
    told = attribute_shap(LetterPoints(), reply, "trust", pieces, SETTINGS, _silent)
    assert told.scores[0] == pytest.approx(0.3, abs=1e-6)


def test_an_evaluator_that_refuses_what_is_left_is_named() -> None:
    reply = dialogue("あい")
    with pytest.raises(EvaluatorError, match=r"letters .*words it will not read.*integrated"):
        attribute_shap(
            LetterPoints(refuses=NOTHING_SAID), reply, "trust", letters("あい"), SETTINGS, _silent
        )


def test_what_is_taken_away_leaves_the_rest_as_it_was() -> None:
    given = dialogue("はい、そうです", said="ね え", facts=("猫", "犬がいる"))
    cut = without(
        given,
        [
            TextSpan(part="reply", at=0, start=2, end=3),
            TextSpan(part="fact", at=0, start=0, end=1),
            TextSpan(part="fact", at=1, start=1, end=2),
        ],
    )
    assert (cut.reply, cut.facts) == ("はいそうです", ("犬いる",))
    assert cut.turns == given.turns
    bare = without(
        given,
        [
            TextSpan(part="reply", at=0, start=0, end=7),
            TextSpan(part="turn", at=0, start=0, end=1),
            TextSpan(part="turn", at=0, start=2, end=3),
        ],
    )
    assert (bare.reply, bare.turns[0].content) == (NOTHING_SAID, NOTHING_SAID)
