"""Exporting and importing from the command line."""

import json
from pathlib import Path

import pytest

from app.clock import utc_now
from app.pseudonyms import pseudonyms
from app.settings import load_settings
from store.audit import list_audit
from store.database import Database, open_database
from store.export_folder import load_manifest
from store.reviews import list_reviews
from store.turns import set_feedback
from tests.app.test_cli import Run, home, run
from tests.store.export_world import Told, lines_of, tell

__all__ = ["home", "run"]


@pytest.fixture
def database(home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return open_database(load_settings(home).database_url)


@pytest.fixture
def told(database: Database) -> Told:
    return tell(database, utc_now(), "甲", "2026-09-10")


def test_an_export_lands_under_home_with_its_manifest(
    run: Run, home: Path, database: Database, told: Told
) -> None:
    tell(database, utc_now(), "乙", "2026-09-11", consent=False)
    printed = run("data", "export", "all", "--json").json()
    manifest = load_manifest(home / "exports", str(printed["id"]))
    assert (
        printed["counts"] == manifest.counts == {"logs": 2, "scores": 2, "reviews": 2, "pairs": 1}
    )
    assert manifest.software.startswith("yogeiko 0")
    name = pseudonyms(home / "secrets")(told.owner.visitor_id)
    lines = lines_of(home / "exports", manifest, "logs")
    assert {line["visitor"] for line in lines} == {name}
    wide = run("data", "export", "logs", "--everybody", "--real-ids", "--json").json()
    real = lines_of(home / "exports", load_manifest(home / "exports", str(wide["id"])), "logs")
    assert len(real) == 4
    assert told.owner.visitor_id in {line["visitor"] for line in real}
    with database.reading() as session:
        deeds = [one for one in list_audit(session) if one.action == "export.write"]
    assert [one.detail["rows"] for one in deeds] == [4, 7]
    assert all("id" not in one.detail for one in deeds)


def test_a_filter_of_the_list_narrows_every_table(
    run: Run, home: Path, database: Database, told: Told
) -> None:
    with database.session() as session:
        set_feedback(session, told.owner, told.replies[0], "down", None, now=utc_now())
    asked = ("data", "export", "all", "--json", "--filter")
    made = run(*asked, "range=trust:5:&thumb=down&text=甲").json()
    assert made["counts"] == {"logs": 1, "scores": 1, "reviews": 2, "pairs": 1}
    assert made["replies"] == {"range": ["trust:5:"], "thumb": "down", "text": True}
    assert not any(run(*asked, "range=trust:5:&thumb=up").json()["counts"].values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("thumb=sideways", "thumb: "),
        ("sort=newest", "sort: Extra inputs are not permitted; known are range, adapter"),
        ("range=charm:1:2", "charm:1:2"),
        ("thumb", "bad query field"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(run: Run, words: str, told: str) -> None:
    outcome = run("data", "export", "logs", "--filter", words)
    assert outcome.code == 2
    assert told in outcome.err


def test_days_are_those_of_the_nights_zone(run: Run, home: Path, told: Told) -> None:
    today = utc_now().astimezone().date()
    far = run("data", "export", "logs", "--until", "2020-01-01", "--json").json()
    assert far["counts"] == {"logs": 0}
    near = run(
        "data",
        "export",
        "logs",
        "--since",
        "2020-01-01",
        "--until",
        f"{today.year + 1}-01-01",
        "--json",
    ).json()
    assert near["counts"] == {"logs": 2}
    assert near["filter"]["since"] == "2020-01-01T00:00:00+09:00"
    assert near["filter"]["until"] == f"{today.year + 1}-01-02T00:00:00+09:00"


def test_out_names_a_new_folder(run: Run, tmp_path: Path, told: Told) -> None:
    out = tmp_path / "there"
    outcome = run("data", "export", "pairs", "--format", "csv", "--out", out)
    assert outcome.code == 0
    assert f"written: {out / 'manifest.json'}" in outcome.out
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "pairs.csv"]
    again = run("data", "export", "pairs", "--out", out)
    assert again.code == 1
    assert "exists already" in again.err
    assert run("data", "export", "poems").code == 2


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_reviews_come_back_once(
    run: Run, home: Path, tmp_path: Path, database: Database, told: Told, form: str
) -> None:
    out = tmp_path / "out"
    run("data", "export", "reviews", "--format", form, "--out", out)
    file = out / f"reviews.{form}"
    same = run("data", "import", "reviews", file, "--json").json()
    assert (same["known"], same["new"], same["stored"]) == (2, 0, 0)
    with database.reading() as session:
        before = list_reviews(session)
    with database.session() as session:
        from sqlalchemy import delete  # noqa: PLC0415

        from store.night_tables import ReviewRow  # noqa: PLC0415

        session.execute(delete(ReviewRow))
    dry = run("data", "import", "reviews", file, "--dry-run", "--json").json()
    assert (dry["new"], dry["stored"]) == (2, 0)
    done = run("data", "import", "reviews", file)
    assert done.code == 0
    assert "stored 2" in done.out
    with database.reading() as session:
        after = list_reviews(session)
        deeds = [one for one in list_audit(session) if one.action == "reviews.import"]
    said = [(one.operator, one.kind, one.reply_id, one.value, one.text, one.at) for one in after]
    assert said == [
        (one.operator, one.kind, one.reply_id, one.value, one.text, one.at) for one in before
    ]
    assert after[1].text == "=甲 直し"
    assert [one.detail for one in deeds] == [{"reviews": 2}]
    assert run("data", "import", "reviews", file, "--json").json()["known"] == 2


def test_one_bad_line_stores_nothing_unless_it_is_skipped(
    run: Run, tmp_path: Path, database: Database, told: Told
) -> None:
    good = {
        "operator": "op2",
        "kind": "metric",
        "reply_id": told.replies[0],
        "metric": "ease",
        "value": 3,
    }
    lines = [
        good,
        {**good, "value": 11},
        {**good, "metric": "charm"},
        {**good, "reply_id": "f" * 32},
        {**good, "kind": "poem"},
        {**good, "at": "2999-01-01T00:00:00Z"},
        {**good, "reply_id": None},
        good,
        {"kind": "metric"},
    ]
    file = tmp_path / "reviews.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines) + "{nonsense\n[]\n\n")
    refused = run("data", "import", "reviews", file)
    assert refused.code == 1
    assert "9 of 11 lines are bad, so nothing was stored" in refused.err
    for number, word in (
        (2, "value is 11; expected less than or equal to 10"),
        (3, "metric is 'charm'"),
        (4, "is not here"),
        (5, "kind is 'poem'"),
        (6, "still to come"),
        (7, "about a reply or about a pair"),
        (9, "operator is missing"),
        (10, "not JSON"),
        (11, "no object"),
    ):
        assert any(
            f"line {number}: " in line and word in line for line in refused.out.splitlines()
        ), number
    with database.reading() as session:
        assert len(list_reviews(session)) == 2
    kept = run("data", "import", "reviews", file, "--skip-bad", "--json").json()
    assert (kept["new"], kept["known"], kept["bad"], kept["stored"]) == (1, 1, 9, 1)
    with database.reading() as session:
        assert list_reviews(session)[-1].value == 3.0


def test_a_table_of_another_shape_is_told_by_its_line(run: Run, tmp_path: Path, told: Told) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text('operator,kind\nop,"metric\nof two lines"\nop\n', encoding="utf-8")
    report = run("data", "import", "reviews", file, "--dry-run", "--json").json()
    assert [fault["line"] for fault in report["faults"]] == [2, 4]
    assert report["faults"][1]["reason"] == "it has 1 cells; expected 2, as the header has"
    file.write_text("who,what\n", encoding="utf-8")
    report = run("data", "import", "reviews", file, "--dry-run", "--json").json()
    assert report["faults"] == [{"line": 1, "reason": "the header has no column operator, kind"}]
    file.write_bytes(b"operator,kind\n\xff\xfe,x\n")
    report = run("data", "import", "reviews", file, "--dry-run", "--json").json()
    assert report["bad"] == 1
    assert run("data", "import", "reviews", tmp_path / "reviews.txt").code == 2
    assert run("data", "import", "reviews", file, "--out", tmp_path / "x").code == 2
