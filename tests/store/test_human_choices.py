"""Which of two replies people chose: what counts and what does not."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store.comparisons import append_comparison, comparisons_of
from store.database import Database
from store.duels import Opponents, add_duel, decide_duel, new_duel
from store.human_choices import HumanChoice, duel_choices, inbox_choices
from store.night_records import StoredComparison
from store.pair_bulk import approve_found
from store.pair_inbox import PairFilter
from store.pair_verdicts import decide_pair, edit_pair, undo_verdict
from store.pairs import list_pairs, save_pairs
from store.records import NewReply, ReplyEnd, Turn
from store.replies import finish_reply
from store.turns import append_variant
from store.visitors import Owner, set_consent, set_duel
from tests.store.rehearsal import DATE, claim, pair, talk
from tests.store.talk import begin, say

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def _proposed(session: Session, now: datetime, names: str) -> tuple[Owner, Turn, dict[str, str]]:
    """Propose a pair for each name; return its id by name."""
    owner, (turn,) = talk(session, now, WORDS)
    pairs = [pair(owner, turn, f"{one}1", f"{one}2") for one in names]
    save_pairs(session, claim(session, now), pairs, now=now)
    return owner, turn, {one.chosen_id[0]: one.id for one in list_pairs(session, DATE)}


def test_the_inbox_tells_each_operators_last_word(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn, ids = _proposed(session, now, "abcdef")
        decide_pair(session, ids["a"], "approved", "one", now)
        decide_pair(session, ids["a"], "flipped", "two", now)
        decide_pair(session, ids["b"], "approved", "one", now)
        decide_pair(session, ids["b"], "flipped", "one", now)
        decide_pair(session, ids["c"], "approved", "one", now)
        decide_pair(session, ids["c"], "vetoed", "one", now)
        decide_pair(session, ids["d"], "approved", "one", now)
        edit_pair(session, ids["d"], "まあ、ゆっくりなさいませ。", "two", now)
        decide_pair(session, ids["e"], "approved", "one", now)
        undo_verdict(session, "one", now)
        # The rest in bulk: a look at a filter, not at two replies.
        assert approve_found(session, PairFilter(night=DATE), "one", now).count == 2

        def choice(name: str, person: str, chosen: str) -> HumanChoice:
            return HumanChoice(
                person=person,
                cluster=turn.id,
                first=f"{name}1",
                second=f"{name}2",
                chosen=chosen,  # type: ignore[arg-type]
            )

        found = sorted(inbox_choices(session), key=lambda one: (one.first, one.person))
        assert found == [
            choice("a", "one", "a"),
            choice("a", "two", "b"),
            choice("b", "one", "b"),
        ]


def test_duels_tell_what_visitors_chose(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        set_duel(session, owner, allow=True, now=now)
        wanted = []
        for at, (left, chosen) in enumerate(((True, "a"), (False, "b"), (None, "tie"))):
            moment = now + timedelta(minutes=at)
            turn = say(session, owner, conversation, f"{at}つめ", moment)
            second = NewReply(origin="duel", adapter="v1", seed=7, sampling={})
            turn = append_variant(session, turn.id, second, now=moment)
            replies = (turn.replies[0].id, turn.replies[1].id)
            for one, text in zip(replies, ("新しい返事。", "古い返事。"), strict=True):
                finish_reply(session, one, ReplyEnd(status="done", text=text), now=moment)
            opponents = Opponents(newer="v2", older="v1")
            duel = new_duel(opponents, turn.id, replies=replies, newer_left=True, now=moment)
            add_duel(session, owner, duel)
            assert len(duel_choices(session)) == at
            decide_duel(session, owner, turn.id, left=left, now=moment)
            wanted.append((owner.visitor_id, *replies, chosen))
        found = duel_choices(session)
        assert sorted((one.person, one.first, one.second, one.chosen) for one in found) == sorted(
            wanted
        )
        assert {one.cluster for one in found} == {owner.visitor_id}


def test_a_judges_comparisons_by_the_pair(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn, _ = _proposed(session, now, "a")
        night = claim(session, now + timedelta(hours=1))
        for name, verdict in (("a", "chosen"), ("b", "rejected"), ("c", "tie"), ("d", "none")):
            comparison = StoredComparison(
                evaluator="judge",
                turn_id=turn.id,
                chosen_id=f"{name}1",
                rejected_id=f"{name}2",
                verdict=verdict,  # type: ignore[arg-type]
            )
            append_comparison(session, night, comparison, now=now)
        assert comparisons_of(session, "judge") == {
            ("a1", "a2"): "a",
            ("b1", "b2"): "b",
            ("c1", "c2"): "tie",
        }
        assert comparisons_of(session, "another") == {}
