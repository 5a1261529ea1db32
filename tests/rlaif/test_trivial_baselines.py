"""Baselines by hand, and that habits are learnt where fitting is allowed only."""

from dataclasses import replace

import pytest

from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_splits import RatingSplit
from rlaif.seed_table1 import TABLE1, published
from rlaif.trivial_baselines import rating_baselines, text_baselines
from tests.rlaif.rated_world import LICENCE, talk


def _rated(rater: str, system: str, trust: float, *texts: str) -> RatedDialogue:
    return RatedDialogue(
        group=f"{rater}-{system}-{trust}", messages=talk(*(texts or ("問い", "答え"))),
        rater=rater, system=system, ratings={"trust": trust}, licence=LICENCE,
    )  # fmt: skip


def test_texts_by_hand() -> None:
    one = _rated("a", "b", 1.0, "長い長い問い", "ああああ", "次", "ああい")
    # 4 + 3 letters; the last has 3; pairs ああ, ああ, ああ, ああ, あい: two of five differ.
    assert text_baselines([one])[0] == pytest.approx([7, 3, 2 / 5])
    # Only the last reply was rated: ああ and あい.
    assert text_baselines([replace(one, only_reply=True)])[0] == pytest.approx([3, 3, 1.0])
    silent = replace(one, messages=one.messages[:1])
    assert text_baselines([silent])[0] == pytest.approx([0, 0, 1.0])


def test_habits_by_hand() -> None:
    data = [
        _rated("a", "x", 1.0),
        _rated("a", "y", 3.0),
        _rated("b", "y", 8.0),
        _rated("a", "y", 100.0),
        _rated("new", "x", 100.0),
    ]
    split = RatingSplit(name="random", fit=(0, 1), validation=(2,), test=(3, 4), centred_by=None)
    raters, systems = rating_baselines(data, split, "trust")
    assert raters == pytest.approx([2.0, 4.0])  # nobody knows "new": the mean of 1, 3, 8
    assert systems == pytest.approx([5.5, 1.0])


def test_published_figures_stand_beside_their_impressions() -> None:
    assert tuple(TABLE1) == METRIC_KEYS
    pair = published(("respeak", "enjoyability"))
    assert pair is not None
    # One of the two was not published without fine-tuning.
    assert (pair.no_sft, pair.gpt35, pair.sft) == pytest.approx((0.03, 0.245, 0.82))
    assert published(()) is None
