"""FedEvaluator: likelihoods equal to the plain way, the scale, and constants that must fit."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from persona.engine import Message
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.fed_evaluator import FedEvaluator, measure_calibration
from rlaif.follow_up_likelihood import MAX_CONTEXT_TOKENS, FollowUpLikelihood
from rlaif.follow_ups import (
    SHIPPED_FOLLOW_UPS,
    FedCalibration,
    FollowUps,
    load_calibration,
    load_follow_ups,
    save_calibration,
)
from rlaif.metrics import METRIC_KEYS
from tests.persona.tiny_model import tiny_loaded


def _dialogue(user: str = "こんにちは。", reply: str = "ごきげんよう。") -> Dialogue:
    return Dialogue(turns=(Message(role="user", content=user),), reply=reply)


REAL = [
    _dialogue(user=f"{c}{d}です。", reply=f"{d}{c}{c}ですの。")
    for c in "あいうえお"
    for d in "かき"
]


@pytest.fixture(scope="module")
def follow_ups() -> FollowUps:
    return load_follow_ups()


@pytest.fixture(scope="module")
def calibration(follow_ups: FollowUps) -> FedCalibration:
    return measure_calibration(tiny_loaded(), follow_ups, REAL, "ten made dialogues")


def test_one_pass_gives_what_reading_every_line_alone_gives() -> None:
    loaded = tiny_loaded()
    # The lines differ in length on purpose: padding must not count.
    lines = ["こんにちは", "あ", "いいえ、ちがうよ"]
    # Short enough for the tiny model's window of 24 tokens.
    dialogue = _dialogue("あ", "い")
    found = FollowUpLikelihood(loaded, lines).after(dialogue)
    prefix = loaded.tokenizer.encode("客「あ」\n相手「い」\n客「", add_special_tokens=False)
    for line, value in zip(lines, found.tolist(), strict=True):
        own = loaded.tokenizer.encode(f"{line}」", add_special_tokens=False)
        ids = torch.tensor([[loaded.tokenizer.bos_token_id, *prefix, *own]])
        with torch.inference_mode():
            logits = loaded.model(input_ids=ids).logits[0].float()
        # The expected figure is over the kept part of the vocabulary: recompute it over that part.
        kept = _kept_rows(loaded.model.get_output_embeddings().weight, lines, loaded.tokenizer)
        chosen = [
            logits[len(prefix) + n, token] - logits[len(prefix) + n, kept].logsumexp(-1)
            for n, token in enumerate(own)
        ]
        assert value == pytest.approx(float(sum(chosen)) / len(own), abs=1e-4)


def _kept_rows(head: torch.Tensor, lines: list[str], tokenizer: object) -> torch.Tensor:
    """The rows a scorer keeps, read back from its own head."""
    scorer = FollowUpLikelihood(tiny_loaded(), lines)
    matches = (head[:, None, :] == scorer._head[None]).all(-1).any(-1)
    return matches.nonzero()[:, 0]


def test_a_long_conversation_loses_its_beginning(follow_ups: FollowUps) -> None:
    scorer = FollowUpLikelihood(tiny_loaded(), follow_ups.lines()[:2])
    endless = "あ" * 2 * MAX_CONTEXT_TOKENS
    far = scorer.after(_dialogue(endless))
    farther = scorer.after(_dialogue(f"かき{endless}"))
    assert torch.equal(far, farther)


def test_quotation_marks_of_a_visitor_do_not_end_the_quotation(follow_ups: FollowUps) -> None:
    scorer = FollowUpLikelihood(tiny_loaded(), follow_ups.lines()[:2])
    turn = "あ」\n相手「い」\n客「う"
    text = scorer._tokenizer.decode(scorer._context_tokens(_dialogue(turn, "え")))
    assert text.count("相手「") == 1
    assert text.count("\n") == 2


def test_scores_all_metrics_inside_the_scale_with_a_spread(
    follow_ups: FollowUps, calibration: FedCalibration
) -> None:
    evaluator = FedEvaluator(tiny_loaded(), follow_ups, calibration)
    told: list[int] = []
    verdicts = evaluator.assess(REAL, told.append)
    assert told == list(range(1, len(REAL) + 1))
    for verdict in verdicts:
        assert isinstance(verdict, Assessment)
        assert set(verdict.spread) == set(METRIC_KEYS)
        assert all(0 < value < 10 for value in verdict.values.values())
        assert all(value > 0 for value in verdict.spread.values())
    # What it was calibrated on lies around the middle of the scale.
    for key in METRIC_KEYS:
        values = sorted(v.values[key] for v in verdicts if isinstance(v, Assessment))
        assert values[0] < 5.5
        assert values[-1] > 4.5


def test_the_value_follows_the_formula(follow_ups: FollowUps, calibration: FedCalibration) -> None:
    loaded = tiny_loaded()
    verdict = FedEvaluator(loaded, follow_ups, calibration).assess([REAL[0]])[0]
    assert isinstance(verdict, Assessment)
    figures = FollowUpLikelihood(loaded, follow_ups.lines()).after(REAL[0]).tolist()
    good, bad = figures[:4], figures[4:8]  # agency comes first
    centred = [g - b - c for g, b, c in zip(good, bad, calibration.centre["agency"], strict=True)]
    z = sum(centred) / 4 / calibration.width["agency"]
    assert verdict.values["agency"] == pytest.approx(10 / (1 + math.exp(-z)), abs=1e-6)


def test_swapping_good_and_bad_lines_mirrors_the_score(
    follow_ups: FollowUps, calibration: FedCalibration
) -> None:
    loaded = tiny_loaded()
    swapped = replace(follow_ups, good=follow_ups.bad, bad=follow_ups.good)
    mirrored = replace(
        calibration, centre={k: tuple(-c for c in v) for k, v in calibration.centre.items()}
    )
    one = FedEvaluator(loaded, follow_ups, calibration).assess([REAL[3]])[0]
    other = FedEvaluator(loaded, swapped, mirrored).assess([REAL[3]])[0]
    assert isinstance(one, Assessment)
    assert isinstance(other, Assessment)
    for key in METRIC_KEYS:
        assert one.values[key] + other.values[key] == pytest.approx(10, abs=1e-4)


def test_a_blank_reply_is_unscored(follow_ups: FollowUps, calibration: FedCalibration) -> None:
    evaluator = FedEvaluator(tiny_loaded(), follow_ups, calibration)
    assert evaluator.assess([_dialogue(reply=" \n")]) == [Unscored(reason="the reply is blank")]


def test_constants_of_another_model_or_other_lines_are_refused(
    follow_ups: FollowUps, calibration: FedCalibration
) -> None:
    with pytest.raises(EvaluatorError, match="base model aaaa"):
        FedEvaluator(tiny_loaded(), follow_ups, replace(calibration, base_sha256="a" * 64))
    with pytest.raises(EvaluatorError, match="follow-ups"):
        FedEvaluator(tiny_loaded(), replace(follow_ups, sha256="c" * 64), calibration)


def test_too_few_or_equal_dialogues_give_no_constants(follow_ups: FollowUps) -> None:
    with pytest.raises(EvaluatorError, match="there are 3 dialogues"):
        measure_calibration(tiny_loaded(), follow_ups, REAL[:3], "")
    with pytest.raises(EvaluatorError, match="do not differ"):
        measure_calibration(tiny_loaded(), follow_ups, [REAL[0]] * 8, "")


def test_constants_survive_their_file(calibration: FedCalibration, tmp_path: Path) -> None:
    save_calibration(calibration, tmp_path / "c.json")
    read = load_calibration(tmp_path / "c.json")
    assert read.width == pytest.approx(calibration.width, abs=1e-4)
    assert read.centre["trust"] == pytest.approx(calibration.centre["trust"], abs=1e-4)
    (tmp_path / "c.json").write_text('{"centre": {}}')
    with pytest.raises(EvaluatorError, match="cannot be read"):
        load_calibration(tmp_path / "c.json")


def test_the_shipped_lines_and_constants_fit_together() -> None:
    lines = load_follow_ups()
    own = load_calibration()
    assert own.follow_ups_sha256 == lines.sha256
    assert all(len(own.centre[key]) == len(lines.good[key]) for key in METRIC_KEYS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[trust]", "[thrust]"), "missing or unknown"),
        (('"それなら安心だね。"]', "]"), "3 good and 4 bad"),
        (('"それなら安心だね。"', '" "'), "empty or repeated"),
        (('"それなら安心だね。"', '"それ、本当なの？"'), "empty or repeated"),
        (("[trust]", "[trust"), "cannot be read"),
    ],
)
def test_faulty_lines_are_named(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    text = SHIPPED_FOLLOW_UPS.read_text(encoding="utf-8")
    (tmp_path / "f.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(EvaluatorError, match=message):
        load_follow_ups(tmp_path / "f.toml")
