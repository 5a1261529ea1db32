"""The parts of a reward and what they sum up to."""

import pytest

from rlaif.errors import PairingError
from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.penalties import PenaltySettings, TextFacts
from rlaif.reward import (
    RewardSettings,
    reward_of,
    reward_record,
    settings_digest,
    stored_reward,
)

ASSESSMENT = Assessment(
    values={key: float(at % 11) for at, key in enumerate(METRIC_KEYS)}, spread={}
)
CLEAN = TextFacts()


def test_one_metric_alone_is_its_value() -> None:
    settings = RewardSettings(weights={"topic": 3.0})
    reward = reward_of(ASSESSMENT, CLEAN, settings, {})
    assert reward.parts == {"topic": ASSESSMENT.values["topic"]}
    assert reward.total == ASSESSMENT.values["topic"]


def test_a_mixture_is_the_weighted_mean() -> None:
    # agency is 0, attentiveness 1, consistency 2: (1 x 1 + 3 x 2) / 4 = 1.75
    settings = RewardSettings(weights={"attentiveness": 1.0, "consistency": 3.0})
    assert reward_of(ASSESSMENT, CLEAN, settings, {}).total == pytest.approx(1.75)


def test_trust_takes_a_metric_down_and_guards_stay() -> None:
    settings = RewardSettings(
        weights={"attentiveness": 1.0, "consistency": 1.0}, points={"dullness": 3.0}
    )
    facts = TextFacts(dullness=0.5, register=1.0)
    reward = reward_of(ASSESSMENT, facts, settings, {"consistency": 0.0, "attentiveness": 0.5})
    assert reward.parts == {"attentiveness": 0.25, "consistency": 0.0}
    assert reward.penalties == {"dullness": 1.5}
    record = reward_record(reward, settings_digest(settings, PenaltySettings()))
    assert record.metrics["attentiveness"]["weight"] == 0.5
    assert record.metrics["attentiveness"]["trust"] == 0.5
    assert record.guards["dullness"]["severity"] == 0.5
    assert stored_reward(record) == reward
    other = PenaltySettings(longest=61)
    assert record.settings != settings_digest(settings, other)
    assert reward.total == pytest.approx(0.25 - 1.5)


def test_the_total_is_parts_minus_penalties() -> None:
    facts = TextFacts(dullness=0.2, length=0.3, register=0.5, repetition=1.0, contradiction=1.0)
    reward = reward_of(ASSESSMENT, facts, RewardSettings(), {})
    assert set(reward.parts) == set(METRIC_KEYS)
    assert all(points >= 0 for points in reward.penalties.values())
    assert reward.total == pytest.approx(
        sum(reward.parts.values()) - sum(reward.penalties.values())
    )


@pytest.mark.parametrize(
    "wrong", [{"weights": {"charm": 1.0}}, {"weights": {"topic": 0.0}}, {"points": {"length": 11}}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, dict[str, float]]) -> None:
    with pytest.raises(PairingError):
        RewardSettings(**wrong)  # type: ignore[arg-type]
