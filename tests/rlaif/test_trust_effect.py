"""What another trust makes of a night's rewards and pairs."""

import pytest

from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.penalties import TextFacts
from rlaif.reward import RewardSettings, reward_of, reward_record
from rlaif.trust_effect import metric_shares, repair, retrusted
from store.night_records import RewardPair, RewardRecord


def _reward(trust: float, points: float = 0.0, **values: float) -> RewardRecord:
    """A reward of some metrics of equal weight."""
    weight = 1 / len(values)
    parts = {
        key: {"value": value, "weight": weight, "trust": trust, "part": value * weight * trust}
        for key, value in values.items()
    }
    total = sum(part["part"] for part in parts.values()) - points
    guards: dict[str, dict[str, float | str]] = {
        "dullness": {"severity": 1.0, "points": points, "note": ""}
    }
    return RewardRecord(total=total, settings="s", metrics=parts, guards=guards)


def _pair(name: str, chosen: RewardRecord, rejected: RewardRecord, source: str) -> RewardPair:
    return RewardPair(
        pair_id=name,
        chosen_id=f"{name}+",
        rejected_id=f"{name}-",
        source=source,
        chosen=chosen,
        rejected=rejected,
    )


def test_a_stored_reward_under_its_own_trust_is_itself() -> None:
    settings = RewardSettings(weights={"trust": 2.0, "topic": 1.0})
    values = {key: float(at % 11) for at, key in enumerate(METRIC_KEYS)}
    facts = TextFacts(dullness=0.5)
    trust = {"trust": 0.25, "topic": 0.75}
    reward = reward_of(Assessment(values=values, spread={}), facts, settings, trust)
    record = reward_record(reward, "s")
    assert retrusted(record, {}) == pytest.approx(reward.total)
    for other in ({"trust": 0.0, "topic": 1.0}, {"trust": 1.0, "topic": 0.1}):
        anew = reward_of(Assessment(values=values, spread={}), facts, settings, other)
        assert retrusted(record, other) == pytest.approx(anew.total)


def test_pairs_reverse_fall_under_the_margin_or_stay() -> None:
    # ease favours the chosen one by 4, topic by -2, in halves: margin 2 - 1 = 1 at full trust.
    chosen, rejected = _reward(1.0, ease=8, topic=4), _reward(1.0, ease=4, topic=6)
    pairs = [_pair("p", chosen, rejected, "score")]
    for ease, after, fate in (
        (1.0, 1.0, "kept"),
        (0.6, 0.2, "under_margin"),
        (0.0, -1.0, "reversed"),
    ):
        (change,) = repair(pairs, {"ease": ease}, margin=0.3).pairs
        assert change.before == pytest.approx(1.0)
        assert change.after == pytest.approx(after)
        assert change.fate == fate


def test_guards_need_no_trust() -> None:
    chosen, rejected = _reward(1.0, ease=8), _reward(1.0, points=2.0, ease=8)
    (change,) = repair([_pair("p", chosen, rejected, "score")], {"ease": 0.0}, margin=0.3).pairs
    assert (change.after, change.fate) == (2.0, "kept")


def test_what_a_person_decided_stays_out() -> None:
    chosen, rejected = _reward(1.0, ease=8), _reward(1.0, ease=4)
    pairs = [_pair(source, chosen, rejected, source) for source in ("score", "thumb", "operator")]
    found = repair(pairs, {"ease": 0.0}, margin=0.3)
    assert [one.pair_id for one in found.pairs] == ["score"]
    assert found.count("under_margin") == 1


def test_shares_with_and_without_trust() -> None:
    found = metric_shares({"ease": 3.0, "topic": 1.0}, {"ease": 0.5, "topic": 1.0})
    # 0.75 x 0.5 = 0.375 and 0.25 x 1: of 0.625 in all they are 0.6 and 0.4.
    ease, topic = found["ease"], found["topic"]
    assert (ease.weight, ease.counted, ease.share) == pytest.approx((0.75, 0.375, 0.6))
    assert (topic.weight, topic.counted, topic.share) == pytest.approx((0.25, 0.25, 0.4))
    nothing = metric_shares({"ease": 1.0}, {"ease": 0.0})["ease"]
    assert (nothing.counted, nothing.share) == (0.0, 0.0)


def test_a_pair_that_never_had_the_margin_tells_nothing_of_trust() -> None:
    pair = _pair("p", _reward(1.0, ease=8.1), _reward(1.0, ease=8), "score")
    assert repair([pair], {"ease": 0.0}, margin=0.3).pairs == ()
