"""Lists, search, titles, the pinned adapter."""

from datetime import datetime, timedelta

import pytest

from store.conversations import (
    get_conversation_row,
    list_conversations,
    load_conversation,
    mark_deleted,
    pin_adapter,
    rename_conversation,
    search_conversations,
)
from store.database import Database
from store.errors import NotFoundError
from store.turns import append_variant, show_variant, supersede_from
from store.visitors import Owner, new_id
from tests.store.talk import NEW_REPLY, begin, exchange, say


def test_list_holds_begun_conversations_newest_first(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, first = begin(session, now=now)
        _, second = begin(session, now=now, owner=owner)
        begin(session, now=now, owner=owner)
        say(session, owner, second, "二つ目", now)
        say(session, owner, first, "一つ目", now + timedelta(minutes=1))
        listed = list_conversations(session, owner)
    assert [one.id for one in listed] == [first, second]
    assert [one.title for one in listed] == ["一つ目", "二つ目"]


def test_title_is_the_first_words_until_somebody_names_it(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        say(session, owner, conversation, "長い\nはなし " + "あ" * 40, now)
        say(session, owner, conversation, "次", now)
        automatic = load_conversation(session, owner, conversation).title
        assert automatic == "長い はなし " + "あ" * 17 + "…"
        assert rename_conversation(session, owner, conversation, " 旅\nの話 ").title == "旅 の話"
        say(session, owner, conversation, "もう一つ", now)
        assert load_conversation(session, owner, conversation).title == "旅 の話"


def test_title_follows_an_edit_of_the_first_words(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = say(session, owner, conversation, "まちがい", now)
        supersede_from(session, turn.id, now=now)
        say(session, owner, conversation, "正しい", now)
        assert load_conversation(session, owner, conversation).title == "正しい"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("雨", ["雨の日のﾊﾟﾘ", None]),
        ("ぱり", ["雨の日のﾊﾟﾘ"]),
        ("パ", ["雨の日のﾊﾟﾘ"]),
        ("傘", ["赤い傘をさしますわ"]),
        ("100%", ["湿度は100%_ですの"]),
        ("%", ["湿度は100%_ですの"]),
        ("_", ["湿度は100%_ですの"]),
        ("\\", []),
        ("0%で", []),
        ("隠れた", []),
        ("消した", []),
        ("よその", []),
    ],
)
def test_search_finds_short_words_literally(
    database: Database, now: datetime, query: str, found: list[str | None]
) -> None:
    with database.session() as session:
        owner, one = begin(session, now=now)
        exchange(session, owner, one, ("雨の日のﾊﾟﾘ", "赤い傘をさしますわ"), now)
        _, two = begin(session, now=now, owner=owner)
        turn = exchange(session, owner, two, ("蒸すね", "隠れた答え"), now)
        append_variant(session, turn.id, NEW_REPLY, now=now)
        edited = exchange(session, owner, two, ("消した問い", "消した答え"), now)
        supersede_from(session, edited.id, now=now)
        exchange(session, owner, two, ("何%？", "湿度は100%_ですの"), now)
        rename_conversation(session, owner, two, "雨について")
        stranger, theirs = begin(session, now=now)
        exchange(session, stranger, theirs, ("よその雨", "よその傘"), now)
        hits = search_conversations(session, owner, query)
    if query == "%":
        assert [hit.snippet for hit in hits] == ["何%？"]
    else:
        assert sorted(map(str, (hit.snippet for hit in hits))) == sorted(map(str, found))


def test_search_follows_the_shown_variant(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, ("問い", "最初の答え"), now)
        append_variant(session, turn.id, NEW_REPLY, now=now)
        assert search_conversations(session, owner, "最初") == []
        show_variant(session, owner, turn.id, 0)
        assert len(search_conversations(session, owner, "最初")) == 1


def test_an_empty_query_lists_everything(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        say(session, owner, conversation, "雨", now)
        assert len(search_conversations(session, owner, "　 ")) == 1


def test_others_and_deleted_conversations_are_not_found(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        say(session, owner, conversation, "秘密", now)
        stranger = Owner(visitor_id=new_id())
        with pytest.raises(NotFoundError):
            load_conversation(session, stranger, conversation)
        assert list_conversations(session, stranger) == []
        mark_deleted(session, owner, conversation, now=now)
        with pytest.raises(NotFoundError):
            load_conversation(session, owner, conversation)
        assert list_conversations(session, owner) == []


def test_adapter_stays_pinned_until_idle(database: Database, now: datetime) -> None:
    idle = timedelta(minutes=30)

    def pin(active: str, minutes: float) -> str | None:
        at = now + timedelta(minutes=minutes)
        with database.session() as session:
            row = get_conversation_row(session, owner, conversation)
            pinned = pin_adapter(session, row, active=active, idle=idle, now=at)
            say(session, owner, conversation, "話す", at)
        return pinned

    with database.session() as session:
        owner, conversation = begin(session, now=now)
    assert pin("v1", 0) == "v1"
    assert pin("v2", 29) == "v1"
    assert pin("v2", 58) == "v1"
    assert pin("v2", 88) == "v2"
    assert pin("v3", 89) == "v2"
