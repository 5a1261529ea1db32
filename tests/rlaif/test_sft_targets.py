"""What is taught: ratings on one scale, with and without the rater's habit, and spoilt replies."""

import numpy as np
import pytest

from persona.engine import Message
from rlaif.evaluator import Dialogue
from rlaif.fault_contexts import Context
from rlaif.faults import LOWERED, Example, FaultKind
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue
from rlaif.sft_plan import drawn_rows, fingerprint, rated_rows
from rlaif.sft_targets import fault_targets, rated_targets, scale_of
from rlaif.sft_texts import Seat, read_dialogue, read_rated_dialogue
from tests.persona.tiny_model import tiny_tokenizer
from tests.rlaif.regressor_rows import LICENCE, QUICK, fit_rows, planted

RESPEAK, TRUST, TOPIC = (METRIC_KEYS.index(key) for key in ("respeak", "trust", "topic"))


def _rated(rater: str, group: str = "g", **ratings: float) -> RatedDialogue:
    messages = (Message(role="user", content="やあ"), Message(role="assistant", content="はい"))
    return RatedDialogue(
        group=group, messages=messages, rater=rater, system="", ratings=ratings, licence=LICENCE
    )


# --- readings -------------------------------------------------------------------------------------


def test_both_seats_of_a_dialogue_share_its_tokens() -> None:
    told = ("やあ", "はい。", "ねこ", "いぬ")
    seated = [
        RatedDialogue(
            group="g", rater=first, system="", ratings={}, licence=LICENCE,
            messages=tuple(
                Message(role=(first, other)[n % 2], content=text)  # type: ignore[arg-type]
                for n, text in enumerate(told)
            ),
        )
        for first, other in (("user", "assistant"), ("assistant", "user"))
    ]  # fmt: skip
    tokenizer = tiny_tokenizer()
    one, other = (read_rated_dialogue(tokenizer, each, 100) for each in seated)
    assert one.ids == other.ids
    text = [tokenizer.decode([token]) for token in one.ids]
    for reading, reply in ((one, "いぬ"), (other, "ねこ")):
        own = [t for t, seat in zip(text, reading.seats, strict=True) if seat == Seat.REPLY]
        assert reply in "".join(own)
    rated = {n for n, seat in enumerate(one.seats) if seat in (Seat.RATED, Seat.REPLY)}
    assert rated == {n for n, seat in enumerate(other.seats) if seat == Seat.RATER}


def test_a_long_dialogue_loses_its_beginning_and_keeps_the_opening_token() -> None:
    tokenizer = tiny_tokenizer()
    turns = (Message(role="user", content="あ" * 200),)
    reading = read_dialogue(tokenizer, Dialogue(turns=turns, reply="ねこ", facts=("いぬ",)), 20)
    assert len(reading.ids) == len(reading.seats) == 21
    assert reading.ids[0] == tokenizer.bos_token_id
    assert "ねこ" in tokenizer.decode(reading.ids)
    assert "いぬ" not in tokenizer.decode(reading.ids)
    whole = read_dialogue(tokenizer, Dialogue(turns=turns, reply="ねこ", facts=("いぬ",)), 999)
    assert "いぬ" in tokenizer.decode(whole.ids)
    assert whole.seats[1] == Seat.NOBODY


# --- ratings --------------------------------------------------------------------------------------


def test_ratings_become_points_by_their_own_bounds() -> None:
    """satisfaction from 1 to 5: 3 is 5 points; trust is one of the twelve and has its points."""
    data = [
        _rated("", satisfaction=1, trust=8),
        _rated("", satisfaction=3),
        _rated("", satisfaction=5),
    ]
    scale = scale_of(data, "raw")
    targets = rated_targets(data, scale, "raw")
    points = scale.points(targets.value)
    assert points[:, RESPEAK].tolist() == pytest.approx([0, 5, 10])
    assert points[0, TRUST] == pytest.approx(8)
    assert targets.weight[:, TRUST].tolist() == [1, 0, 0]
    assert targets.weight[:, TOPIC].tolist() == [0, 0, 0]
    assert targets.taught() == ("enjoyability", "respeak", "trust")
    assert targets.value[:, RESPEAK].std() == pytest.approx(1)


