"""What people say of replies after a night has read them reaches the next one, once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from rlaif.errors import JudgeUnreachableError
from rlaif.evaluator import Assessment, Comparison, Dialogue, EvaluatorKind, Preferred, Unscored
from rlaif.metrics import METRIC_KEYS
from rlaif.night import NightOrder, NightOutcome, rehearse, run_night
from rlaif.night_work import NightSettings
from rlaif.pair_caps import CapSettings
from rlaif.pair_proposals import ProposalSettings
from rlaif.pairs import Pairing, PairSettings
from store.database import Database
from store.erase import erase_visitor
from store.night_records import NewReview, Night, Resolution, StoredPair
from store.night_tables import AdapterPairRow, CandidateRow, PairRow
from store.nights import load_night
from store.pair_queue import list_conflicts, list_drops, resolve_conflict
from store.pairs import decide_pair, list_pairs, list_trainable_pairs
from store.reviews import append_review
from store.tables import ReplyRow, TurnRow
from store.turns import set_feedback
from store.visitors import Owner
from tests.rlaif import night_kit
from tests.rlaif.night_kit import Bench, install_anchor, talk_a_day, without

FIRST, SECOND, THIRD = "2026-09-25", "2026-09-26", "2026-09-27"
DAY = timedelta(days=1)
EDIT = "まあ、それはまことに楽しそうですわね。"


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


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Bench:
    install_anchor(database, tmp_path)
    talk_a_day(database)
    return Bench(database, tmp_path)


def _untrained(**changes: object) -> NightSettings:
    return without(night_kit.settings(), min_pairs=1000, **changes)


def _night(bench: Bench, date: str, settings: NightSettings | None = None) -> NightOutcome:
    return run_night(
        bench.parts(), settings or _untrained(), NightOrder(date=date, owner="test"), {}
    )


def _dry(bench: Bench, date: str, settings: NightSettings | None = None) -> Pairing:
    found = rehearse(
        bench.parts(), settings or _untrained(), NightOrder(date=date, owner="test"), {}
    )
    assert isinstance(found, Pairing), found
    return found


def _pairs(bench: Bench, date: str) -> list[StoredPair]:
    with bench.database.reading() as session:
        return list_pairs(session, date)


def _trainable(bench: Bench) -> list[StoredPair]:
    with bench.database.reading() as session:
        return list_trainable_pairs(session, now=bench.now, retention=timedelta(days=90))


def _detail(bench: Bench, date: str, step: str) -> dict[str, object]:
    with bench.database.reading() as session:
        night: Night | None = load_night(session, date)
    assert night is not None
    return dict(next(one.detail for one in night.steps if one.step == step))


def _drops(bench: Bench, date: str) -> Counter[str]:
    with bench.database.reading() as session:
        return Counter(drop.reason for drop in list_drops(session, date))


def _edit(bench: Bench, reply_id: str, text: str) -> None:
    review = NewReview(operator="op", kind="edit", reply_id=reply_id, text=text)
    with bench.database.session() as session:
        append_review(session, review, now=bench.now - timedelta(hours=1))


def _shown(bench: Bench) -> dict[str, str]:
    """The only reply of each turn, by turn."""
    with bench.database.reading() as session:
        return {
            turn: reply for reply, turn in session.execute(select(ReplyRow.id, ReplyRow.turn_id))
        }


def _thumb_down_all(bench: Bench) -> None:
    with bench.database.session() as session:
        for turn in session.scalars(select(TurnRow)).all():
            owner = Owner(visitor_id=turn.conversation.visitor_id)
            reply = turn.replies[0].id
            set_feedback(session, owner, reply, "down", None, now=bench.now - timedelta(hours=1))


def _options(pairs: Sequence[StoredPair]) -> set[tuple[str, str]]:
    return {(pair.chosen_id, pair.rejected_id) for pair in pairs}


def test_an_edit_after_the_night_pairs_the_turn_the_next_night(bench: Bench) -> None:
    _night(bench, FIRST)
    turn = _pairs(bench, FIRST)[0].turn_id
    reply = _shown(bench)[turn]
    bench.now += DAY
    _edit(bench, reply, EDIT)

    dry = _dry(bench, SECOND)
    _night(bench, SECOND)

    (pair,) = _pairs(bench, SECOND)
    assert (pair.turn_id, pair.rejected_id, pair.chosen) == (turn, reply, EDIT)
    assert pair.source == "operator"
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == _options([pair])
    assert Counter(drop.reason for drop in dry.drops) == _drops(bench, SECOND)
    detail = _detail(bench, SECOND, "collect")
    assert (detail["turns"], detail["read_again"]) == (0, 1)
    with bench.database.reading() as session:
        nights = session.scalars(select(CandidateRow.night_date).distinct()).all()
    assert nights == [FIRST], "a turn that is read again is not answered again"
    assert [one.id for one in _trainable(bench) if one.turn_id == turn] == [pair.id]


def test_the_newest_edit_alone_is_trained_on(bench: Bench) -> None:
    _night(bench, FIRST)
    turn, reply = next(iter(_shown(bench).items()))
    for date, text in ((SECOND, EDIT), (THIRD, "あら、わたくしも大好きでしてよ。")):
        bench.now += DAY
        _edit(bench, reply, text)
        _night(bench, date)
        (current,) = [one for one in _trainable(bench) if one.turn_id == turn]
        assert (current.chosen, current.night_date) == (text, date)


def test_what_was_used_already_is_no_news(bench: Bench) -> None:
    """An edit between the night's beginning and its pairing is in it; the next night knows."""
    turn, reply = next(iter(_shown(bench).items()))
    bench.stop_after = "score_candidates"
    assert _night(bench, FIRST).status == "stopped"
    bench.stop_after = None
    bench.now += timedelta(hours=2)
    _edit(bench, reply, EDIT)
    _night(bench, FIRST)
    assert [one.chosen for one in _pairs(bench, FIRST) if one.turn_id == turn] == [EDIT]
    bench.now += DAY

    _night(bench, SECOND)

    assert _pairs(bench, SECOND) == []
    assert _drops(bench, SECOND) == {"paired_before": 1}


