"""Position bias: a judge that looks at places, one that looks at replies, and what is counted."""

from dataclasses import dataclass

import pytest

from persona.engine import Message
from rlaif.evaluator import Comparison, Dialogue, Pick, Preferred, Unscored
from rlaif.known_pairs import KnownPair
from rlaif.position_bias import measure_position_bias, position_bias

DIALOGUE = Dialogue(turns=(Message(role="user", content="趣味は？"),), reply="バイオリンですの。")
PAIRS = [KnownPair(dialogue=DIALOGUE, worse=f"さあ。{n}") for n in range(4)]


def _seen(preferred: Preferred, picks: tuple[Pick, Pick], *, flipped: bool = False) -> Comparison:
    return Comparison(preferred=preferred, flipped=flipped, reasons=("", ""), picks=picks)


def test_each_figure_counts_what_it_says() -> None:
    found = position_bias(
        [
            _seen("a", ("first", "second")),
            _seen("b", ("second", "first")),
            _seen("tie", ("first", "first"), flipped=True),
            _seen("tie", ("tie", "tie")),
            Unscored(reason="no verdict"),
        ]
    )
    assert found.flipped is not None
    assert (found.flipped.value, found.flipped.n) == (0.25, 4)
    assert found.tied is not None
    assert found.tied.value == 0.5
    assert found.right is not None
    assert (found.right.value, found.right.n) == (0.5, 2)
    assert found.right_of_all is not None
    assert found.right_of_all.value == 0.25
    # 0.5, 0.5, 1 and 0.5: only the flipped pair tells of a place.
    assert found.first is not None
    assert found.first.value == pytest.approx(0.625)
    assert found.unscored == 1


@dataclass
class _ByPlace:
    """Always the first; or always the better one."""

    place: bool
    id: str = "judge-1"

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        if self.place:
            return _seen("tie", ("first", "first"), flipped=True)
        right: Preferred = "a" if reply_a == DIALOGUE.reply else "b"
        return _seen(right, ("first", "second") if right == "a" else ("second", "first"))


def test_a_judge_of_places_and_a_judge_of_replies() -> None:
    done: list[int] = []
    places = measure_position_bias(_ByPlace(place=True), PAIRS, done.append)
    assert done == [1, 2, 3, 4]
    assert places.flipped is not None
    assert places.first is not None
    assert (places.flipped.value, places.first.value, places.right) == (1.0, 1.0, None)
    replies = measure_position_bias(_ByPlace(place=False), PAIRS)
    assert replies.flipped is not None
    assert replies.first is not None
    assert replies.right is not None
    assert (replies.flipped.value, replies.first.value, replies.right.value) == (0.0, 0.5, 1.0)


def test_nothing_judged_has_no_figure() -> None:
    found = position_bias([Unscored(reason="no verdict")])
    assert found.flipped is found.first is found.tied is found.right is None
    assert found.unscored == 1
