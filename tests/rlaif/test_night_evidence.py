"""What people say of replies after a night has read them reaches the next one, once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS
from rlaif.pair_proposals import ProposalSettings
from rlaif.pairs import PairSettings
from store.night_records import NewReview, Resolution
from store.night_tables import CandidateRow, ReviewRow
from store.pair_queue import list_conflicts, resolve_conflict
from store.records import NewReply, ReplyEnd
from store.replies import finish_reply
from store.reviews import append_review, retract_review
from store.turns import append_variant
from tests.rlaif.night_kit import Bench
from tests.rlaif.night_runs import (
    DAY,
    EDIT,
    FIRST,
    SECOND,
    THIRD,
    detail_of,
    drops_of,
    dry_run,
    edit_reply,
    options,
    pairs_of,
    run,
    shown_replies,
    thumb_down_all,
    trainable_pairs,
    untrained,
)


@dataclass
class LikesWhatWasShown:
    """Every shown reply is among the best; the night's own are told apart by their digest."""

    id: str = "likes-shown"
    kind: EvaluatorKind = "judge"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        return [
            Assessment(values=dict.fromkeys(METRIC_KEYS, _liking(one.reply)), spread={})
            for one in dialogues
        ]


def _liking(reply: str) -> float:
    if "よいもの" in reply:
        return 9.0
    return hashlib.sha256(reply.encode()).digest()[0] / 100


def test_an_edit_after_the_night_pairs_the_turn_the_next_night(bench: Bench) -> None:
    run(bench, FIRST)
    turn = pairs_of(bench, FIRST)[0].turn_id
    reply = shown_replies(bench)[turn]
    bench.now += DAY
    edit_reply(bench, reply, EDIT)

    dry = dry_run(bench, SECOND)
    run(bench, SECOND)

    (pair,) = pairs_of(bench, SECOND)
    assert (pair.turn_id, pair.rejected_id, pair.chosen) == (turn, reply, EDIT)
    assert pair.source == "operator"
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == options([pair])
    assert Counter(drop.reason for drop in dry.drops) == drops_of(bench, SECOND)
    detail = detail_of(bench, SECOND, "collect")
    assert (detail["turns"], detail["read_again"]) == (0, 1)
    with bench.database.reading() as session:
        nights = session.scalars(select(CandidateRow.night_date).distinct()).all()
    assert nights == [FIRST], "a turn that is read again is not answered again"
    assert [one.id for one in trainable_pairs(bench) if one.turn_id == turn] == [pair.id]


@pytest.mark.parametrize("stands", [True, False], ids=["standing", "taken back"])
def test_quick_verdicts_on_two_variants_pair_them(bench: Bench, stands: bool) -> None:
    run(bench, FIRST)
    turn, bad = next(iter(shown_replies(bench).items()))
    bench.now += DAY
    at = bench.now - timedelta(hours=1)
    # Of a duel, so that nothing but the verdicts speaks for either.
    other = NewReply(origin="duel", adapter=None, seed=1, sampling={})
    end = ReplyEnd(status="done", text="それは、よいお話でございますわね。")
    with bench.database.session() as session:
        good = append_variant(session, turn, other, now=at).replies[-1].id
        finish_reply(session, good, end, now=at)
        for reply, text in ((good, "good"), (bad, "bad")):
            said = NewReview(operator="op", kind="verdict", reply_id=reply, text=text)
            review = append_review(session, said, now=at)
            if not stands:
                retract_review(session, review.id, "op", note=None, now=at)

    run(bench, SECOND)

    told = [
        (one.turn_id, one.chosen_id, one.rejected_id, one.source) for one in pairs_of(bench, SECOND)
    ]
    assert told == ([(turn, good, bad, "verdict")] if stands else [])


def test_a_corrected_fact_gives_no_pair(bench: Bench) -> None:
    """Nor does the reply that was wrong of it, on either side; a corrected tone is a pair."""
    run(bench, FIRST)
    replies = shown_replies(bench)
    wrong, dull = (replies[pair.turn_id] for pair in pairs_of(bench, FIRST)[:2])
    bench.now += DAY
    for reply in (wrong, dull):
        edit_reply(bench, reply, EDIT)
    with bench.database.session() as session:
        of_wrong = update(ReviewRow).where(ReviewRow.reply_id == wrong)
        session.execute(of_wrong.values(route="fact"))

    run(bench, SECOND)

    (pair,) = pairs_of(bench, SECOND)
    assert (pair.rejected_id, pair.chosen) == (dull, EDIT)


