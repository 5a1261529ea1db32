"""An evaluator of replies as a predictor of dialogues: means, mapping, and nothing asked twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.evaluator_predictor import EvaluatorPredictor, as_ratings
from rlaif.measurement_cache import MeasurementCache
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_splits import RatingSplit
from tests.rlaif.rated_world import LICENCE, talk


@dataclass
class _Counting:
    """Gives each impression its place plus a tenth of the reply's length; may break down."""

    breaks_after: int = 10**9
    fails_on: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    id: str = "counting-1"
    kind: EvaluatorKind = "judge"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        if len(self.asked) + len(dialogues) > self.breaks_after:
            raise EvaluatorError("the machine was switched off")
        self.asked.extend(one.reply for one in dialogues)
        return [
            Unscored(reason="no verdict")
            if one.reply in self.fails_on
            else Assessment(
                values={key: n / 2 + len(one.reply) / 10 for n, key in enumerate(METRIC_KEYS)},
                spread={},
            )
            for one in dialogues
        ]


def _rated(group: str, *texts: str) -> RatedDialogue:
    return RatedDialogue(
        group=group, messages=talk(*texts), rater="r", system="s", ratings={"interest": 3.0},
        licence=LICENCE,
    )  # fmt: skip


def _split(rows: int) -> RatingSplit:
    return RatingSplit(
        name="random", fit=(), validation=(), test=tuple(range(rows)), centred_by=None
    )


def _silent(_stage: str, _share: float) -> None:
    return


def _predictor(evaluator: _Counting, folder: Path | None = None) -> EvaluatorPredictor:
    return EvaluatorPredictor(evaluator, MeasurementCache(folder, evaluator.id, "replies"), 2)


def test_a_rating_is_the_mean_of_its_impressions_over_the_replies() -> None:
    data = [_rated("a", "一", "答", "二", "答え答", "三", "答え答え答")]
    names = ("trust", "interest", "charm")
    found = _predictor(_Counting()).predict(data, _split(1), names, _silent)
    # Two of three replies, the last among them: 3 and 5 letters, or 1 and 5, never all three.
    evaluator = _Counting()
    _predictor(evaluator).predict(data, _split(1), names, _silent)
    assert len(evaluator.asked) == 2
    assert "答え答え答" in evaluator.asked
    letters = sum(len(reply) for reply in evaluator.asked) / 2 / 10
    trust, interest, charm = found.values[0]
    assert trust == pytest.approx(METRIC_KEYS.index("trust") / 2 + letters)
    places = [METRIC_KEYS.index(key) / 2 for key in ("enjoyability", "topic")]
    assert interest == pytest.approx(sum(places) / 2 + letters)
    assert np.isnan(charm)


def test_splits_share_verdicts_and_a_later_run_asks_nothing(tmp_path: Path) -> None:
    data = [_rated(f"{n}", "問い", f"答え{n}") for n in range(40)]
    evaluator = _Counting()
    predictor = _predictor(evaluator, tmp_path)
    first = predictor.predict(data, _split(40), ("trust",), _silent)
    predictor.predict(data, _split(25), ("trust",), _silent)
    assert len(evaluator.asked) == 40
    later = _Counting(breaks_after=0)
    again = _predictor(later, tmp_path).predict(data, _split(40), ("trust",), _silent)
    assert later.asked == []
    assert np.array_equal(first.values, again.values)


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    data = [_rated(f"{n}", "問い", f"答え{n}") for n in range(40)]
    stopped = _Counting(breaks_after=35)
    with pytest.raises(EvaluatorError, match="switched off"):
        _predictor(stopped, tmp_path).predict(data, _split(40), ("trust",), _silent)
    assert 0 < len(stopped.asked) < 40
    told: list[float] = []
    later = _Counting()
    _predictor(later, tmp_path).predict(
        data, _split(40), ("trust",), lambda _stage, share: told.append(share)
    )
    assert sorted(stopped.asked + later.asked) == sorted(f"答え{n}" for n in range(40))
    assert told[-1] == 1.0


def test_another_evaluator_finds_nothing(tmp_path: Path) -> None:
    data = [_rated("a", "問い", "答え")]
    _predictor(_Counting(), tmp_path).predict(data, _split(1), ("trust",), _silent)
    other = _Counting(id="counting-2")
    _predictor(other, tmp_path).predict(data, _split(1), ("trust",), _silent)
    assert other.asked == ["答え"]


def test_failures_are_counted_by_row_and_not_asked_again_in_one_run() -> None:
    data = [
        _rated("a", "問い", "良い", "問い", "悪い"),
        _rated("b", "問い", "悪い"),
        RatedDialogue(
            group="c", messages=talk("誰も答えない"), rater="r", system="s",
            ratings={"trust": 1.0}, licence=LICENCE,
        ),
    ]  # fmt: skip
    evaluator = _Counting(fails_on=frozenset({"悪い"}))
    predictor = _predictor(evaluator)
    for _ in range(2):
        found = predictor.predict(data, _split(3), ("trust",), _silent)
    assert np.isfinite(found.values[0]).all()
    assert np.isnan(found.values[1:]).all()
    assert found.unscored == {"no verdict": 1, "the rated one never answers": 1}
    assert evaluator.asked.count("悪い") == 2  # two different contexts


def test_nothing_scored_and_nothing_to_score_are_one_sentence() -> None:
    data = [_rated("a", "問い", "悪い")]
    predictor = _predictor(_Counting(fails_on=frozenset({"悪い"})))
    with pytest.raises(EvaluatorError, match=r"scored none of 1 dialogues .*no verdict"):
        predictor.predict(data, _split(1), ("trust",), _silent)
    with pytest.raises(EvaluatorError, match=r"ratings are charm.*expected at least one of inform"):
        predictor.predict(data, _split(1), ("charm",), _silent)


def test_impressions_by_their_own_names_are_themselves() -> None:
    values = np.arange(24.0).reshape(2, 12)
    assert np.array_equal(as_ratings(values, METRIC_KEYS), values)
