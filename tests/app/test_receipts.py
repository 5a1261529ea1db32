"""What a visitor is told of the night, and that what must not be served is not."""

from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from store.adapters import deploy, ensure_adapter
from store.lineage import link_pairs, taint
from store.night_records import NewPair
from store.nights import claim_night, finish_night
from store.pairs import list_pairs, save_pairs
from store.records import Adapter
from store.tables import ConversationRow
from store.visitors import Owner
from tests.app.house import House, exchange, start_conversation
from tests.fakes import FakeEngine

NOW = datetime(2026, 9, 24, 18, tzinfo=UTC)


def register(house: House, name: str, *, production: bool = True) -> None:
    with house.database.session() as session:
        adapter = Adapter(
            id=name,
            parent_id=None,
            kind="dpo",
            base="0" * 64,
            sha256=name,
            folder=f"/{name}",
            manifest={},
            created_at=NOW,
        )
        ensure_adapter(session, adapter)
        if production:
            deploy(session, name, who="test", why="test", now=NOW)


def learn(house: House, turn_id: str, conversation: str, *, date: str, adapter: str) -> None:
    """A night that made a pair of the turn and published an adapter trained on it."""
    owner = _owner_of(house, conversation)
    with house.database.session() as session:
        claim = claim_night(
            session, date, owner="one", lease=timedelta(minutes=30), now=NOW, settings={}
        )
        assert claim is not None
        pair = NewPair(
            turn_id=turn_id,
            visitor_id=owner.visitor_id,
            turns=(("user", "はい"),),
            facts=(),
            chosen_id=f"{date}a",
            chosen="ええ",
            rejected_id=f"{date}b",
            rejected="いいえ",
            source="score",
            margin=1.0,
            disagreement=0.0,
        )
        save_pairs(session, claim, [pair], now=NOW)
        link_pairs(session, adapter, [one.id for one in list_pairs(session, date)])
        finish_night(
            session,
            claim,
            status="published",
            decision="published",
            adapter_id=adapter,
            now=NOW,
        )


def _owner_of(house: House, conversation: str) -> Owner:
    with house.database.reading() as session:
        return Owner(visitor_id=session.get_one(ConversationRow, conversation).visitor_id)


def turn_of(client: TestClient, conversation: str, at: int = 0) -> dict:
    turn: dict = client.get(f"/api/conversations/{conversation}").json()["turns"][at]
    return turn


def test_a_message_tells_which_nights_used_it(client: TestClient, house: House) -> None:
    register(house, "v37")
    register(house, "v38")
    conversation = start_conversation(client)
    used = exchange(client, conversation, "はい")
    unused = exchange(client, conversation, "ええ")
    assert used["learned"] == unused["learned"] == []
    learn(house, used["id"], conversation, date="2026-09-24", adapter="v37")
    learn(house, used["id"], conversation, date="2026-09-25", adapter="v38")
    receipts = [
        {"date": "2026-09-24", "adapter": "v37"},
        {"date": "2026-09-25", "adapter": "v38"},
    ]
    assert turn_of(client, conversation)["learned"] == receipts
    assert turn_of(client, conversation, 1)["learned"] == []
    for answer in (
        client.put(f"/api/turns/{used['id']}/learn", json={"learn": False}),
        client.put(f"/api/turns/{used['id']}/shown", json={"index": 0}),
        client.post(f"/api/turns/{used['id']}/regenerate"),
    ):
        assert answer.json()["turn"]["learned"] == receipts


def test_a_conversation_pinned_to_a_tainted_adapter_gets_a_clean_one(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    register(house, "v1")
    register(house, "v2")
    conversation = start_conversation(client)
    assert exchange(client, conversation, "はい")["replies"][0]["adapter"] == "v2"
    with house.database.session() as session:
        taint(session, ["v2"], "an erased visitor", NOW)
    assert exchange(client, conversation, "ええ")["replies"][0]["adapter"] == "v1"
    assert engine.requests[-1].adapter == "v1"
    assert exchange(client, start_conversation(client), "はい")["replies"][0]["adapter"] == "v1"


def test_with_nothing_clean_left_the_bare_model_answers(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    register(house, "v1")
    conversation = start_conversation(client)
    exchange(client, conversation, "はい")
    with house.database.session() as session:
        taint(session, ["v1"], "an erased visitor", NOW)
    turn = exchange(client, conversation, "ええ")
    assert (turn["replies"][0]["status"], engine.requests[-1].adapter) == ("done", None)


def test_erasing_oneself_ends_the_serving_of_what_was_learnt_from_one(
    client: TestClient, house: House
) -> None:
    register(house, "v1")
    conversation = start_conversation(client)
    used = exchange(client, conversation, "はい")
    guest = house.client()
    register(house, "v2")
    pinned = start_conversation(guest)
    assert exchange(guest, pinned, "こんばんは")["replies"][0]["adapter"] == "v2"
    learn(house, used["id"], conversation, date="2026-09-24", adapter="v2")
    assert client.delete("/api/me").status_code == 200
    assert exchange(guest, pinned, "まだいる？")["replies"][0]["adapter"] == "v1"