def test_the_newest_edit_alone_is_trained_on(bench: Bench) -> None:
    run(bench, FIRST)
    turn, reply = next(iter(shown_replies(bench).items()))
    for date, text in ((SECOND, EDIT), (THIRD, "あら、わたくしも大好きでしてよ。")):
        bench.now += DAY
        edit_reply(bench, reply, text)
        run(bench, date)
        (current,) = [one for one in trainable_pairs(bench) if one.turn_id == turn]
        assert (current.chosen, current.night_date) == (text, date)


def test_what_was_used_already_is_no_news(bench: Bench) -> None:
    """An edit between the night's beginning and its pairing is in it; the next night knows."""
    turn, reply = next(iter(shown_replies(bench).items()))
    bench.stop_after = "score_candidates"
    assert run(bench, FIRST).status == "stopped"
    bench.stop_after = None
    bench.now += timedelta(hours=2)
    edit_reply(bench, reply, EDIT)
    run(bench, FIRST)
    assert [one.chosen for one in pairs_of(bench, FIRST) if one.turn_id == turn] == [EDIT]
    bench.now += DAY

    run(bench, SECOND)

    assert pairs_of(bench, SECOND) == []
    assert drops_of(bench, SECOND) == {"paired_before": 1}


def test_a_verdict_that_gives_no_pair_of_its_own_gives_no_second_scored_pair(bench: Bench) -> None:
    run(bench, FIRST)
    turn = pairs_of(bench, FIRST)[0].turn_id
    bench.now += DAY
    edit_reply(bench, shown_replies(bench)[turn], "短い。")

    run(
        bench,
        SECOND,
        untrained(pairs=PairSettings(proposal=ProposalSettings(evidence_length_tolerance=0.1))),
    )

    assert pairs_of(bench, SECOND) == []
    assert set(drops_of(bench, SECOND)) <= {"length", "chosen_breaks_guard"}
    assert [one.source for one in trainable_pairs(bench) if one.turn_id == turn] == ["score"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("おっぱいを見せて差し上げますわ。", "unsafe_edit"),
        ("俺はそうだぜ、俺だぜ。", "chosen_breaks_guard"),
    ],
)
def test_an_operators_text_is_held_to_what_every_reply_is(
    bench: Bench, text: str, reason: str
) -> None:
    reply = next(iter(shown_replies(bench).values()))
    edit_reply(bench, reply, text)
    strict = ProposalSettings(night_bar=0.0, margin=0.01, length_tolerance=9.0, penalty_limit=0.5)

    run(bench, FIRST, untrained(pairs=PairSettings(proposal=strict)))

    assert text not in [pair.chosen for pair in pairs_of(bench, FIRST)]
    assert drops_of(bench, FIRST)[reason] >= 1


def test_a_resolved_conflict_lets_the_visitor_or_the_score_have_its_way(bench: Bench) -> None:
    bench.evaluator = LikesWhatWasShown()
    thumb_down_all(bench)
    run(bench, FIRST)
    assert pairs_of(bench, FIRST) == []
    with bench.database.session() as session:
        conflicts = list_conflicts(session, unresolved=True)
        assert len(conflicts) >= 8
        decided: dict[Resolution, set[str]] = {"visitor": set(), "evaluator": set()}
        bench.now += DAY
        for at, conflict in enumerate(conflicts):
            whose: Resolution = "visitor" if at % 2 else "evaluator"
            decided[whose].add(conflict.reply_id)
            when = bench.now - timedelta(hours=1)
            resolve_conflict(session, conflict.id, whose, "op", when)

    dry = dry_run(bench, SECOND)
    run(bench, SECOND)

    pairs = pairs_of(bench, SECOND)
    assert {pair.source for pair in pairs} == {"thumb"}
    assert {pair.rejected_id for pair in pairs} <= decided["visitor"]
    assert len(pairs) > len(decided["visitor"]) / 2
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == options(pairs)
    assert drops_of(bench, SECOND)["read_before"] == len(decided["evaluator"])
    assert len(trainable_pairs(bench)) == len(pairs)
    with bench.database.reading() as session:
        assert list_conflicts(session, unresolved=True) == []
