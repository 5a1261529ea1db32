"""Features of dialogues stay bounded, heads find what is planted, and nothing looks at test ratings."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from persona.engine import Message
from persona.errors import DataError
from persona.importers.report import Licence
from rlaif.dialogue_features import DIALOGUE_FIGURE_NAMES, dialogue_features
from rlaif.embedded_predictor import EmbeddedPredictor, less_usual
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import FitMark
from rlaif.fit_rating_head import (
    RatingHeadSettings,
    deviations,
    fit_rating_head,
    rating_rows,
)
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_head import (
    RATING_MANIFEST,
    RATING_TENSORS,
    RatingHead,
    load_rating_head,
    save_rating_head,
)
from rlaif.rating_head_run import RatingHeadRun, fit_kept_rating_head
from rlaif.rating_splits import RatingSplit, SplitPlan, make_splits
from rlaif.token_means import TokenMeans
from tests.persona.tiny_model import tiny_loaded

LICENCE = Licence(name="own", may_train=True, notice="")
QUICK = RatingHeadSettings(members=3, components=20)
NAMES = ("informativeness", "comprehension", "familiarity", "interest", "proactiveness", "pleasure")
WORDS = ("海", "山道", "カレー", "読書", "写真", "散歩", "電車", "紅茶", "雨音", "焼き魚")


def _dialogue(texts: Sequence[str], rater: str = "r", **ratings: float) -> RatedDialogue:
    return RatedDialogue(
        group=f"{rater} {' '.join(texts)}",
        messages=tuple(
            Message(role="assistant" if n % 2 else "user", content=text)
            for n, text in enumerate(texts)
        ),
        rater=rater,
        system="s",
        ratings=ratings,
        licence=LICENCE,
    )


@cache
def _planted() -> tuple[RatedDialogue, ...]:
    """Raters with habits of their own; a lively partner (exclamations) pleases each of them, in the
    first five ratings by way of noise, and praise pleases in the last one."""
    rng = random.Random(3)
    data = []
    for person in range(24):
        habit = rng.uniform(2, 6)
        for chat in range(14):
            lively, praising = rng.random(), rng.random()
            texts = []
            for _ in range(3):
                end = "！" if rng.random() < lively else "。"
                praise = "素敵です" if rng.random() < praising else "そうです"
                texts += [
                    f"{rng.choice(WORDS)}の話をします。",
                    f"{rng.choice(WORDS)}、{praise}{end}",
                ]
            ratings = {name: habit + 2 * lively + rng.gauss(0, 0.5) for name in NAMES[:-1]}
            ratings[NAMES[-1]] = habit + 2 * praising + rng.gauss(0, 0.5)
            data.append(
                replace(_dialogue(texts, f"p{person}", **ratings), group=f"{person} {chat}")
            )
    return tuple(data)


def _split(name: str) -> RatingSplit:
    splits = {split.name: split for split in make_splits(_planted(), SplitPlan())}
    return next(split for key, split in splits.items() if key == name)


def _silent(stage: str, share: float) -> None:
    assert 0 <= share <= 1, stage


def test_figures_are_finite_and_bounded_whatever_a_chat_looks_like() -> None:
    chats = [
        _dialogue(["やあ", "どうも"]),
        _dialogue(["！" * 5000, "？" * 5000, "ｗ" * 3000, "長い" * 3000]),
        _dialogue(["こんにちは", "はい"] * 200),
        replace(_dialogue(["あ", "い"]), messages=()),
        replace(_dialogue(["あ"]), messages=(Message(role="user", content="  "),)),
    ]
    features = dialogue_features(chats, None, _silent)
    assert features.figures.shape == (5, len(DIALOGUE_FIGURE_NAMES))
    assert np.isfinite(features.figures).all()
    # ln(10,001) = 9.21 for a turn of ten thousand characters is the largest thing that may happen.
    assert np.abs(features.figures).max() <= 10
    again = dialogue_features(chats, None, _silent)
    assert np.array_equal(features.figures, again.figures)
    assert (features.pieces[0] != again.pieces[0]).nnz == 0


def test_each_side_has_its_own_figures() -> None:
    row = dialogue_features(
        [_dialogue(["今日は暑い。", "暑いですね！", "本当に。", "海へ行きたい！"])], None, _silent
    )
    figures = dict(zip(DIALOGUE_FIGURE_NAMES, row.figures[0].tolist(), strict=True))
    assert figures["rated_exclamation_share"] == 1.0
    assert figures["rater_exclamation_share"] == 0.0
    assert figures["rater_turns"] == pytest.approx(np.log(3))


def test_deviations_leave_out_a_raters_habit() -> None:
    data = [_dialogue([str(n), "x"], "strict", a=1.0 + n % 2) for n in range(200)]
    data += [_dialogue([str(n), "y"], "kind", a=4.0 + n % 2) for n in range(200)]
    found = deviations(rating_rows(data, ["a"]))
    # Means are drawn to everybody's (3.0) by 2 ratings of 202: 1.5 * 2 / 202 = 0.015 remains.
    assert found[:200].mean() == pytest.approx(-0.015, abs=1e-3)
    assert found[200:].mean() == pytest.approx(0.015, abs=1e-3)


def test_the_six_ratings_of_unseen_raters_are_ranked_better_than_by_length() -> None:
    data, split = _planted(), _split("unseen_raters")
    predictor = EmbeddedPredictor(QUICK, None, profiles=True)
    found = predictor.predict(data, split, NAMES, _silent)
    assert found.values.shape == (len(split.test), 6)
    assert found.spread is not None
    assert (found.spread > 0).all()
    length = [sum(len(m.content) for m in data[n].messages) for n in split.test]
    truth = deviations(rating_rows([data[n] for n in split.test], NAMES))
    for column in range(6):
        ours = spearmanr(found.values[:, column], truth[:, column]).statistic
        assert ours > 0.4
        assert ours > spearmanr(length, truth[:, column]).statistic + 0.2


def test_ratings_of_test_rows_change_nothing() -> None:
    data, split = _planted(), _split("unseen_raters")
    tested = frozenset(split.test)
    altered = [
        replace(one, ratings={name: 9.0 - one.ratings[name] for name in NAMES})
        if n in tested
        else one
        for n, one in enumerate(data)
    ]
    for profiles in (False, True):
        first, second = (
            EmbeddedPredictor(QUICK, None, profiles=profiles)
            .predict(some, split, NAMES, _silent)
            .values
            for some in (data, altered)
        )
        assert np.array_equal(first, second)


def test_without_profiles_a_dialogue_is_judged_by_itself() -> None:
    data, split = _planted(), _split("unseen_raters")
    fewer = replace(split, test=split.test[:3])
    whole = EmbeddedPredictor(QUICK, None, profiles=False).predict(data, split, NAMES, _silent)
    few = EmbeddedPredictor(QUICK, None, profiles=False).predict(data, fewer, NAMES, _silent)
    assert few.values == pytest.approx(whole.values[:3])


def test_profiles_take_off_what_is_usual_for_a_rater() -> None:
    values = np.array([[1.0], [3.0]] * 50 + [[6.0], [8.0]] * 50 + [[100.0]])
    raters = ["a"] * 100 + ["b"] * 100 + [""]
    found = less_usual(values, raters)
    # Of the distance between 2 and 7, 100 / 105 are taken off.
    distance = found[100:200].mean() - found[:100].mean()
    assert distance == pytest.approx(5 * (1 - 100 / 105))
    assert found[1, 0] - found[0, 0] == pytest.approx(2.0)
    assert found[-1, 0] == 100.0


def test_ratings_may_be_missing_but_not_all_of_them() -> None:
    data = [
        replace(one, ratings={"interest": one.ratings["interest"]} if n % 2 else one.ratings)
        for n, one in enumerate(_planted())
    ]
    features = dialogue_features(data, None, _silent)
    head = fit_rating_head(features, rating_rows(data, ["interest", "pleasure"]), QUICK)
    assert np.isfinite(head.predict(features)[0]).all()
    with pytest.raises(EvaluatorError, match="0 dialogues to fit on are rated for trust"):
        fit_rating_head(features, rating_rows(data, ["trust"]), QUICK)


def test_data_for_evaluation_only_are_fitted_on_with_the_holders_word_alone() -> None:
    barred = Licence(name="closed", may_train=False, notice="Ask its owner.")
    data = [replace(one, licence=barred) for one in _planted()]
    split = _split("unseen_raters")
    with pytest.raises(DataError, match="closed"):
        EmbeddedPredictor(QUICK, None, profiles=True).predict(data, split, NAMES, _silent)
    allowed = EmbeddedPredictor(QUICK, None, profiles=True, evaluation_only=True)
    assert np.isfinite(allowed.predict(data, split, NAMES, _silent).values).all()


@cache
def _head() -> RatingHead:
    data = _planted()
    return fit_rating_head(dialogue_features(data, None, _silent), rating_rows(data, NAMES), QUICK)


def test_a_head_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    save_rating_head(tmp_path, _head(), {"licence": "CC BY-SA 4.0"})
    again, manifest = load_rating_head(tmp_path)
    features = dialogue_features(_planted()[:5], None, _silent)
    assert np.array_equal(again.predict(features)[0], _head().predict(features)[0])
    assert again.names == NAMES
    assert manifest["licence"] == "CC BY-SA 4.0"


@pytest.mark.parametrize("damage", ["tensors", "version", "absent", "no json"])
def test_an_altered_head_is_refused(tmp_path: Path, damage: str) -> None:
    save_rating_head(tmp_path, _head(), {})
    tensors, manifest = tmp_path / RATING_TENSORS, tmp_path / RATING_MANIFEST
    if damage == "tensors":
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x01")
    elif damage == "version":
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace('"feature_version": 1', '"feature_version": 0'))
    elif damage == "absent":
        tensors.unlink()
    else:
        manifest.write_text("{")
    with pytest.raises(EvaluatorError, match="yogeiko evaluator fit"):
        load_rating_head(tmp_path)


def test_a_kept_head_says_what_it_reached_on_raters_put_aside(tmp_path: Path) -> None:
    run = RatingHeadRun(
        data=_planted(),
        reader=None,
        out=tmp_path,
        mark=FitMark(licences=("closed",)),
        about={"licence": "own"},
        settings=QUICK,
        report=_silent,
    )
    about = fit_kept_rating_head(run)
    assert about is not None
    _, manifest = load_rating_head(tmp_path)
    assert manifest["evaluation_only"] == ["closed"]
    held_out = manifest["held_out"]
    assert isinstance(held_out, dict)
    assert held_out == about["held_out"]
    assert held_out["raters"] == 7  # 30 % of 24, rounded
    value, low, high = held_out["spearman_within_rater"]["pleasure"]
    assert 0.3 < low < value < high


@pytest.mark.parametrize(
    "data",
    [[replace(one, rater="", system="") for one in _planted()], list(_planted()[::14][:8])],
    ids=["nobody named", "too few"],
)
def test_data_that_teach_nothing_leave_no_kept_head(
    tmp_path: Path, data: list[RatedDialogue]
) -> None:
    save_rating_head(tmp_path, _head(), {})
    run = RatingHeadRun(
        data=data,
        reader=None,
        out=tmp_path,
        mark=FitMark(),
        about={},
        settings=QUICK,
        report=_silent,
    )
    assert fit_kept_rating_head(run) is None
    assert not (tmp_path / RATING_MANIFEST).exists()


def test_token_means_are_of_each_side_and_of_no_other_row() -> None:
    loaded = tiny_loaded()
    reader = TokenMeans(loaded)
    one, swapped = _dialogue(["海", "山"]), _dialogue(["山", "海"])
    silent = replace(one, messages=one.messages[:1])
    rows = reader.read([one, swapped, silent], lambda done: None)
    half = reader.width // 2
    assert np.array_equal(rows[0, :half], rows[1, half:])
    assert not rows[2, half:].any()
    ids = loaded.tokenizer.encode("海", add_special_tokens=False)
    expected = loaded.model.get_input_embeddings().weight[ids].detach().float().mean(0).numpy()
    assert rows[0, :half] == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(reader.read([silent], lambda done: None)[0], rows[2])


def test_a_head_refuses_what_another_base_model_read() -> None:
    data = _planted()[:60]
    reader = TokenMeans(tiny_loaded())
    head = fit_rating_head(
        dialogue_features(data, reader, _silent), rating_rows(data, NAMES), QUICK
    )
    assert np.isfinite(head.predict(dialogue_features(data[:2], reader, _silent))[0]).all()
    with pytest.raises(EvaluatorError, match="fitted on states of 'token means"):
        head.predict(dialogue_features(data[:2], None, _silent))


def test_another_way_of_predicting_has_another_id() -> None:
    ways = [
        EmbeddedPredictor(QUICK, None, profiles=False),
        EmbeddedPredictor(QUICK, None, profiles=True),
        EmbeddedPredictor(replace(QUICK, figure_ridge=1.0), None, profiles=False),
        EmbeddedPredictor(QUICK, TokenMeans(tiny_loaded()), profiles=False),
    ]
    assert len({way.id for way in ways}) == 4
    assert EmbeddedPredictor(QUICK, None, profiles=True).id == ways[1].id
