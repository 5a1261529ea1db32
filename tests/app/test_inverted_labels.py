"""Operators who contradict a metric take it out of the next night's pairs."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from app.agreement import Judge, agreement_report
from app.evaluator_trust import evaluator_trust
from app.settings import load_settings
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind
from rlaif.metrics import METRIC_KEYS
from rlaif.night import Rehearsal, rehearse, run_night
from rlaif.night_ledger import NightOrder
from rlaif.night_work import NightSettings
from rlaif.preference import Preference
from rlaif.reward import RewardSettings
from store.database import Database
from store.night_records import NewReview, RewardRecord
from store.pairs import list_pairs
from store.reviews import append_review
from store.rewards import list_trust, load_rewards
from store.scores import load_scores
from store.tables import ReplyRow
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, install_anchor, talk_a_day, without

EVALUATOR = "by-word-1"
Said = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class ByWord:
    """Values each metric by its own digest of the reply: metrics that know nothing of each other."""

    id: str = EVALUATOR
    kind: EvaluatorKind = "judge"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment]:
        return [
            Assessment(values={key: _value(key, one.reply) for key in METRIC_KEYS}, spread={})
            for one in dialogues
        ]


def _value(metric: str, reply: str) -> float:
    return hashlib.sha256(f"{metric} {reply}".encode()).digest()[0] / 25.5


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Bench:
    """Fifteen people with two replies each, and the trust that the product's nights ask for."""
    torch.set_num_threads(1)
    install_anchor(database, tmp_path)
    talk_a_day(database, people=15)
    made = Bench(database, tmp_path, evaluator=ByWord())
    made.trust = lambda: evaluator_trust(database, EVALUATOR, None, made.now)
    return made


def _settings(*metrics: str) -> NightSettings:
    """Nothing but these metrics decides."""
    reward = RewardSettings(weights=dict.fromkeys(metrics, 1.0), points={})
    return without(night_kit.settings(), reward=reward)


def _review(bench: Bench, said: Mapping[str, Said]) -> None:
    """An operator rates all thirty replies; `said` makes a rating of the evaluator's value."""
    with bench.database.session() as session:
        replies = list(session.scalars(select(ReplyRow.id).order_by(ReplyRow.id)))
        assert len(replies) == 30
        scores = load_scores(session, replies, EVALUATOR)
        for reply in replies:
            for metric, rating in said.items():
                value = round(rating(scores[reply].values[metric]))
                review = NewReview(
                    operator="op", kind="metric", reply_id=reply, metric=metric, value=value
                )
                append_review(session, review, now=bench.now)


def _same(value: float) -> float:
    return value


def _inverted(value: float) -> float:
    return 10 - value


def _dry_run(bench: Bench, settings: NightSettings) -> tuple[Preference, ...]:
    dry = rehearse(bench.parts(), settings, NightOrder(date=DATE, owner="dry"))
    assert isinstance(dry, Rehearsal)
    return dry.pairing.pairs


def _weights(bench: Bench) -> dict[str, float]:
    with bench.database.reading() as session:
        return {one.metric: one.weight for one in list_trust(session, DATE)}


def _rewards(bench: Bench, pairs: Sequence[Preference]) -> dict[str, RewardRecord]:
    ids = [one for pair in pairs for one in (pair.chosen_id, pair.rejected_id)]
    with bench.database.reading() as session:
        return load_rewards(session, DATE, EVALUATOR, ids)


def test_thirty_inverted_labels_weigh_nothing_in_the_next_dry_run(bench: Bench) -> None:
    settings = _settings("empathetic", "topic")
    before = _dry_run(bench, settings)
    unread = _weights(bench)
    _review(bench, {"empathetic": _inverted, "topic": _same})

    after = _dry_run(bench, settings)

    assert unread == dict.fromkeys(METRIC_KEYS, 0.5), "the prior, before anybody reviewed"
    assert _weights(bench) == {
        key: {"empathetic": 0.0, "topic": 1.0}.get(key, 0.5) for key in METRIC_KEYS
    }
    assert any(_value("topic", p.chosen) < _value("topic", p.rejected) for p in before)
    assert after
    rewards = _rewards(bench, after)
    for pair in after:
        points = (_value("topic", pair.chosen) - _value("topic", pair.rejected)) / 2
        assert points > 0, "only what operators agree with chooses"
        assert pair.margin == pytest.approx(points)
        assert rewards[pair.chosen_id].metrics["empathetic"]["part"] == 0.0


def test_a_metric_that_is_the_whole_reward_pairs_nothing_once_inverted(bench: Bench) -> None:
    settings = _settings("empathetic")
    before = _dry_run(bench, settings)
    _review(bench, {"empathetic": _inverted})

    assert before
    assert _dry_run(bench, settings) == ()


def test_the_night_itself_counts_what_was_reviewed_after_its_dry_run(bench: Bench) -> None:
    settings = _settings("empathetic", "topic")
    _dry_run(bench, settings)
    _review(bench, {"empathetic": _inverted})
    dry = _dry_run(bench, settings)

    run_night(bench.parts(), settings, NightOrder(date=DATE, owner="test"), {})

    assert _weights(bench)["empathetic"] == 0.0
    assert all(one.metrics["empathetic"]["trust"] == 0.0 for one in _rewards(bench, dry).values())


def test_the_report_tells_what_todays_weights_make_of_the_night_before(bench: Bench) -> None:
    settings = _settings("empathetic", "topic")
    run_night(bench.parts(), settings, NightOrder(date=DATE, owner="test"), {})
    with bench.database.reading() as session:
        scored = [one for one in list_pairs(session, DATE) if one.source == "score"]
    _review(bench, {"empathetic": _inverted, "topic": _same})

    judge = Judge(id=EVALUATOR, learnt_until=None)
    report = agreement_report(load_settings(bench.home), bench.database, judge, bench.now)

    # The night trusted both by half; now empathetic counts for nothing and topic fully.
    after = [(_value("topic", one.chosen) - _value("topic", one.rejected)) / 2 for one in scored]
    had = [one for one, pair in zip(after, scored, strict=True) if (pair.margin or 0) >= 0.3]
    assert report.night == DATE
    assert len(report.change.pairs) == len(had) > 0
    assert report.change.count("reversed") == sum(one < 0 for one in had) > 0
    assert report.change.count("under_margin") == sum(0 <= one < 0.3 for one in had)
    assert report.shares["topic"].share > report.shares["ease"].share > 0
    assert report.shares["empathetic"].share == 0
