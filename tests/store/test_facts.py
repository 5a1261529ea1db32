"""The card's facts and the operators': one list, with a history that is only added to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import ConflictError, FactError, NotFoundError
from store.facts import (
    Deed,
    FactEdit,
    add_fact,
    card_fact_id,
    count_fact_changes,
    current_facts,
    edit_fact,
    list_fact_changes,
    list_facts,
    load_fact,
    restore_fact,
    retire_fact,
)
from store.tables import AuditRow

CARD = ("絢音の年齢は17歳である。", "絢音は冬が好きである。", "絢音は猫を飼っている。")
AGE, WINTER, CAT = (card_fact_id("ayane", sentence) for sentence in CARD)


@pytest.fixture
def deed(now: datetime) -> Deed:
    return Deed(by="kantoku", why="台本が変わったため", now=now)


def _edit(session: Session, fact_id: str, before: str, after: str, deed: Deed) -> None:
    edit = FactEdit(fact_id=fact_id, before=before, after=after)
    edit_fact(session, "ayane", CARD, edit, deed)


def test_a_card_that_nobody_touched_is_known_as_it_is(database: Database) -> None:
    with database.reading() as session:
        assert current_facts(session, "ayane", CARD) == CARD
        assert [fact.added_by for fact in list_facts(session, "ayane", CARD)] == [None] * 3


def test_facts_are_added_once(database: Database, deed: Deed) -> None:
    with database.session() as session:
        fact = add_fact(session, "ayane", CARD, " 絢音は犬が\n好きである。 ", deed)
        assert fact.text == "絢音は犬が 好きである。"
        assert list_facts(session, "ayane") == [fact]
        assert list_facts(session, "someone") == []
        assert current_facts(session, "ayane", CARD) == (*CARD, fact.text)
        for text, fault in (
            (fact.text, "known"),
            (CARD[0], "known"),
            ("　", "empty"),
            ("あ" * 201, "long"),
        ):
            with pytest.raises(ConflictError) as refused:
                add_fact(session, "ayane", CARD, text, deed)
            assert isinstance(refused.value, FactError)
            assert refused.value.fault == fault


def test_an_edited_sentence_of_the_card_keeps_its_place(database: Database, deed: Deed) -> None:
    with database.session() as session:
        _edit(session, WINTER, CARD[1], "絢音は夏が好きである。", deed)
    with database.reading() as session:
        assert current_facts(session, "ayane", CARD) == (CARD[0], "絢音は夏が好きである。", CARD[2])
        fact = load_fact(session, "ayane", CARD, WINTER)
        assert (fact.replaces, fact.added_by) == (CARD[1], "kantoku")


def test_a_retired_fact_is_unknown_until_it_is_restored(database: Database, deed: Deed) -> None:
    with database.session() as session:
        added = add_fact(session, "ayane", CARD, "絢音は犬が好きである。", deed)
        for fact_id in (CAT, added.id):
            retire_fact(session, "ayane", CARD, fact_id, deed)
            with pytest.raises(FactError, match="retired already"):
                retire_fact(session, "ayane", CARD, fact_id, deed)
        assert current_facts(session, "ayane", CARD) == CARD[:2]
        with pytest.raises(FactError, match="restore it"):
            add_fact(session, "ayane", CARD, CARD[2], deed)
        for fact_id in (CAT, added.id):
            restore_fact(session, "ayane", CARD, fact_id, deed)
        assert current_facts(session, "ayane", CARD) == (*CARD, added.text)
        with pytest.raises(FactError, match="expected a retired one"):
            restore_fact(session, "ayane", CARD, CAT, deed)


def test_an_edit_of_what_was_changed_meanwhile_is_refused(database: Database, deed: Deed) -> None:
    with database.session() as session:
        _edit(session, AGE, CARD[0], "絢音の年齢は18歳である。", deed)
    with database.session() as session, pytest.raises(FactError, match="meanwhile"):
        _edit(session, AGE, CARD[0], "絢音の年齢は16歳である。", deed)
    with database.session() as session:
        retire_fact(session, "ayane", CARD, AGE, deed)
    with database.session() as session, pytest.raises(FactError, match="retired"):
        _edit(session, AGE, "絢音の年齢は18歳である。", "絢音の年齢は16歳である。", deed)
    with database.reading() as session:
        assert load_fact(session, "ayane", CARD, AGE).text == "絢音の年齢は18歳である。"


def test_a_fact_may_not_become_another_one(database: Database, deed: Deed) -> None:
    with database.session() as session:
        with pytest.raises(FactError, match="already there"):
            _edit(session, AGE, CARD[0], CARD[1], deed)
        with pytest.raises(NotFoundError):
            _edit(session, "card-nowhere", CARD[0], "絢音は元気である。", deed)
        with pytest.raises(NotFoundError):
            retire_fact(session, "someone", (), AGE, deed)


def test_every_change_stays_in_the_history_and_in_the_audit_log(
    database: Database, deed: Deed, now: datetime
) -> None:
    later = Deed(by="shirabe", why="", now=now + timedelta(hours=1))
    with database.session() as session:
        _edit(session, WINTER, CARD[1], "絢音は夏が好きである。", deed)
        retire_fact(session, "ayane", CARD, WINTER, later)
        restore_fact(session, "ayane", CARD, WINTER, later)
    with database.reading() as session:
        changes = list_fact_changes(session, "ayane", WINTER)
        assert [(one.action, one.before, one.after, one.who) for one in changes] == [
            ("restore", None, "絢音は夏が好きである。", "shirabe"),
            ("retire", "絢音は夏が好きである。", None, "shirabe"),
            ("edit", CARD[1], "絢音は夏が好きである。", "kantoku"),
        ]
        assert (changes[-1].why, changes[-1].at) == ("台本が変わったため", now)
        assert count_fact_changes(session, "ayane") == {WINTER: 3}
        audit = session.scalars(select(AuditRow).order_by(AuditRow.id)).all()
        assert [(one.actor, one.action) for one in audit] == [
            ("kantoku", "fact.edit"),
            ("shirabe", "fact.retire"),
            ("shirabe", "fact.restore"),
        ]


def test_a_changed_sentence_outlives_the_card_that_had_it(database: Database, deed: Deed) -> None:
    with database.session() as session:
        _edit(session, WINTER, CARD[1], "絢音は夏が好きである。", deed)
        newer = (CARD[0], "絢音は春が好きである。")
        assert current_facts(session, "ayane", newer) == (*newer, "絢音は夏が好きである。")


def test_of_two_who_change_the_same_sentence_at_once_one_is_refused(
    database: Database, deed: Deed
) -> None:
    together = Barrier(2)

    def change(after: str) -> str:
        together.wait()
        try:
            with database.session() as session:
                _edit(session, CAT, CARD[2], after, deed)
        except FactError as error:
            return error.fault
        return "done"

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(change, ("絢音は犬を飼っている。", "絢音は鳥を飼っている。")))
    assert sorted(done) == ["done", "stale"]
    with database.reading() as session:
        assert count_fact_changes(session, "ayane") == {CAT: 1}
