"""Erasure reaches rows, bytes and exported files."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from store.conversations import list_conversations, mark_deleted
from store.database import Database, open_database
from store.erase import erase_visitor, purge_deleted
from store.errors import NotFoundError
from store.export import export_visitor, write_visitor_export
from store.records import ReplyEnd, SafetyCatch
from store.replies import finish_reply
from store.tables import AuditRow, Base, ErasureRow
from store.turns import set_feedback
from store.visitors import Owner, ensure_visitor, is_erased
from tests.store.talk import begin, exchange, say

SECRET = "カナリア-9481-まるひ"
KEPT = "のこす-5512-ことば"


def _fill(database: Database, now: datetime, word: str) -> tuple[Owner, str]:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, (f"{word} 問い", f"{word} 答え"), now)
        set_feedback(session, owner, turn.replies[0].id, "down", f"{word} 理由", now=now)
        flagged = say(session, owner, conversation, f"{word} 危うい", now)
        caught = SafetyCatch(source="user", category="sexual", reason="r", text=f"{word} 危うい")
        end = ReplyEnd(status="done", text="いけませんわ", caught=caught)
        finish_reply(session, flagged.replies[0].id, end, now=now)
    return owner, conversation


def _bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nothing_of_an_erased_visitor_is_left_in_any_table(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    gone, _ = _fill(database, now, SECRET)
    kept, _ = _fill(database, now, KEPT)
    erased = erase_visitor(
        database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now
    )
    assert (erased.conversations, erased.turns, erased.replies) == (1, 2, 2)
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                assert SECRET not in json.dumps({**row}, default=str, ensure_ascii=False)
                assert gone.visitor_id not in str({**row})
        assert is_erased(session, gone.visitor_id)
        assert len(list_conversations(session, kept)) == 1
        assert session.scalars(select(AuditRow.action)).all() == ["visitor.erase"]


def test_no_byte_is_left_in_files_and_exports(tmp_path: Path, now: datetime) -> None:
    exports = tmp_path / "exports"
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    gone, _ = _fill(database, now, SECRET)
    kept, _ = _fill(database, now, KEPT)
    with database.reading() as session:
        own = write_visitor_export(session, gone, exports=exports, now=now)
        lines = [
            json.dumps(export_visitor(session, one, now=now), ensure_ascii=False)
            for one in (gone, kept)
        ]
    mixed = exports / "logs.jsonl"
    mixed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (exports / "table.csv").write_text(f"visitor,text\n{gone.visitor_id},{SECRET}\n")
    before = _bytes_under(tmp_path)
    assert SECRET.encode() in before
    assert gone.visitor_id.encode() in before

    erased = erase_visitor(database, gone.visitor_id, exports=exports, actor="test", now=now)

    after = _bytes_under(tmp_path)
    assert SECRET.encode() not in after
    assert gone.visitor_id.encode() not in after
    assert KEPT.encode() in after
    assert erased.export_files == 3
    assert not own.parent.exists()
    assert mixed.read_text(encoding="utf-8").count("\n") == 1
    database.close()


def test_a_deleted_conversation_leaves_no_bytes(tmp_path: Path, now: datetime) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    owner, conversation = _fill(database, now, SECRET)
    _fill(database, now, KEPT)
    with database.session() as session:
        mark_deleted(session, owner, conversation, now=now)
    with database.session() as session:
        assert purge_deleted(session) == 1
    database.checkpoint()
    assert SECRET.encode() not in _bytes_under(tmp_path)
    assert KEPT.encode() in _bytes_under(tmp_path)
    database.close()


def test_no_row_is_left_on_a_postgres_page(
    url: str, database: Database, now: datetime, tmp_path: Path
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite is searched byte by byte above")
    gone, _ = _fill(database, now, SECRET)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with database.reading() as session:
        for table in ("visitors", "conversations", "turns", "replies", "safety_events"):
            size = session.execute(text(f"SELECT pg_relation_size('{table}')")).scalar_one()
            assert size == 0, table


def test_an_erased_id_never_comes_back(database: Database, now: datetime, tmp_path: Path) -> None:
    gone, _ = _fill(database, now, SECRET)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with pytest.raises(NotFoundError), database.session() as session:
        ensure_visitor(session, gone.visitor_id, now=now)


def test_repeating_an_erasure_is_harmless(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    gone, _ = _fill(database, now, SECRET)
    later = now + timedelta(minutes=1)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    again = erase_visitor(
        database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=later
    )
    assert again.conversations == 0
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ErasureRow)) == 1


def test_erasing_nobody_is_an_error(database: Database, now: datetime, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no visitor has the id"):
        erase_visitor(database, "f" * 32, exports=tmp_path / "exports", actor="test", now=now)
