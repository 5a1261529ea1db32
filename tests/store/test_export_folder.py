"""Exports of logs, scores, reviews and pairs: whole, filtered, private, and within erasure's reach."""

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from store.conversations import mark_deleted
from store.database import Database
from store.erase import erase_visitor, purge_deleted
from store.erasures import ask_for_erasure
from store.errors import ConflictError, NotFoundError
from store.export_folder import (
    MANIFEST,
    PARTIAL,
    ExportStoppedError,
    delete_export,
    list_exports,
    load_manifest,
    remove_abandoned,
    write_export,
)
from store.export_lock import held_folder
from store.export_records import TABLE_NAMES, ExportFilter, ExportOrder, ExportPlace, Row
from store.export_tables import columns_of
from store.tables import TurnRow
from store.turns import set_learn
from tests.store.export_world import EVERYBODY, export, lines_of, pseudonym, tell

SECRET, KEPT = "カナリア-9481", "のこす-5512"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    return tmp_path / "exports"


def _bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_every_table_is_exported_row_by_row(
    database: Database, now: datetime, exports: Path
) -> None:
    one = tell(database, now, "甲", "2026-09-10")
    two = tell(database, now, "乙", "2026-09-11")
    manifest = export(database, exports, now)
    assert manifest.counts == {"logs": 4, "scores": 4, "reviews": 4, "pairs": 2}
    logs = {line["reply_id"]: line for line in lines_of(exports, manifest, "logs")}
    assert list(logs) == sorted([*one.replies, *two.replies])
    first = logs[one.replies[0]]
    assert (first["user_text"], first["reply_text"]) == ("甲 問い", "甲 答え")
    assert (first["shown"], first["edited_away"], first["position"]) == (True, False, 0)
    assert (first["temperature"], first["top_p"], first["seed"]) == (0.7, None, 7)
    assert first["said_at"] == now.isoformat()
    assert first["visitor"] == pseudonym(one.owner.visitor_id)
    scores = lines_of(exports, manifest, "scores")
    assert [line["subject"] for line in scores] == ["reply", "candidate"] * 2
    assert {line["trust"] for line in scores} == {6.0}
    assert {(line["trust_spread"], line["ease_spread"]) for line in scores} == {(0.5, None)}
    reviews = lines_of(exports, manifest, "reviews")
    assert [(line["kind"], line["value"]) for line in reviews] == [
        ("metric", 7.0),
        ("edit", None),
    ] * 2
    (pair,) = [
        line for line in lines_of(exports, manifest, "pairs") if line["turn_id"] == one.turns[0]
    ]
    assert pair["turns"] == [{"role": "user", "content": "甲 問い"}]
    for table in TABLE_NAMES:
        for line in lines_of(exports, manifest, table):
            assert list(line) == [column.name for column in columns_of(table)]
    assert one.owner.visitor_id.encode() not in _bytes_under(exports)


