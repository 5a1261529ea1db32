"""What visitors take with them."""

import stat
from datetime import datetime
from pathlib import Path

import pytest

from store.conversations import load_conversation
from store.database import Database
from store.errors import NotFoundError
from store.export import (
    conversation_markdown,
    export_conversation,
    export_visitor,
    write_visitor_export,
)
from store.turns import list_turns, supersede_from
from store.visitors import Owner, new_id
from tests.store.talk import begin, exchange


def test_everything_of_the_visitor_and_nothing_else_is_exported(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("問い", "答え"), now)
        edited = exchange(session, owner, conversation, ("直す前", "答え"), now)
        supersede_from(session, edited.id, now=now)
        stranger, theirs = begin(session, now=now)
        exchange(session, stranger, theirs, ("よその", "よその"), now)
        whole = export_visitor(session, owner, now=now)
        assert whole["conversations"] == [export_conversation(session, owner, conversation)]
        assert "よその" not in str(whole)
        assert "直す前" in str(whole)
        with pytest.raises(NotFoundError):
            export_conversation(session, stranger, conversation)
        with pytest.raises(NotFoundError):
            export_visitor(session, Owner(visitor_id=new_id()), now=now)


def test_markdown_holds_no_live_markup(database: Database, now: datetime) -> None:
    hostile = '<img src=x onerror="alert(1)">\n# 見出し\n[罠](javascript:alert(1))'
    with database.session() as session:
        owner, one = begin(session, now=now)
        exchange(session, owner, one, (hostile, hostile), now)
        conversation = load_conversation(session, owner, one)
        text = conversation_markdown(
            conversation, list_turns(session, owner, one), speaker="絢音", visitor="あなた"
        )
    assert "<" not in text
    assert "](" not in text
    body = text.splitlines()[2:]
    assert all(line == "" or line.startswith(("> ", "**")) for line in body)


def test_an_exported_file_is_private(database: Database, now: datetime, tmp_path: Path) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("問い", "答え"), now)
        path = write_visitor_export(session, owner, exports=tmp_path, now=now)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path == tmp_path / "visitors" / owner.visitor_id / "20260924T120000Z.json"
