"""What a night reads, leaves, trains on again or not, and what a judge or a cap takes out of it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from rlaif.errors import JudgeUnreachableError
from rlaif.evaluator import Comparison, Dialogue, Preferred, Unscored
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairSettings
from store.adapters import load_adapter
from store.erase import erase_visitor
from store.night_tables import AdapterPairRow, CandidateRow, PairRow
from store.pair_verdicts import decide_pair
from store.tables import TurnRow
from tests.rlaif import night_kit
from tests.rlaif.night_kit import Bench, without
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
    untrained,
)


def test_what_a_night_has_no_room_for_the_next_one_reads(bench: Bench) -> None:
    with bench.database.reading() as session:
        said = session.scalars(select(TurnRow.id).order_by(TurnRow.created_at)).all()
    few = untrained(max_turns=5)

    dry = dry_run(bench, FIRST, few)
    for date in (FIRST, SECOND, THIRD):
        run(bench, date, few)
        bench.now += DAY

    assert Counter(drop.reason for drop in dry.drops)["too_many"] == 7
    read = []
    for date, left in ((FIRST, 7), (SECOND, 2), (THIRD, 0)):
        assert drops_of(bench, date)["too_many"] == left
        assert detail_of(bench, date, "collect")["too_many"] == left
        with bench.database.reading() as session:
            made = select(CandidateRow.turn_id).where(CandidateRow.night_date == date)
            read.append(set(session.scalars(made)))
    assert read == [set(said[:5]), set(said[5:10]), set(said[10:])]


def test_the_pairs_of_a_failed_night_are_not_made_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(bench, "_train", broken)
    assert run(bench, FIRST, night_kit.settings()).status == "failed"
    monkeypatch.undo()
    first = pairs_of(bench, FIRST)
    bench.now += DAY

    outcome = run(bench, SECOND, night_kit.settings())

    assert outcome.status == "published", outcome.decision
    assert pairs_of(bench, SECOND) == []
    with bench.database.reading() as session:
        linked = set(session.scalars(select(AdapterPairRow.pair_id)))
    assert linked == {pair.id for pair in first}


def test_a_turn_that_two_nights_read_has_one_scored_pair(bench: Bench) -> None:
    """A night that stopped before pairing is resumed after the next one has read its turns."""
    bench.stop_after = "score_candidates"
    run(bench, FIRST)
    bench.stop_after = None
    bench.now += DAY
    run(bench, SECOND)

    run(bench, FIRST)

    assert pairs_of(bench, SECOND)
    assert pairs_of(bench, FIRST) == []
    assert drops_of(bench, FIRST)["read_before"] == len(pairs_of(bench, SECOND))


def test_after_an_erasure_a_silent_night_trains_without_that_visitor(
    bench: Bench, tmp_path: Path
) -> None:
    first = run(bench, FIRST, night_kit.settings())
    assert first.status == "published", first.decision
    gone = pairs_of(bench, FIRST)[0].visitor_id
    bench.now += DAY
    exports = tmp_path / "exports"
    erase_visitor(bench.database, gone, exports=exports, actor="test", now=bench.now)
    left = {pair.id for pair in pairs_of(bench, FIRST)}

    second = run(bench, SECOND, night_kit.settings())
    bench.now += DAY
    third = run(bench, THIRD, night_kit.settings())

    assert second.status == "published", second.decision
    with bench.database.reading() as session:
        wanted = select(AdapterPairRow.pair_id).where(AdapterPairRow.adapter_id == second.adapter)
        assert set(session.scalars(wanted)) == left
    assert third.status == "skipped", "nothing changed since"
    assert "nobody" in third.decision


def test_a_flipped_pair_is_reason_enough_for_a_silent_night(bench: Bench) -> None:
    bench.better = False
    assert run(bench, FIRST, night_kit.settings()).status == "refused"
    bench.now += DAY
    assert run(bench, SECOND, night_kit.settings()).status == "skipped"
    with bench.database.session() as session:
        decide_pair(
            session, session.scalars(select(PairRow.id)).all()[0], "flipped", "o", bench.now
        )
    bench.better = True
    bench.now += DAY

    assert run(bench, THIRD, night_kit.settings()).status == "published"
    assert bench.trainings == 2


@dataclass
class ScriptedJudge:
    """Answers by the digest of the first reply; remembers what it was asked."""

    id: str = "judge-1"
    fails_after: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise JudgeUnreachableError("nobody there")
        self.asked.append((reply_a, reply_b))
        answers: tuple[Preferred, ...] = ("a", "tie", "b")
        found = answers[len(self.asked) % 3]
        return Comparison(preferred=found, flipped=found == "tie", reasons=("", ""))


def test_a_judge_confirms_scored_pairs_once(bench: Bench) -> None:
    plain = dry_run(bench, FIRST)
    turn, reply = next(iter(shown_replies(bench).items()))
    edit_reply(bench, reply, EDIT)
    judge = ScriptedJudge()
    bench.pair_judge = judge

    dry = dry_run(bench, FIRST)
    asked = len(judge.asked)
    run(bench, FIRST)

    assert len(judge.asked) == asked > 3, "a comparison was paid for twice"
    assert EDIT not in {text for pair in judge.asked for text in pair}
    pairs = pairs_of(bench, FIRST)
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == options(pairs)
    assert Counter(drop.reason for drop in dry.drops) == drops_of(bench, FIRST)
    assert [one.source for one in pairs if one.turn_id == turn] == ["operator"]
    scored = [one for one in plain.pairs if one.turn_id != turn]
    drops = drops_of(bench, FIRST)
    assert drops["tie"] + drops["reversed"] + len(pairs) - 1 == len(scored)
    assert drops["tie"] > 0 < drops["reversed"]


def test_a_judge_that_falls_silent_confirms_no_more_and_one_that_never_spoke_fails(
    bench: Bench,
) -> None:
    bench.pair_judge = ScriptedJudge(fails_after=0)
    assert run(bench, FIRST).status == "failed"
    bench.pair_judge = ScriptedJudge(fails_after=2)
    bench.now += DAY
    assert run(bench, SECOND).status == "skipped"
    assert drops_of(bench, SECOND)["unconfirmed"] > 0


def test_strangers_together_have_their_share_and_an_owner_alone_all(bench: Bench) -> None:
    caps = CapSettings(share=1.0, anonymous_share=0.0006)  # of 5,306 rows: 3
    kit = night_kit.settings().pairs.proposal
    narrow = PairSettings(proposal=kit, caps=caps)
    outcome = run(bench, FIRST, without(night_kit.settings(), pairs=narrow))
    assert outcome.status == "skipped"
    assert len(pairs_of(bench, FIRST)) == 3
    assert drops_of(bench, FIRST)["anonymous_cap"] > 0


def test_what_a_cap_keeps_out_of_the_training_is_told(bench: Bench) -> None:
    run(bench, FIRST)
    made = len(pairs_of(bench, FIRST))
    assert made > 6
    bench.now += DAY
    # Stricter caps than those the pairs were taken under.
    caps = CapSettings(share=1.0, anonymous_share=5.5 / 5312)
    narrow = PairSettings(proposal=night_kit.settings().pairs.proposal, caps=caps)

    outcome = run(bench, SECOND, without(night_kit.settings(), pairs=narrow))

    assert outcome.status == "published", outcome.decision
    assert detail_of(bench, SECOND, "train")["pairs"] == 5
    assert detail_of(bench, SECOND, "train")["left_out"] == {"anonymous_cap": made - 5}
    assert outcome.adapter is not None
    with bench.database.reading() as session:
        details = load_adapter(session, outcome.adapter).manifest["details"]
    assert details == {
        "evaluator": "fixed-1",
        "drops": {},
        "left_out": {"anonymous_cap": made - 5},
    }