def test_pages_by_key_lose_and_repeat_nothing(
    database: Database, now: datetime, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [tell(database, now, f"{number}", f"2026-09-1{number}") for number in range(4)]
    monkeypatch.setattr("store.export_tables.PAGE_ROWS", 3)
    manifest = export(database, exports, now)
    found = [line["reply_id"] for line in lines_of(exports, manifest, "logs")]
    assert sorted(found) == sorted(reply for one in told for reply in one.replies)
    assert manifest.counts == {"logs": 8, "scores": 8, "reviews": 8, "pairs": 4}


def test_without_a_word_only_what_may_be_learnt_from_is_exported(
    database: Database, now: datetime, exports: Path
) -> None:
    agreed = tell(database, now, "甲", "2026-09-10")
    refused = tell(database, now, "乙", "2026-09-11", consent=False)
    with database.session() as session:
        set_learn(session, agreed.owner, agreed.turns[1], learn=False)
    narrow = export(database, exports, now, wanted=ExportFilter())
    assert [line["reply_id"] for line in lines_of(exports, narrow, "logs")] == [agreed.replies[0]]
    assert narrow.counts == {"logs": 1, "scores": 2, "reviews": 2, "pairs": 1}
    assert "had neither withdrawn" in narrow.consent
    wide = export(database, exports, now)
    assert wide.counts["logs"] == 4
    assert "do not train on it" in wide.consent
    assert refused.replies[0] in {line["reply_id"] for line in lines_of(exports, wide, "logs")}


def test_what_was_said_before_the_yes_stays_out(
    database: Database, now: datetime, exports: Path
) -> None:
    told = tell(database, now, "甲", "2026-09-10")
    with database.session() as session:
        session.get_one(TurnRow, told.turns[0]).created_at = now - timedelta(seconds=1)
    manifest = export(database, exports, now, wanted=ExportFilter())
    assert manifest.counts == {"logs": 1, "scores": 0, "reviews": 0, "pairs": 0}


def test_filters_of_time_and_adapter(database: Database, now: datetime, exports: Path) -> None:
    tell(database, now, "甲", "2026-09-10")
    late = now + timedelta(days=1)
    tell(database, late, "乙", "2026-09-11")
    since = export(database, exports, now, wanted=replace(EVERYBODY, since=late))
    assert since.counts == {"logs": 2, "scores": 2, "reviews": 2, "pairs": 1}
    until = export(database, exports, now, wanted=replace(EVERYBODY, until=late))
    assert {line["user_text"] for line in lines_of(exports, until, "logs")} == {"甲 問い", "甲 次"}
    assert export(database, exports, now, wanted=replace(EVERYBODY, adapter="v1")).counts == {
        "logs": 4, "scores": 4, "reviews": 4, "pairs": 2,
    }  # fmt: skip
    assert not any(
        export(database, exports, now, wanted=replace(EVERYBODY, adapter="v2")).counts.values()
    )


def test_deleted_conversations_are_never_exported(
    database: Database, now: datetime, exports: Path
) -> None:
    told = tell(database, now, "甲", "2026-09-10")
    with database.session() as session:
        mark_deleted(
            session, told.owner, session.get_one(TurnRow, told.turns[0]).conversation_id, now=now
        )
    assert not any(export(database, exports, now).counts.values())


def test_the_manifest_holds_what_tells_whether_a_copy_is_whole(
    database: Database, now: datetime, exports: Path
) -> None:
    tell(database, now, "甲", "2026-09-10")
    made = export(database, exports, now, "csv", ExportFilter(since=now), ("logs", "pairs"))
    raw = json.loads((exports / made.id / MANIFEST).read_bytes())
    assert load_manifest(exports, made.id) == made
    assert list_exports(exports) == [made]
    assert (raw["format"], raw["form"], raw["software"]) == ("yogeiko.export/1", "csv", "test 1")
    assert raw["filter"] == {
        "since": "2026-09-24T12:00:00Z", "until": None, "adapter": None, "consented": True,
    }  # fmt: skip
    assert raw["columns"]["pairs"]["margin"] == "number"
    assert raw["licence"]
    assert raw["consent"].endswith("remove the lines with their ids from every copy.")
    for file in raw["files"]:
        content = (exports / made.id / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), sha256(content).hexdigest())
    assert (exports / made.id).stat().st_mode & 0o777 == 0o700
    names = {path.name for path in (exports / made.id).iterdir()}
    assert names == {MANIFEST, "logs.csv", "pairs.csv"}


@pytest.mark.parametrize("form", ["jsonl", "csv", "hf"])
def test_an_erasure_reaches_pseudonymised_lines(
    database: Database, now: datetime, exports: Path, form: str
) -> None:
    gone = tell(database, now, SECRET, "2026-09-10")
    tell(database, now, KEPT, "2026-09-11")
    made = export(database, exports, now, form)
    later = now + timedelta(days=1)
    erased = erase_visitor(
        database, gone.owner.visitor_id, exports=exports, actor="test", now=later
    )
    assert erased.export_files == 4
    after = _bytes_under(exports)
    for word in (SECRET, *gone.replies, *gone.turns, pseudonym(gone.owner.visitor_id)):
        assert word.encode() not in after
    assert KEPT.encode() in after
    left = load_manifest(exports, made.id)
    assert left.counts == {"logs": 2, "scores": 2, "reviews": 2, "pairs": 1}
    assert left.erased_at == later
    for file in left.files:
        content = (exports / made.id / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), sha256(content).hexdigest())
    if form == "csv":
        with (exports / made.id / "logs.csv").open(encoding="utf-8-sig", newline="") as table:
            assert {row["user_text"] for row in csv.DictReader(table)} == {
                f"{KEPT} 問い",
                f"{KEPT} 次",
            }


def test_a_pseudonym_finds_lines_of_a_conversation_deleted_since(
    database: Database, now: datetime, exports: Path
) -> None:
    gone = tell(database, now, SECRET, "2026-09-10")
    export(database, exports, now)
    with database.session() as session:
        mark_deleted(
            session, gone.owner, session.get_one(TurnRow, gone.turns[0]).conversation_id, now=now
        )
    with database.session() as session:
        purge_deleted(session)
    mine = gone.owner.visitor_id
    erase_visitor(database, mine, exports=exports, actor="test", now=now, pseudonym=pseudonym(mine))
    assert SECRET.encode() not in _bytes_under(exports)