def test_several_ratings_of_an_impression_are_averaged() -> None:
    """topic: informativeness at the top, interest at the bottom."""
    data = [_rated("", informativeness=5, interest=1), _rated("", informativeness=1, interest=5)]
    scale = scale_of(data, "raw")
    assert scale.points(rated_targets(data, scale, "raw").value)[0, TOPIC] == pytest.approx(5)


def test_within_raters_the_habit_is_gone() -> None:
    """Two raters, one always two figures milder: the same deviations, but for a pull to the mean."""
    data = [
        _rated(rater, satisfaction=base + n % 3)
        for rater, base in (("mild", 3), ("stern", 1))
        for n in range(60)
    ]
    raw = rated_targets(data, scale_of(data, "raw"), "raw").value[:, RESPEAK]
    within = rated_targets(data, scale_of(data, "within"), "within").value[:, RESPEAK]
    assert raw[:60].mean() - raw[60:].mean() > 1
    assert abs(within[:60].mean() - within[60:].mean()) < 0.2
    assert within[:3].argsort().tolist() == [0, 1, 2]


def test_who_rated_once_is_drawn_to_everybody() -> None:
    """Own mean 10 from one row, everybody's 0: (10 + 2 * overall) / 3 is taken away."""
    data = [_rated("once", trust=10), *(_rated("often", trust=0) for _ in range(9))]
    scale = scale_of(data, "within")
    value = rated_targets(data, scale, "within").value[0, TRUST] * scale.width[TRUST]
    overall = 1.0
    assert value == pytest.approx(10 - (10 + 2 * overall) / 3)


# --- faults ---------------------------------------------------------------------------------------


def _example(fault: FaultKind | None, number: int) -> Example:
    turns = (Message(role="user", content="やあ"),)
    context = Context(group=f"g{number}", voice="persona", turns=turns, facts=(), reply="はい")
    dialogue = Dialogue(turns=turns, reply="はい")
    return Example(dialogue=dialogue, fault=fault, maker=fault or "given", context=context)


def test_a_fault_lowers_its_impressions_and_says_nothing_of_others() -> None:
    examples = [_example(None, 0), _example("dull", 1), _example("rude", 2)]
    scale = scale_of([], "within")
    total = np.full(len(METRIC_KEYS), 6.0)
    targets = fault_targets(examples, scale, total)
    assert np.abs(targets.value[0]).max() < 1e-6
    for row, fault in ((1, "dull"), (2, "rude")):
        for column, key in enumerate(METRIC_KEYS):
            lowered = key in LOWERED[fault]  # type: ignore[index]
            assert (targets.weight[row, column] > 0) == lowered
            assert (targets.value[row, column] < -2) == lowered
    assert targets.weight.sum(0).tolist() == pytest.approx(total.tolist())


# --- which rows -----------------------------------------------------------------------------------


def test_whole_dialogues_are_drawn_and_more_hold_the_fewer() -> None:
    data = [_rated(f"r{n % 5}", group=f"g{n // 2}", trust=n) for n in range(40)]
    few, more = (drawn_rows(data, range(40), count, 3) for count in (5, 9))
    assert set(few) < set(more)
    assert len({data[n].group for n in few}) == 5
    assert len(few) == 10
    assert drawn_rows(data, range(4), None, 3) == [0, 1, 2, 3]


def test_a_run_is_named_by_what_decides_its_weights() -> None:
    rows = fit_rows(planted(6, 1))
    name = fingerprint("b", QUICK, [rows])
    assert name == fingerprint("b", QUICK, [fit_rows(planted(6, 1))])
    others = {
        fingerprint("c", QUICK, [rows]),
        fingerprint("b", QUICK, [fit_rows(planted(6, 2))]),
        fingerprint("b", QUICK, [rows, rows]),
    }
    assert len(others | {name}) == 4
    swapped = planted(6, 1)
    scale = scale_of(swapped, "raw")
    changed = [
        RatedDialogue(
            group=o.group, messages=o.messages, rater=o.rater, system=o.system, licence=o.licence,
            ratings={**o.ratings, "satisfaction": 1.0},
        )
        for o in swapped
    ]  # fmt: skip
    assert name != fingerprint("b", QUICK, [rated_rows(changed, scale, QUICK, tiny_tokenizer())])
