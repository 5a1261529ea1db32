"""Erasure reaches rows, bytes and exported files."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from store.adapters import active_adapter, deploy, list_deployments
from store.candidates import append_candidates, list_candidates
from store.conversations import (
    create_conversation,
    list_conversations,
    load_conversation,
    mark_deleted,
)
from store.database import Database, open_database
from store.erase import erase_visitor, purge_deleted
from store.errors import DatabaseError, NotFoundError
from store.export import export_visitor, write_visitor_export
from store.lineage import link_pairs
from store.night_records import NewConflict, NewDrop, NewReview
from store.nights import begin_step, finish_step
from store.pair_queue import save_conflicts, save_drops
from store.pair_verdicts import decide_pair, edit_pair, undo_verdict
from store.pairs import list_pairs, save_pairs
from store.records import ReplyEnd, SafetyCatch
from store.replies import finish_reply
from store.review_claims import Subject, claim_replies
from store.reviews import append_review
from store.schema import METADATA
from store.scores import append_score, append_score_failure
from store.tables import AuditRow, ConversationRow, ErasureRow
from store.turns import set_feedback
from store.visitors import Owner, ensure_visitor, is_erased
from tests.store.rehearsal import adapter, candidate, claim, pair, talk, verdict
from tests.store.talk import begin, exchange, say

SECRET = "カナリア-9481-まるひ"
SECRET_IN_JSON = b"-9481-"  # what is left of it where JSON escapes Japanese
KEPT = "のこす-5512-ことば"
NIGHT_TABLES = (
    "candidates",
    "scores",
    "score_failures",
    "pairs",
    "pair_drops",
    "conflicts",
    "reviews",
    "review_claims",
    "adapter_pairs",
    "adapter_visitors",
)


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


def _rehearse(database: Database, now: datetime, word: str, version: str) -> Owner:
    """Let somebody talk, and a night make one row of everything of it."""
    with database.session() as session:
        owner, (turn,) = talk(session, now, (f"{word} 問い", f"{word} 答え"))
        reply = turn.replies[0].id
        mine = claim(session, now, date=f"2026-09-{version}")
        append_candidates(session, mine, [candidate(turn, 0, f"{word} 候補")], now=now)
        made = list_candidates(session, mine.date)[0].id
        append_score(session, verdict(reply), now=now)
        append_score(session, replace(verdict(made), reply_id=None, candidate_id=made), now=now)
        append_score_failure(
            session,
            reply_id=None,
            candidate_id=made,
            evaluator="fed-1",
            reason=f"{word} 失敗",
            now=now,
        )
        proposed = pair(owner, turn, reply, made, facts=(f"{word} 事実",))
        save_pairs(session, mine, [proposed], now=now)
        save_drops(session, mine, [NewDrop(turn_id=turn.id, reason="length", detail=word)])
        conflict = NewConflict(
            turn_id=turn.id, reply_id=reply, signal="thumb_down", reward_quantile=0.9
        )
        save_conflicts(session, mine, [conflict], now=now)
        stored = list_pairs(session, mine.date)[0].id
        edit = NewReview(operator="op", kind="edit", reply_id=reply, text=f"{word} 直し")
        append_review(session, edit, now=now)
        claim_replies(session, "op", [Subject(reply_id=reply, turn_id=turn.id)], most=1, now=now)
        note = NewReview(operator="op", kind="note", pair_id=stored, note=f"{word} 覚え書き")
        append_review(session, note, now=now)
        begin_step(session, mine, "pair", 4, now)
        finish_step(session, mine, "pair", {"pairs": 1}, now)
        adapter(session, version, now)
        link_pairs(session, version, [stored])
        deploy(session, version, who="night", why="passed", now=now)
    return owner


def _rows(database: Database, table: str) -> int:
    with database.reading() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


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
        _assert_nothing_of(session, gone)
        assert is_erased(session, gone.visitor_id)
        assert len(list_conversations(session, kept)) == 1
        assert session.scalars(select(AuditRow.action)).all() == ["visitor.erase"]


def _assert_nothing_of(session: Session, gone: Owner) -> None:
    for table in METADATA.sorted_tables:
        for row in session.execute(select(table)).mappings():
            assert SECRET not in json.dumps({**row}, default=str, ensure_ascii=False)
            assert gone.visitor_id not in str({**row})


def test_nothing_of_a_night_with_them_is_left(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    exports = tmp_path / "exports"
    kept = _rehearse(database, now, KEPT, "10")
    before = {table: _rows(database, table) for table in NIGHT_TABLES}
    assert min(before.values()) >= 1
    gone = _rehearse(database, now, SECRET, "11")
    assert {table: _rows(database, table) for table in NIGHT_TABLES} == {
        table: 2 * count for table, count in before.items()
    }
    with database.session() as session:
        pinned = create_conversation(session, kept, persona="ayane", now=now)
        session.get_one(ConversationRow, pinned.id).adapter_id = "11"
    erased = erase_visitor(database, gone.visitor_id, exports=exports, actor="test", now=now)
    assert (erased.pairs, erased.candidates, erased.tainted_adapters) == (1, 1, 1)
    assert {table: _rows(database, table) for table in NIGHT_TABLES} == before
    with database.reading() as session:
        _assert_nothing_of(session, gone)
        assert load_conversation(session, kept, pinned.id).adapter == "10"
        assert active_adapter(session) == "10"
        newest = list_deployments(session)[0]
        assert (newest.adapter, newest.who) == ("10", "test")
        assert newest.why == "instead of 11: a visitor it learnt from was erased"
        audit = session.scalars(select(AuditRow).order_by(AuditRow.id)).all()
        assert [one.action for one in audit] == ["adapter.fallback", "visitor.erase"]
        assert audit[0].detail == {"from": "11", "to": "10"}
        assert audit[1].detail["tainted_adapters"] == ["11"]


def test_erasing_everybody_leaves_the_bare_model(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    owners = [_rehearse(database, now, SECRET, version) for version in ("10", "11")]
    for owner in owners:
        erase_visitor(
            database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )
    with database.reading() as session:
        assert active_adapter(session) is None
        assert list_deployments(session) == []


def test_an_erasure_that_no_adapter_learnt_from_deploys_nothing(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    _rehearse(database, now, KEPT, "10")
    gone, _ = _fill(database, now, SECRET)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with database.reading() as session:
        assert [one.adapter for one in list_deployments(session)] == ["10"]


def test_an_erasure_waits_for_a_night_that_is_writing(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, (SECRET, SECRET))
        mine = claim(session, now)
    writing = threading.Event()

    def erase() -> None:
        writing.wait(30)
        erase_visitor(
            database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )

    conflict = NewConflict(
        turn_id=turn.id, reply_id=turn.replies[0].id, signal="thumb_down", reward_quantile=0.9
    )
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(erase)
        with database.session() as session:
            append_candidates(session, mine, [candidate(turn)], now=now)
            writing.set()
            time.sleep(0.3)  # the erasure is waiting by now
            assert not erasing.done()
            assert save_conflicts(session, mine, [conflict], now=now) == 1
            assert save_pairs(session, mine, [pair(owner, turn, "a", "b")], now=now) == 1
        erasing.result(60)
    assert [_rows(database, table) for table in NIGHT_TABLES] == [0] * len(NIGHT_TABLES)


def test_no_byte_of_a_night_is_left_in_files(tmp_path: Path, now: datetime) -> None:
    exports, nights = tmp_path / "exports", tmp_path / "nights"
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    gone = _rehearse(database, now, SECRET, "10")
    _rehearse(database, now, KEPT, "11")
    with database.reading() as session:
        (theirs,) = list_pairs(session, "2026-09-10")
        (others,) = list_pairs(session, "2026-09-11")
    with database.session() as session:
        edit_pair(session, theirs.id, f"{SECRET} 書き直し", "op", now)
        decide_pair(session, theirs.id, "vetoed", "op", now, f"{SECRET} のため")
        undo_verdict(session, "op", now)
    working = nights / "2026-09-11" / "pairs.jsonl"
    working.parent.mkdir(parents=True)
    lines = [{"id": one.id, "chosen": one.chosen} for one in (theirs, others)]
    working.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    report = working.parent / "sample.json"
    report.write_text(json.dumps({"turn": theirs.turn_id, "text": SECRET}), encoding="utf-8")
    weights = working.parent / "adapter.safetensors"
    weights.write_bytes(b"\x00" * 64)
    assert SECRET_IN_JSON in _bytes_under(tmp_path)
    ids = [gone.visitor_id, theirs.id, theirs.turn_id, theirs.chosen_id, theirs.rejected_id]

    erased = erase_visitor(
        database, gone.visitor_id, exports=exports, actor="test", now=now, nights=nights
    )

    after = _bytes_under(tmp_path)
    assert SECRET.encode() not in after
    assert SECRET_IN_JSON not in after
    assert not [one for one in ids if one.encode() in after]
    assert KEPT.encode() in after
    assert erased.export_files == 2
    assert working.read_text(encoding="utf-8").count("\n") == 1
    assert not report.exists()
    assert weights.exists()
    database.close()


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
    day = ("visitors", "conversations", "turns", "replies", "safety_events")
    owners = [_rehearse(database, now, SECRET, "10"), _fill(database, now, SECRET)[0]]
    for gone in owners:
        erase_visitor(
            database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )
    with database.reading() as session:
        for table in (*day, *NIGHT_TABLES):
            size = session.execute(text(f"SELECT pg_relation_size('{table}')")).scalar_one()
            assert size == 0, table


def test_an_erasure_waits_for_postgres_readers_that_could_still_see_the_rows(
    database: Database, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("a reader of SQLite holds the log, which is tested by its checkpoint")
    gone, _ = _fill(database, now, SECRET)
    looking, enough = threading.Event(), threading.Event()

    def look() -> None:
        with database.reading() as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            session.execute(text("SELECT 1 FROM visitors"))
            looking.set()
            enough.wait(30)

    def erase() -> None:
        erase_visitor(
            database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )

    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(look)
        looking.wait(30)
        with monkeypatch.context() as hasty:
            hasty.setattr("store.database._OLDER_TRANSACTIONS_PATIENCE_SECONDS", 0.2)
            with pytest.raises(DatabaseError, match="have lasted"):
                erase()
        patient = pool.submit(erase)
        enough.set()
        reader.result(30)
        patient.result(30)
    with database.reading() as session:
        assert session.execute(text("SELECT pg_relation_size('visitors')")).scalar_one() == 0


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
