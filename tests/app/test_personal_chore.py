"""Personal data is looked for in everything that was shown, the newest first."""

from datetime import datetime, timedelta

import pytest

from app import personal_chore
from app.personal_chore import PersonalChore
from store.database import Database
from store.reply_filter import ReplyFilter
from store.reply_list import iter_filtered
from tests.store.talk import begin, exchange

SAID = (
    ("電話は090-1234-5678です", "承りましたわ"),
    ("こんにちは", "ごきげんよう"),
    ("連絡先を教えて", "sora@example.jp ですの"),
)


def _found(database: Database, *, personal: bool) -> list[str]:
    with database.reading() as session:
        wanted = ReplyFilter(personal=personal)
        return [one for some in iter_filtered(session, wanted) for one in some]


def test_numbers_on_either_side_are_found(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        replies = [
            exchange(session, owner, conversation, words, now + timedelta(minutes=at)).replies[0].id
            for at, words in enumerate(SAID)
        ]
    monkeypatch.setattr(personal_chore, "_AT_ONCE", 1)
    monkeypatch.setattr(personal_chore, "_A_MINUTE", 2)
    chore = PersonalChore(database)
    chore.look()
    assert (_found(database, personal=True), _found(database, personal=False)) == (
        [replies[2]],
        [replies[1]],
    )
    chore.look()
    chore.look()
    assert _found(database, personal=True) == [replies[2], replies[0]]
    assert _found(database, personal=False) == [replies[1]]