def test_an_erasure_while_an_export_is_written_begins_it_anew(
    database: Database, now: datetime, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tell(database, now, SECRET, "2026-09-10")
    tell(database, now, KEPT, "2026-09-11")
    erasing = [gone.owner.visitor_id]
    written = _writes(monkeypatch, lambda: _erase(database, erasing, exports, now))
    made = export(database, exports, now, "hf")
    assert made.counts["logs"] == 2
    assert any(SECRET in str(row) for row in written)
    assert SECRET.encode() not in _bytes_under(exports)
    assert [path.name for path in exports.iterdir() if path.name.startswith(PARTIAL)] == []


def _writes(monkeypatch: pytest.MonkeyPatch, then: object) -> list[Row]:
    """Note every row that is written, and do something after the first page of each table."""
    import store.export_folder as folder  # noqa: PLC0415 - patched here only

    rows: list[Row] = []
    pages = folder.pages

    def spied(*arguments: object) -> object:
        for read, found in pages(*arguments):  # type: ignore[arg-type]
            rows.extend(found)
            yield read, found
            assert callable(then)
            then()

    monkeypatch.setattr(folder, "pages", spied)
    return rows


def _erase(database: Database, whom: list[str], exports: Path, now: datetime) -> None:
    while whom:
        erase_visitor(database, whom.pop(), exports=exports, actor="test", now=now)


def test_an_export_waits_for_an_erasure_that_was_asked_for(
    database: Database, now: datetime, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tell(database, now, SECRET, "2026-09-10")
    with database.session() as session:
        ask_for_erasure(session, gone.owner.visitor_id, "test", now)
    monkeypatch.setattr("store.export_folder._ERASURE_SECONDS", 0.0)
    with pytest.raises(ConflictError, match="erasure has not ended"):
        export(database, exports, now)
    assert not exports.exists()


def test_a_stop_leaves_nothing(database: Database, now: datetime, exports: Path) -> None:
    tell(database, now, "甲", "2026-09-10")
    place = ExportPlace(
        folder=exports / "out", exports=exports, software="test", pseudonym=pseudonym
    )
    order = ExportOrder(tables=("logs",), form="jsonl", filter=EVERYBODY)
    with pytest.raises(ExportStoppedError):
        write_export(database, order, place, now=now, should_stop=lambda: True)
    assert [path.name for path in exports.iterdir()] == []
    write_export(database, order, place, now=now, should_stop=lambda: False)
    with pytest.raises(ConflictError, match="exists already"):
        write_export(database, order, place, now=now, should_stop=lambda: False)


def test_only_what_nobody_writes_is_cleaned_up(exports: Path) -> None:
    for name in ("dead", "living"):
        (exports / f"{PARTIAL}{name}").mkdir(parents=True)
    with held_folder(exports / f"{PARTIAL}living"):
        assert remove_abandoned(exports) == 1
    assert [path.name for path in exports.iterdir()] == [f"{PARTIAL}living"]


def test_exports_are_deleted_and_names_are_checked(
    database: Database, now: datetime, exports: Path
) -> None:
    tell(database, now, "甲", "2026-09-10")
    made = export(database, exports, now)
    for wrong in ("../../etc", "visitors", "20260924T120000Z-ffffff"):
        with pytest.raises(NotFoundError):
            delete_export(exports, wrong)
    delete_export(exports, made.id)
    assert list_exports(exports) == []
    assert not (exports / made.id).exists()


@pytest.mark.slow
def test_datasets_loads_the_folder(
    now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("store.export_files._SHARD_ROWS", 1)
    from datasets import load_dataset  # noqa: PLC0415 - heavy

    tell(database, now, "甲", "2026-09-10")
    made = export(database, tmp_path / "exports", now, "hf")
    folder = tmp_path / "exports" / made.id
    for table in TABLE_NAMES:
        rows = load_dataset(str(folder), table, split="train", cache_dir=str(tmp_path / "cache"))
        assert rows.num_rows == made.counts[table]
        assert rows.column_names == [column.name for column in columns_of(table)]
    assert rows[0]["turns"] == [{"role": "user", "content": "甲 問い"}]
    monkeypatch.setattr("store.export_tables.PAGE_ROWS", 1)
    few = export(database, tmp_path / "exports", now, "hf", EVERYBODY, ("logs", "pairs"))
    card = (tmp_path / "exports" / few.id / "README.md").read_text(encoding="utf-8")
    none = export(database, tmp_path / "exports", now, "hf", ExportFilter(adapter="none"))
    empty = (tmp_path / "exports" / none.id / "README.md").read_text(encoding="utf-8")
    assert card.count("config_name: pairs") == 2
    assert "config_name" not in empty
    assert few.consent in card
    assert few.licence in card
