"""Ranks with ties, wins, intervals by prompt, agreement, and the table as files."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from rlaif.errors import RankingError
from rlaif.human_ranking import (
    MEAN,
    HumanTable,
    Ranking,
    RankingSettings,
    krippendorff_ordinal,
    make_table,
    mean_ranks,
)
from rlaif.human_table import as_csv, as_json, as_markdown

VERSIONS = ("base", "sft", "dpo")
SETTINGS = RankingSettings(draws=400)


def _ranking(
    prompt: str,
    ranks: tuple[int, int, int],
    natural: tuple[int, int, int] = (3, 3, 3),
    *,
    metric: str = "trust",
    rater: str = "a",
) -> Ranking:
    return Ranking(
        prompt=prompt,
        item=prompt,
        metric=metric,
        rater=rater,
        ranks=dict(zip(VERSIONS, ranks, strict=True)),
        naturalness=dict(zip(VERSIONS, natural, strict=True)),
    )


def _table(*rankings: Ranking, metrics: tuple[str, ...] = ("trust", "topic")) -> HumanTable:
    return make_table(rankings, versions=VERSIONS, metrics=metrics, settings=SETTINGS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}),
        ({"a": 1, "b": 1, "c": 3}, {"a": 1.5, "b": 1.5, "c": 3}),
        ({"a": 1, "b": 1, "c": 2}, {"a": 1.5, "b": 1.5, "c": 3}),
        ({"a": 2, "b": 2, "c": 2}, {"a": 2, "b": 2, "c": 2}),
    ],
    ids=["none", "first", "first, next place not skipped", "all"],
)
def test_ties_share_the_mean_of_their_places(
    given: Mapping[str, int], expected: Mapping[str, float]
) -> None:
    assert mean_ranks(given) == expected


def test_figures_are_those_worked_by_hand() -> None:
    table = _table(
        _ranking("p1", (3, 1, 2), (1, 5, 3)),
        _ranking("p2", (1, 1, 3), (2, 4, 3)),
    )
    base, sft, dpo = table.rows[0].versions
    assert (base.rank.value, sft.rank.value, dpo.rank.value) == (2.25, 1.25, 2.5)
    assert base.win is None
    assert sft.win is not None
    assert dpo.win is not None
    assert sft.win.value == 1.0, "a tie with the baseline is at least as good"
    assert dpo.win.value == 0.5
    assert [one.naturalness.value for one in (base, sft, dpo)] == [1.5, 4.5, 3.0]


def test_the_mean_weighs_metrics_alike_and_counts_once() -> None:
    table = _table(
        _ranking("p1", (2, 1, 3), metric="trust"),
        _ranking("p2", (2, 1, 3), metric="trust"),
        _ranking("p3", (1, 3, 2), metric="topic", rater="b"),
    )
    assert [row.metric for row in table.rows] == ["trust", "topic", MEAN]
    mean = table.rows[-1]
    assert mean.versions[1].rank.value == (1 + 3) / 2, "not (1 + 1 + 3) / 3"
    assert (mean.ratings, mean.prompts, mean.raters) == (3, 3, 2)


def test_ratings_of_one_prompt_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    few = [_ranking(f"p{at}", (1, 2, 3) if rng.random() < 0.5 else (3, 2, 1)) for at in range(20)]
    many = [replace(one, rater=f"r{at}") for one in few for at in range(10)]
    first, second = (_table(*rankings).rows[0].versions[2].rank for rankings in (few, many))
    assert second.low == pytest.approx(first.low)
    assert second.high == pytest.approx(first.high)
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.value < first.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        rankings = [
            _ranking(f"p{at}", (1, 2, 3) if rng.random() < 0.4 else (2, 1, 3)) for at in range(40)
        ]
        win = _table(*rankings).rows[0].versions[1].win
        assert win is not None
        assert win.low is not None
        assert win.high is not None
        hits += win.low <= 0.6 <= win.high
    assert 0.90 <= hits / 200 <= 0.99


def test_one_prompt_has_no_interval_and_nothing_has_no_row() -> None:
    rank = _table(_ranking("p1", (1, 2, 3))).rows[0].versions[0].rank
    assert (rank.low, rank.high) == (None, None)
    assert _table().rows == ()


def test_ordinal_alpha_is_the_published_one() -> None:
    """Krippendorff (2011), example with four observers and missing values: alpha is 0.815."""
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    columns = zip(*(line.split() for line in observers), strict=True)
    units = [[int(value) for value in column if value != "."] for column in columns]
    assert krippendorff_ordinal(units) == pytest.approx(0.815, abs=0.0005)


def test_agreement_counts_items_that_two_people_ranked() -> None:
    alone = _ranking("p0", (1, 2, 3))
    agreeing = [_ranking(f"p{at}", (1, 2, 3), rater=who) for at in (1, 2) for who in "ab"]
    table = _table(alone, *agreeing)
    assert (table.alpha, table.shared) == (1.0, 2)
    opposed = [_ranking("p1", (1, 2, 3)), _ranking("p1", (3, 2, 1), rater="b")]
    alpha = _table(*opposed).alpha
    assert alpha is not None
    assert alpha < 0
    assert (_table(alone).alpha, _table(alone).shared) == (None, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (replace(_ranking("p", (1, 2, 3)), ranks={"base": 1, "sft": 2}), "exactly base, sft, dpo"),
        (_ranking("p", (0, 2, 3)), "from 1 to 3"),
        (_ranking("p", (1, 2, 3), (1, 6, 3)), "from 1 to 5"),
    ],
    ids=["a version is missing", "rank", "naturalness"],
)
def test_a_ranking_that_does_not_fit_is_refused(wrong: Ranking, told: str) -> None:
    with pytest.raises(RankingError, match=told):
        _table(wrong)


def test_the_files_hold_the_figures() -> None:
    table = _table(_ranking("p1", (3, 1, 2)), _ranking("p2", (1, 1, 3)))
    markdown = as_markdown(table)
    assert markdown.splitlines()[0].startswith("| metric | rank base (baseline) | win base")
    assert "| Trust | 2.25 [" in markdown
    assert "at least as good as base" in markdown
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["metric"] for row in rows] == ["Trust", "Mean"]
    assert (rows[0]["rank base"], rows[0]["win base"]) == ("2.2500", "")
    data = json.loads(as_json(table))
    assert data["rows"][0]["versions"][2]["win"]["value"] == 0.5


def test_a_version_named_like_a_formula_is_no_formula() -> None:
    names = ("=cmd()", "sft")
    ranking = Ranking(
        prompt="p",
        item="p",
        metric="trust",
        rater="a",
        ranks=dict.fromkeys(names, 1),
        naturalness=dict.fromkeys(names, 3),
    )
    table = make_table([ranking], versions=names, metrics=("trust",), settings=SETTINGS)
    for row in csv.reader(io.StringIO(as_csv(table))):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
