"""Rated data of one's own and JTransformer-Eval: every figure is checked, every fault is one sentence."""

import csv
import json
from pathlib import Path

import pytest

from persona.errors import DataError
from persona.importers.formats import import_file
from persona.importers.jtransformer_eval import EXPECTED_SESSIONS
from persona.importers.rated_fields import IMPRESSIONS
from persona.importers.report import read_written, write_rows
from tests.persona.test_importers import json_lines, reasons, spoken, text_file

TURNS = [["S", "はじめまして。"], ["U", "こんにちは。"], ["S", "今日は"], ["S", "寒いですね。"], ["U", "はい。"]]  # fmt: skip
SCORES = {key.capitalize(): number for number, key in enumerate(IMPRESSIONS, start=-1)} | {
    "Agency": 7.5
}
Record = dict[str, object]


def session(**changes: object) -> Record:
    """A session as the layout declares it, as one JSON object."""
    record: Record = {"session": "s1", "system": "sys-a", "rater": "w1", "utterances": TURNS}
    return record | SCORES | changes


def table(path: Path, *records: Record, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """The same as a table; lists become JSON."""
    with path.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(records[0])
        for record in records:
            cells = (v if isinstance(v, str | int | float) else json.dumps(v, ensure_ascii=False)
                     for v in record.values())  # fmt: skip
            writer.writerow(list(cells))
    return path


def written_as(kind: str, folder: Path) -> Path:
    if kind == "json":
        return text_file(folder / "j.json", json.dumps([session()], ensure_ascii=False))
    if kind == "one.json":
        return text_file(folder / "one.json", json.dumps(session(), indent=2))
    if kind == "jsonl":
        return json_lines(folder / "j.jsonl", session())
    delimiter, encoding = ("\t", "utf-8") if kind == "tsv" else (",", "utf-8-sig")
    return table(folder / f"j.{kind}", session(), delimiter=delimiter, encoding=encoding)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "one.json"])
def test_a_session_reads_alike_from_every_file(tmp_path: Path, kind: str) -> None:
    report = import_file("jtransformer-eval", written_as(kind, tmp_path))
    [row] = report.rows
    assert spoken(row) == ["こんにちは。", "今日は\n寒いですね。"]
    assert (row.opening, row.closing) == ("はじめまして。", "はい。")
    assert [m.content for m in row.whole()][0::3] == ["はじめまして。", "はい。"]
    assert (row.speaker, row.group, row.ratings[0].rater) == ("sys-a", "s1", "w1")
    scores = dict(row.ratings[0].scores)
    assert list(scores) == list(IMPRESSIONS)
    assert (scores["agency"], scores["attentiveness"], scores["trust"]) == (7.5, 0, 10)
    assert not row.licence.may_train
    assert report.notes == (f"1 sessions were kept; the paper counts {EXPECTED_SESSIONS:,}",)


def test_japanese_columns_and_sessions_without_names(tmp_path: Path) -> None:
    japanese = {IMPRESSIONS[key.lower()]: value for key, value in SCORES.items()}
    record = {"UTTERANCES": [{"speaker": "ユーザー", "text": "やあ"}, {"speaker": "システム", "text": "はい"}]}  # fmt: skip
    path = json_lines(tmp_path / "j.jsonl", record | japanese, record | japanese)
    first, second = import_file("jtransformer-eval", path).rows
    assert spoken(first) == ["やあ", "はい"]
    assert (first.speaker, first.ratings[0].rater) == (None, "")
    assert first.group != second.group, "rows without a session are sessions of their own"


def test_the_full_number_of_sessions_needs_no_note(tmp_path: Path) -> None:
    sessions = [session(session=number) for number in range(EXPECTED_SESSIONS)]
    report = import_file("jtransformer-eval", json_lines(tmp_path / "j.jsonl", *sessions))
    assert (report.kept, report.notes) == (EXPECTED_SESSIONS, ())


@pytest.mark.parametrize("key", [key.capitalize() for key in IMPRESSIONS])
def test_each_missing_column_is_named(tmp_path: Path, key: str) -> None:
    without = {name: value for name, value in session().items() if name != key}
    with pytest.raises(DataError) as caught:
        import_file("jtransformer-eval", table(tmp_path / "j.csv", without))
    assert str(caught.value).startswith(f"j.csv row 2: the field '{key.lower()}' is missing;")