def test_a_verdict_that_gives_no_pair_of_its_own_gives_no_second_scored_pair(bench: Bench) -> None:
    _night(bench, FIRST)
    turn = _pairs(bench, FIRST)[0].turn_id
    bench.now += DAY
    _edit(bench, _shown(bench)[turn], "短い。")

    _night(
        bench,
        SECOND,
        _untrained(pairs=PairSettings(proposal=ProposalSettings(evidence_length_tolerance=0.1))),
    )

    assert _pairs(bench, SECOND) == []
    assert set(_drops(bench, SECOND)) <= {"length", "chosen_breaks_guard"}
    assert [one.source for one in _trainable(bench) if one.turn_id == turn] == ["score"]


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
    reply = next(iter(_shown(bench).values()))
    _edit(bench, reply, text)
    strict = ProposalSettings(night_bar=0.0, margin=0.01, length_tolerance=9.0, penalty_limit=0.5)

    _night(bench, FIRST, _untrained(pairs=PairSettings(proposal=strict)))

    assert text not in [pair.chosen for pair in _pairs(bench, FIRST)]
    assert _drops(bench, FIRST)[reason] >= 1


def test_a_resolved_conflict_lets_the_visitor_or_the_score_have_its_way(bench: Bench) -> None:
    bench.evaluator = LikesWhatWasShown()
    _thumb_down_all(bench)
    _night(bench, FIRST)
    assert _pairs(bench, FIRST) == []
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

    dry = _dry(bench, SECOND)
    _night(bench, SECOND)

    pairs = _pairs(bench, SECOND)
    assert {pair.source for pair in pairs} == {"thumb"}
    assert {pair.rejected_id for pair in pairs} <= decided["visitor"]
    assert len(pairs) > len(decided["visitor"]) / 2
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == _options(pairs)
    assert _drops(bench, SECOND)["read_before"] == len(decided["evaluator"])
    assert len(_trainable(bench)) == len(pairs)
    with bench.database.reading() as session:
        assert list_conflicts(session, unresolved=True) == []


def test_what_a_night_has_no_room_for_the_next_one_reads(bench: Bench) -> None:
    with bench.database.reading() as session:
        said = session.scalars(select(TurnRow.id).order_by(TurnRow.created_at)).all()
    few = _untrained(max_turns=5)

    dry = _dry(bench, FIRST, few)
    for date in (FIRST, SECOND, THIRD):
        _night(bench, date, few)
        bench.now += DAY

    assert Counter(drop.reason for drop in dry.drops)["too_many"] == 7
    read = []
    for date, left in ((FIRST, 7), (SECOND, 2), (THIRD, 0)):
        assert _drops(bench, date)["too_many"] == left
        assert _detail(bench, date, "collect")["too_many"] == left
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
    assert _night(bench, FIRST, night_kit.settings()).status == "failed"
    monkeypatch.undo()
    first = _pairs(bench, FIRST)
    bench.now += DAY

    outcome = _night(bench, SECOND, night_kit.settings())

    assert outcome.status == "published", outcome.decision
    assert _pairs(bench, SECOND) == []
    with bench.database.reading() as session:
        linked = set(session.scalars(select(AdapterPairRow.pair_id)))
    assert linked == {pair.id for pair in first}


