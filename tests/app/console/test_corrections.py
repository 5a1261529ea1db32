"""A corrected fact becomes a proposal, and only where there is something to propose."""

import pytest
from fastapi.testclient import TestClient

from app.console.corrections import Correction, propose_correction
from app.console.parts import ConsoleParts
from store.fact_proposals import list_proposals
from tests.app.house import House, exchange, start_conversation


def _parts(house: House) -> ConsoleParts:
    parts = house.app.state.console
    assert isinstance(parts, ConsoleParts)
    return parts


def _propose(house: House, user: str, reply: str, corrected: str) -> None:
    visitor = house.client()
    turn = exchange(visitor, start_conversation(visitor), user)
    with house.database.session() as session:
        propose_correction(
            session,
            _parts(house),
            Correction(user=user, reply=reply, corrected=corrected),
            reply_id=turn["replies"][0]["id"],
            by="shirabe",
        )


def _proposed(house: House) -> list[tuple[str, str, str | None]]:
    with house.database.reading() as session:
        return [(one.kind, one.text, one.replaces) for one in list_proposals(session, "ayane")]


def test_a_missing_fact_is_proposed_in_the_words_of_the_card(house: House) -> None:
    _propose(house, "好きな色は？", "さあ、わかりませんわ。", "藤色ですの。")
    assert _proposed(house) == [("missing", "絢音の好きな色は藤色である。", None)]


@pytest.mark.parametrize(("route", "proposed"), [("fact", 1), ("style", 0)])
def test_saving_a_correction_of_fact_proposes_it(
    house: House, reviewer: TestClient, route: str, proposed: int
) -> None:
    visitor = house.client()
    reply = exchange(visitor, start_conversation(visitor), "好きな色は？")["replies"][0]
    edit = {"kind": "edit", "text": "藤色ですの。", "route": route}
    answer = reviewer.post(
        f"/api/console/replies/{reply['id']}/reviews", json={"reviews": [edit], "blind": True}
    )
    assert answer.status_code == 201, answer.text
    assert _proposed(house) == [("missing", "絢音の好きな色は藤色である。", None)][:proposed]


def test_what_is_known_already_is_not_proposed(house: House) -> None:
    _propose(house, "趣味は？", "登山ですの。", "ヴァイオリンですの。")
    assert _proposed(house) == []


def test_words_that_no_rule_finds_are_left_open(house: House) -> None:
    _propose(house, "身長は？", "存じませんわ。", "高いほうかしら。")
    assert _proposed(house) == [("missing", "", None)]


def test_words_that_she_may_not_say_are_not_proposed(house: House) -> None:
    _propose(house, "好きな色は？", "わかりませんわ。", "NGWORDですの。")
    assert _proposed(house) == [("missing", "", None)]