@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        ({"Kindness": 3}, "j.csv row 2: the field 'Kindness' is unknown; expected agency, "),
        ({"信頼": 3}, "j.csv row 2: the field '信頼' gives trust a second time; keep one."),
        ({"model": "b"}, "the field 'model' gives system a second time"),
    ],
)
def test_unknown_and_doubled_columns_are_named(
    tmp_path: Path, added: Record, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        import_file("jtransformer-eval", table(tmp_path / "j.csv", session() | added))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("key", [key.capitalize() for key in IMPRESSIONS])
@pytest.mark.parametrize("value", ["10.01", "-1", "eleven", "", "nan", "1e999", True, None, [5]])
def test_each_bad_figure_refuses_its_row_alone(tmp_path: Path, key: str, value: object) -> None:
    path = json_lines(tmp_path / "j.jsonl", session(), session(session="s2") | {key: value})
    report = import_file("jtransformer-eval", path)
    assert report.kept == 1
    assert reasons(report) == {f"{key.lower()} is no number from 0 to 10": 1}
    assert report.refused[0].first.startswith("j.jsonl row 2")
    if value:
        assert str(value) in report.refused[0].first


def test_figures_may_be_written_as_text(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "j.jsonl", session(Trust=" 9.50 ", Ease="１０"))
    scores = dict(import_file("jtransformer-eval", path).rows[0].ratings[0].scores)
    assert (scores["trust"], scores["ease"]) == (9.5, 10)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"utterances": "やあ"}, "utterances is no JSON list of turns"),
        ({"utterances": "[" * 100_000}, "utterances is no JSON list of turns"),
        ({"utterances": {}}, "utterances is no list of turns"),
        ({"utterances": [["U", "a", "b"]]}, "utterances holds what is no turn of speaker and text"),
        ({"utterances": [["U", 3]]}, "utterances hold a turn that is no text"),
        ({"utterances": [["猫", "にゃ"]]}, "utterances name a speaker who is none of user, "),
        ({"utterances": []}, "no turns"),
        ({"utterances": [["U", "やあ"]]}, "no turns"),
        ({"utterances": [["U", "\ud800"], ["S", "はい"]]}, "text that is not Unicode"),
        ({"rater": 1.5}, "rater is neither text nor a whole number"),
    ],
)
def test_what_is_no_session_is_refused(tmp_path: Path, changes: Record, reason: str) -> None:
    lines = json.dumps(session()) + "\n" + json.dumps(session(session="s2") | changes)
    report = import_file("jtransformer-eval", text_file(tmp_path / "j.jsonl", lines))
    [refused] = report.refused
    assert refused.reason.startswith(reason)
    assert report.kept == 1


def test_a_rater_counts_once_per_session(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "j.jsonl", session(), session(rater="w2"), session())
    report = import_file("jtransformer-eval", path)
    assert [row.group for row in report.rows] == ["s1", "s1"]
    assert reasons(report) == {"the same rater rated the session before": 1}


