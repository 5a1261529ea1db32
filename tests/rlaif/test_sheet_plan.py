"""Which prompts stand on a sheet and in which order their replies are seen."""

from collections import Counter

import pytest

from persona.card import SHIPPED_CARD
from persona.dialogues import DialogueRow, read_card_rows
from rlaif.errors import RankingError
from rlaif.metrics import METRIC_KEYS
from rlaif.sheet_plan import held_out_prompts, plan_items, reply_seed, shown_order

VERSIONS = ("base", "v1", "v2")


@pytest.fixture(scope="module")
def prompts() -> tuple[DialogueRow, ...]:
    return held_out_prompts(read_card_rows(SHIPPED_CARD, "train", "validation", "test"))


def test_only_test_dialogues_that_no_training_row_resembles_in_topic(
    prompts: tuple[DialogueRow, ...],
) -> None:
    seen = {row.topic for row in read_card_rows(SHIPPED_CARD, "train", "validation")}
    assert len(prompts) >= 90
    assert {row.split for row in prompts} == {"test"}
    assert not {row.topic for row in prompts} & seen


def test_metrics_take_turns_and_prompts_differ(prompts: tuple[DialogueRow, ...]) -> None:
    items = plan_items(prompts, metrics=METRIC_KEYS, prompts=8, seed=1)
    assert [item.metric for item in items[:13]] == [*METRIC_KEYS, METRIC_KEYS[0]]
    assert Counter(item.metric for item in items) == dict.fromkeys(METRIC_KEYS, 8)
    assert len({item.prompt for item in items}) == len(items) == 96


def test_a_metric_never_gets_a_prompt_twice(prompts: tuple[DialogueRow, ...]) -> None:
    items = plan_items(prompts, metrics=METRIC_KEYS, prompts=len(prompts), seed=1)
    pairs = Counter((item.metric, item.prompt) for item in items)
    assert set(pairs.values()) == {1}
    with pytest.raises(RankingError, match=f"expected 1 to {len(prompts)}"):
        plan_items(prompts, metrics=METRIC_KEYS, prompts=len(prompts) + 1, seed=1)


def test_the_seed_decides(prompts: tuple[DialogueRow, ...]) -> None:
    def plan(seed: int) -> tuple[str, ...]:
        items = plan_items(prompts, metrics=("trust",), prompts=5, seed=seed)
        return tuple(item.prompt for item in items)

    assert plan(1) == plan(1) != plan(2)
    assert reply_seed(1, "p") == reply_seed(1, "p")
    assert len({reply_seed(seed, p) for seed in (1, 2) for p in "pq"}) == 4


def test_every_order_is_seen_and_differs_from_person_to_person() -> None:
    def order(number: int, operator: str) -> tuple[str, ...]:
        return shown_order(VERSIONS, sheet="s", seed=1, number=number, operator=operator)

    counts = Counter(order(number, "a") for number in range(600))
    assert len(counts) == 6
    # 600 draws of six orders: 100 each, standard deviation 9.1; five of them.
    assert all(54 <= count <= 146 for count in counts.values())
    assert order(1, "a") == order(1, "a")
    assert sum(order(number, "a") != order(number, "b") for number in range(60)) > 30
