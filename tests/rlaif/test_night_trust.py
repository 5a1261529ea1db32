"""Trust is frozen for a night, and what is paired is what its rewards say."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from rlaif.metrics import METRIC_KEYS
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.report import summarise_night
from rlaif.trust import MetricTrust
from store.night_records import NewReview
from store.night_tables import (
    AdapterPairRow,
    NightRewardRow,
    NightTrainingRow,
    ScoreRow,
)
from store.pairs import list_pairs
from store.reviews import append_review
from store.rewards import list_trust, load_rewards
from store.tables import ReplyRow
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, without

ORDER = NightOrder(date=DATE, owner="test")


def _run(bench: Bench, **changes: object) -> NightOutcome:
    return run_night(bench.parts(), without(night_kit.settings(), **changes), ORDER, {})


def _trust(weight: float) -> Callable[[], dict[str, MetricTrust]]:
    return lambda: {
        key: MetricTrust(metric=key, weight=weight, reviews=0, kappa=None) for key in METRIC_KEYS
    }


def _trust_used(session: Session) -> set[float]:
    rewards = session.scalars(select(NightRewardRow))
    return {part["trust"] for row in rewards for part in row.metrics.values()}


def test_pairs_are_made_of_the_rewards_that_are_stored(bench: Bench) -> None:
    bench.trust = _trust(0.25)
    _run(bench)

    with bench.database.reading() as session:
        pairs = list_pairs(session, DATE)
        ids = [one for pair in pairs for one in (pair.chosen_id, pair.rejected_id)]
        rewards = load_rewards(session, DATE, bench.evaluator.id, ids)
        scored = len(session.scalars(select(ScoreRow.id)).all())
        trained = set(session.scalars(select(NightTrainingRow.pair_id)))
        linked = set(session.scalars(select(AdapterPairRow.pair_id)))
        valued = len(session.scalars(select(NightRewardRow.score_id)).all())
    assert pairs
    assert scored == valued
    assert trained == linked
    for pair in pairs:
        chosen, rejected = rewards[pair.chosen_id], rewards[pair.rejected_id]
        assert pair.margin == chosen.total - rejected.total
        assert all(part["trust"] == 0.25 for part in chosen.metrics.values())


def test_trust_is_frozen_when_the_night_begins_to_score(bench: Bench) -> None:
    bench.trust = _trust(0.25)
    bench.stop_after = "candidates"
    _run(bench)
    bench.stop_after = None
    bench.trust = _trust(1.0)  # Operators wrote reviews while it was stopped.

    _run(bench)

    with bench.database.reading() as session:
        assert {one.weight for one in list_trust(session, DATE)} == {0.25}
        assert _trust_used(session) == {0.25}
    assert bench.measured_with == [dict.fromkeys(METRIC_KEYS, 0.25)] * 2


def test_a_night_opened_again_asks_for_trust_anew(bench: Bench) -> None:
    bench.trust = _trust(0.25)
    _run(bench, min_pairs=1000)
    bench.trust = _trust(1.0)
    again = NightOrder(date=DATE, owner="test", again=True)

    run_night(bench.parts(), night_kit.settings(), again, {})

    with bench.database.reading() as session:
        assert _trust_used(session) == {1.0}


def test_a_verdict_two_nights_share_is_worth_something_in_each(bench: Bench) -> None:
    bench.trust = _trust(0.25)
    waiting = _run(bench, approval="required")
    asked = len(bench.evaluator.asked)  # type: ignore[attr-defined]
    with bench.database.session() as session:
        # What operators said since makes the next night read the turns again.
        for reply in session.scalars(select(ReplyRow.id)).all():
            edit = NewReview(
                operator="op", kind="edit", reply_id=reply, text=f"まあ、{reply[:4]}ですわ。"
            )
            append_review(session, edit, now=bench.now + night_kit.timedelta(hours=1))
    bench.now += night_kit.timedelta(days=1)
    bench.trust = _trust(1.0)
    run_night(bench.parts(), night_kit.settings(), NightOrder(date="2026-09-26", owner="test"), {})

    with bench.database.reading() as session:
        first, second = (summarise_night(session, date) for date in (DATE, "2026-09-26"))
    assert waiting.status == "waiting"
    assert first.turns == second.turns == 12
    (one,), (other,) = first.counts.evaluators, second.counts.evaluators
    assert one.shown.means == other.shown.means
    assert 4 * one.shown.parts["topic"] == pytest.approx(other.shown.parts["topic"])
    again = bench.evaluator.asked[asked:]  # type: ignore[attr-defined]
    assert not again, "a shared reply was paid for twice"