@pytest.mark.parametrize("name", ["jtransformer-eval", "rated", "realpersonachat"])
@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("sjis.csv", "utterances,主体性\nやあ,3\n".encode("shift_jis"), "is not UTF-8"),
        ("utf16.jsonl", '{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        ("deep.jsonl", b"[" * 100_000, "is no JSON that can be read"),
        ("huge.json", b"[" + b"9" * 5000 + b"]", "is no JSON that can be read"),
        ("torn.json", b'[{"trust": ', "is not JSON"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8"),
    ],
)
def test_broken_files_are_one_sentence(
    tmp_path: Path, name: str, file: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        import_file(name, path)
    assert sentence in str(caught.value)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("turns,reply,turns", "names 'turns' twice in its header"),
        ("turns,,trust", "has no name for column 2 in its header"),
    ],
)
def test_a_header_names_each_column_once(tmp_path: Path, header: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        import_file("rated", text_file(tmp_path / "r.csv", f"{header}\na,b,3\n"))


def test_rated_replies_of_a_table(tmp_path: Path) -> None:
    path = text_file(
        tmp_path / "r.csv",
        "turns,reply,Trust,楽しさ,charm,rater,system,group\n"
        "やあ,ごきげんよう。,8,,3.5,op,v1,d1\n"
        '"[[""user"",""やあ""],[""assistant"",""どうも""],[""user"",""寒いね""]]",ええ。,,6,,,,\n'
        "やあ,はい,,,,op,v1,d1\n"
        "やあ,はい,3\n"
        "やあ,,3,,,op,v1,d1\n"
        "やあ,はい,ten,,,op,v1,d1\n",
    )
    report = import_file("rated", path)
    first, second = report.rows
    assert spoken(first) == ["やあ", "ごきげんよう。"]
    assert first.only_reply
    assert first.ratings[0].scores == (("trust", 8.0), ("charm", 3.5))
    assert (first.ratings[0].rater, first.speaker, first.group) == ("op", "v1", "d1")
    assert spoken(second) == ["やあ", "どうも", "寒いね", "ええ。"]
    assert second.ratings[0].scores == (("enjoyability", 6.0),)
    assert (second.ratings[0].rater, second.speaker, second.group) == ("", None, None)
    assert reasons(report) == {
        "no ratings": 1,
        "no JSON object, or not as many cells as the header": 1,
        "neither messages alone nor turns and reply": 1,
        "trust is no number from 0 to 10": 1,
    }
    assert first.licence.may_train


def rated(**changes: object) -> Record:
    record: Record = {
        "messages": [
            {"role": "assistant", "content": "いらっしゃい"},
            {"role": "user", "content": "やあ"},
            {"role": "assistant", "content": "はい"},
        ],
        "ratings": {"trust": 4, "my own figure": -12.5},
    }
    return record | changes


def test_rated_dialogues_keep_opening_figures_and_terms(tmp_path: Path) -> None:
    barred = rated(licence="lent by a friend", may_train=False)
    report = import_file("rated", json_lines(tmp_path / "r.jsonl", rated(), barred))
    first, second = report.rows
    assert not first.only_reply
    assert first.opening == "いらっしゃい"
    assert first.ratings[0].scores == (("trust", 4.0), ("my own figure", -12.5))
    assert first.licence.may_train
    assert (second.licence.name, second.licence.may_train) == ("lent by a friend", False)
    write_rows(report.rows, tmp_path / "out.jsonl")
    assert read_written(tmp_path / "out.jsonl") == [first, second]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"may_trian": False},
            "r.jsonl row 1: the field 'may_trian' is unknown; expected messages",
        ),
        (
            {"may_train": "perhaps"},
            "r.jsonl row 1: may_train is 'perhaps'; expected true or false.",
        ),
        ({"may_train": None}, "may_train is None"),
        ({"licence": 3}, "r.jsonl row 1: licence is 3; expected its name."),
    ],
)
def test_terms_are_never_guessed(tmp_path: Path, changes: Record, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        import_file("rated", json_lines(tmp_path / "r.jsonl", rated(**changes)))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ratings": {}}, "no ratings"),
        ({"ratings": [3]}, "no ratings"),
        ({"ratings": {"trust": 11}}, "trust is no number from 0 to 10"),
        ({"ratings": {"charm\x1b[2J\ud800": "x"}}, "a figure is no number"),
        ({"ratings": {"trust": 1, "Trust": 2}}, "a figure stands twice"),
        ({"ratings": {" ": 1}}, "a rating's name is empty or above 60 letters"),
        ({"ratings": {"charm": 10**400}}, "a figure is no number"),
        ({"ratings": {"charm\ud800": 1}}, "text that is not Unicode"),
        ({"reply": "はい"}, "neither messages alone nor turns and reply"),
        ({"messages": [["system", "x"]]}, "messages name a speaker who is none of user, assistant"),
        ({"rater": "a", "system": "a"}, "rater and system are the same"),
    ],
)
def test_unusable_rated_rows_are_refused(tmp_path: Path, changes: Record, reason: str) -> None:
    lines = json.dumps(rated()) + "\n" + json.dumps(rated(**changes))
    report = import_file("rated", text_file(tmp_path / "r.jsonl", lines))
    assert reasons(report) == {reason: 1}
    assert report.refused[0].first.startswith("r.jsonl row 2")
    assert report.refused[0].first.isprintable(), "names of a file may not steer a terminal"


def test_turns_must_lead_to_the_reply(tmp_path: Path) -> None:
    turns = [["user", "やあ"], ["assistant", "はい"]]
    record = {"turns": turns, "reply": "ええ", "ratings": {"trust": 1}}
    report = import_file("rated", json_lines(tmp_path / "r.jsonl", record))
    assert reasons(report) == {"the turns do not end with the user's": 1}


def test_terms_in_a_table(tmp_path: Path) -> None:
    path = text_file(
        tmp_path / "r.tsv",
        "turns\treply\ttrust\tlicence\tmay_train\nやあ\tはい\t3\tlent\tNo\nやあ\tはい\t3\t\t\n",
    )
    barred, free = import_file("rated", path).rows
    assert (barred.licence.name, barred.licence.may_train) == ("lent", False)
    assert (free.licence.name, free.licence.may_train) == ("unstated", True)
