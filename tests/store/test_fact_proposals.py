"""What reviewers found wrong or missing becomes a fact only when an admin says so."""

from datetime import datetime
from pathlib import Path

import pytest

from store.database import Database
from store.erase import erase_visitor
from store.errors import FactError, NotFoundError
from store.fact_proposals import (
    Acceptance,
    NewProposal,
    accept_proposal,
    decline_proposal,
    list_proposals,
    propose_fact,
)
from store.facts import Deed, card_fact_id, current_facts, list_fact_changes, retire_fact
from tests.store.rehearsal import talk

CARD = ("絢音の年齢は17歳である。", "絢音は冬が好きである。")


@pytest.fixture
def deed(now: datetime) -> Deed:
    return Deed(by="kantoku", why="台本で確かめた", now=now)


def _proposal(text: str, replaces: str | None = None, reply_id: str | None = None) -> NewProposal:
    return NewProposal(
        persona="ayane",
        kind="wrong" if replaces else "missing",
        text=text,
        replaces=replaces,
        reply_id=reply_id,
        by="shirabe",
    )


def test_an_accepted_proposal_is_a_fact_with_history(
    database: Database, deed: Deed, now: datetime
) -> None:
    with database.session() as session:
        missing = propose_fact(session, _proposal("絢音の好きな色は藤色である。"), now=now)
        wrong = propose_fact(session, _proposal("絢音の年齢は18歳である。", CARD[0]), now=now)
        assert current_facts(session, "ayane", CARD) == CARD
        for one in (missing, wrong):
            words = Acceptance(proposal_id=one.id, text=one.text)
            accept_proposal(session, "ayane", CARD, words, deed)
        assert current_facts(session, "ayane", CARD) == (
            "絢音の年齢は18歳である。", CARD[1], "絢音の好きな色は藤色である。",
        )  # fmt: skip
        (change,) = list_fact_changes(session, "ayane", card_fact_id("ayane", CARD[0]))
        assert (change.action, change.who, change.why) == ("edit", "kantoku", "台本で確かめた")
        assert list_proposals(session, "ayane") == []
        assert {one.status for one in list_proposals(session, "ayane", None)} == {"accepted"}


def test_a_proposal_is_decided_once_and_declined_with_a_reason(
    database: Database, deed: Deed, now: datetime
) -> None:
    with database.session() as session:
        one = propose_fact(session, _proposal("絢音は犬を飼っている。"), now=now)
        with pytest.raises(FactError, match="reason"):
            decline_proposal(session, "ayane", one.id, Deed(by="kantoku", why=" ", now=now))
        declined = decline_proposal(session, "ayane", one.id, deed)
        assert (declined.status, declined.reason) == ("declined", "台本で確かめた")
        words = Acceptance(proposal_id=one.id, text=one.text)
        with pytest.raises(FactError, match="declined by kantoku"):
            accept_proposal(session, "ayane", CARD, words, deed)
        with pytest.raises(NotFoundError):
            decline_proposal(session, "someone", one.id, deed)
        assert current_facts(session, "ayane", CARD) == CARD


def test_a_proposal_without_words_needs_some_to_be_accepted(
    database: Database, deed: Deed, now: datetime
) -> None:
    with database.session() as session:
        one = propose_fact(session, _proposal(" "), now=now)
        assert one.text == ""
        with pytest.raises(FactError, match="empty"):
            accept_proposal(session, "ayane", CARD, Acceptance(proposal_id=one.id, text=""), deed)
        words = Acceptance(proposal_id=one.id, text="絢音は背が高い。")
        assert accept_proposal(session, "ayane", CARD, words, deed).text == "絢音は背が高い。"


def test_what_is_not_known_any_more_cannot_be_corrected(
    database: Database, deed: Deed, now: datetime
) -> None:
    with database.session() as session:
        one = propose_fact(session, _proposal("絢音は夏が好きである。", CARD[1]), now=now)
        retire_fact(session, "ayane", CARD, card_fact_id("ayane", CARD[1]), deed)
        words = Acceptance(proposal_id=one.id, text=one.text)
        with pytest.raises(FactError, match="not known any more"):
            accept_proposal(session, "ayane", CARD, words, deed)
        assert [left.id for left in list_proposals(session, "ayane")] == [one.id]


def test_a_proposal_is_erased_with_the_visitor_whose_reply_it_is_about(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, ("好きな色は？", "存じませんわ。"))
        reply = turn.replies[0].id
        propose_fact(session, _proposal("絢音の好きな色は藤色である。", reply_id=reply), now=now)
        propose_fact(session, _proposal("絢音は背が高い。"), now=now)
    erase_visitor(database, owner.visitor_id, exports=tmp_path, actor="visitor", now=now)
    with database.session() as session:
        assert [one.text for one in list_proposals(session, "ayane")] == ["絢音は背が高い。"]
        with pytest.raises(NotFoundError, match="reply is gone"):
            propose_fact(session, _proposal("絢音は背が低い。", reply_id=reply), now=now)