def test_a_turn_that_two_nights_read_has_one_scored_pair(bench: Bench) -> None:
    """A night that stopped before pairing is resumed after the next one has read its turns."""
    bench.stop_after = "score_candidates"
    _night(bench, FIRST)
    bench.stop_after = None
    bench.now += DAY
    _night(bench, SECOND)

    _night(bench, FIRST)

    assert _pairs(bench, SECOND)
    assert _pairs(bench, FIRST) == []
    assert _drops(bench, FIRST)["read_before"] == len(_pairs(bench, SECOND))


def test_after_an_erasure_a_silent_night_trains_without_that_visitor(
    bench: Bench, tmp_path: Path
) -> None:
    first = _night(bench, FIRST, night_kit.settings())
    assert first.status == "published", first.decision
    gone = _pairs(bench, FIRST)[0].visitor_id
    bench.now += DAY
    exports = tmp_path / "exports"
    erase_visitor(bench.database, gone, exports=exports, actor="test", now=bench.now)
    left = {pair.id for pair in _pairs(bench, FIRST)}

    second = _night(bench, SECOND, night_kit.settings())
    bench.now += DAY
    third = _night(bench, THIRD, night_kit.settings())

    assert second.status == "published", second.decision
    with bench.database.reading() as session:
        wanted = select(AdapterPairRow.pair_id).where(AdapterPairRow.adapter_id == second.adapter)
        assert set(session.scalars(wanted)) == left
    assert third.status == "skipped", "nothing changed since"
    assert "nobody" in third.decision


def test_a_flipped_pair_is_reason_enough_for_a_silent_night(bench: Bench) -> None:
    bench.better = False
    assert _night(bench, FIRST, night_kit.settings()).status == "refused"
    bench.now += DAY
    assert _night(bench, SECOND, night_kit.settings()).status == "skipped"
    with bench.database.session() as session:
        decide_pair(
            session, session.scalars(select(PairRow.id)).all()[0], "flipped", "o", bench.now
        )
    bench.better = True
    bench.now += DAY

    assert _night(bench, THIRD, night_kit.settings()).status == "published"
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
    plain = _dry(bench, FIRST)
    turn, reply = next(iter(_shown(bench).items()))
    _edit(bench, reply, EDIT)
    judge = ScriptedJudge()
    bench.pair_judge = judge

    dry = _dry(bench, FIRST)
    asked = len(judge.asked)
    _night(bench, FIRST)

    assert len(judge.asked) == asked > 3, "a comparison was paid for twice"
    assert EDIT not in {text for pair in judge.asked for text in pair}
    pairs = _pairs(bench, FIRST)
    assert {(one.chosen_id, one.rejected_id) for one in dry.pairs} == _options(pairs)
    assert Counter(drop.reason for drop in dry.drops) == _drops(bench, FIRST)
    assert [one.source for one in pairs if one.turn_id == turn] == ["operator"]
    scored = [one for one in plain.pairs if one.turn_id != turn]
    drops = _drops(bench, FIRST)
    assert drops["tie"] + drops["reversed"] + len(pairs) - 1 == len(scored)
    assert drops["tie"] > 0 < drops["reversed"]


def test_a_judge_that_falls_silent_confirms_no_more_and_one_that_never_spoke_fails(
    bench: Bench,
) -> None:
    bench.pair_judge = ScriptedJudge(fails_after=0)
    assert _night(bench, FIRST).status == "failed"
    bench.pair_judge = ScriptedJudge(fails_after=2)
    bench.now += DAY
    assert _night(bench, SECOND).status == "skipped"
    assert _drops(bench, SECOND)["unconfirmed"] > 0


def test_strangers_together_have_their_share_and_an_owner_alone_all(bench: Bench) -> None:
    caps = CapSettings(share=1.0, anonymous_share=0.0006)  # of 5,306 rows: 3
    kit = night_kit.settings().pairs.proposal
    narrow = PairSettings(proposal=kit, caps=caps)
    outcome = _night(bench, FIRST, without(night_kit.settings(), pairs=narrow))
    assert outcome.status == "skipped"
    assert len(_pairs(bench, FIRST)) == 3
    assert _drops(bench, FIRST)["anonymous_cap"] > 0


def test_what_a_cap_keeps_out_of_the_training_is_told(bench: Bench) -> None:
    _night(bench, FIRST)
    made = len(_pairs(bench, FIRST))
    assert made > 6
    bench.now += DAY
    # Stricter caps than those the pairs were taken under.
    caps = CapSettings(share=1.0, anonymous_share=5.5 / 5312)
    narrow = PairSettings(proposal=night_kit.settings().pairs.proposal, caps=caps)

    outcome = _night(bench, SECOND, without(night_kit.settings(), pairs=narrow))

    assert outcome.status == "published", outcome.decision
    assert _detail(bench, SECOND, "train")["pairs"] == 5
    assert _detail(bench, SECOND, "train")["left_out"] == {"anonymous_cap": made - 5}
