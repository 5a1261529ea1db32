"""Each published layout in miniature, and the real files where they are at hand."""

import csv
import json
import lzma
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from persona.engine import Message
from persona.errors import DataError
from persona.importers.formats import FORMATS, import_file
from persona.importers.report import (
    ImportedRow,
    ImportReport,
    alternate,
    read_written,
    write_rows,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def text_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def json_lines(path: Path, *items: object) -> Path:
    return text_file(path, "".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items))


def workbook(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """A minimal .xlsx: text in shared strings, empty cells left out as Excel does."""
    strings: list[str] = []
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    doc = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rel = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w") as book:
        names = "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in enumerate(sheets, start=1)
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook {main} xmlns:r="{doc}"><sheets>{names}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{rel}">{links}</Relationships>'
        )
        for n, table in enumerate(sheets.values(), start=1):
            rows = ""
            for line, cells in enumerate(table, start=1):
                row = ""
                for column, cell in enumerate(cells):
                    if cell:
                        strings.append(cell)
                        where = f"{chr(ord('A') + column)}{line}"
                        row += f'<c r="{where}" t="s"><v>{len(strings) - 1}</v></c>'
                rows += f'<row r="{line}">{row}</row>'
            book.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>",
            )
        items = "".join(f"<si><t>{s}</t><rPh><t>ヨミ</t></rPh></si>" for s in strings)
        book.writestr("xl/sharedStrings.xml", f"<sst {main}>{items}</sst>")
    return path


def spoken(row: ImportedRow) -> list[str]:
    return [message.content for message in row.messages]


def reasons(report: ImportReport) -> dict[str, int]:
    return {refusal.reason: refusal.count for refusal in report.refused}


def test_ojousama_csv(tmp_path: Path) -> None:
    path = text_file(
        tmp_path / "o.csv", '\ufeffprompt,completion\nおはよう,"朝ですわ、\nおはよう"\n昼,\n夜\n'
    )
    report = import_file("ojousama", path)
    assert (report.read, report.kept) == (3, 1)
    assert spoken(report.rows[0]) == ["おはよう", "朝ですわ、\nおはよう"]
    assert reasons(report) == {"empty text": 1, "no prompt and completion": 1}
    assert report.refused[0].first.startswith("o.csv:")
    assert report.licence.may_train


def test_ojousama_json_lines_of_both_services(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "o.jsonl",
        {"prompt": "おはよう ->", "completion": " 朝ですわ\n"},
        {
            "messages": [
                {"role": "system", "content": "お嬢様です"},
                {"role": "user", "content": "やあ"},
                {"role": "assistant", "content": "ごきげんよう"},
            ]
        },
        {"prompt": 3},
    )
    report = import_file("ojousama", path)
    assert spoken(report.rows[0]) == ["おはよう", "朝ですわ"]
    assert [m.role for m in report.rows[1].messages] == ["system", "user", "assistant"]
    assert reasons(report) == {"no prompt and completion": 1}


def test_zundamon_array_and_csv(tmp_path: Path) -> None:
    array = text_file(
        tmp_path / "z.json",
        json.dumps(
            [
                {
                    "index": "0",
                    "category": "qa",
                    "instruction": "要約",
                    "input": "長い話",
                    "output": "短いのだ",
                },
                {"instruction": "誰？", "input": "", "output": "ずんだもんなのだ"},
                {"instruction": "誰？"},
                "ずんだ",
            ],
            ensure_ascii=False,
        ),
    )
    report = import_file("zundamon", array)
    assert [spoken(row) for row in report.rows] == [
        ["要約\n長い話", "短いのだ"],
        ["誰？", "ずんだもんなのだ"],
    ]
    assert reasons(report) == {"no instruction and output": 1, "not a JSON object": 1}
    table = text_file(tmp_path / "z.csv", 'instruction,output\n"おはよう","おはようなのだ"\n')
    assert spoken(import_file("zundamon", table).rows[0]) == ["おはよう", "おはようなのだ"]


TSUKUYOMI = [
    ["つくよみちゃん会話AI育成計画の説明", "", "", "", ""],
    ["No.", "【A】話しかけ", "【B】お返事", "【C】Bに対するA話者の返事（ある場合のみ）", "【D】Cに対するつくよみちゃんのお返事（ある場合のみ）"],
    ["1", "お腹すいた", "何か召し上がりますか？", "", ""],
    ["2", "眠い", "お休みになりますか？", "まだいい", "では、お茶にしましょう。"],
    ["3", "ねえ", "", "", ""],
    ["", "", "", "", ""],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_tsukuyomi_sheet(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(TSUKUYOMI)
    else:
        workbook(path, {"表紙": [["これは表紙"]], "会話": TSUKUYOMI})
    report = import_file("tsukuyomi", path)
    assert [spoken(row) for row in report.rows] == [
        ["お腹すいた", "何か召し上がりますか？"],
        ["眠い", "お休みになりますか？", "まだいい", "では、お茶にしましょう。"],
    ]
    assert (report.read, report.kept, reasons(report)) == (3, 2, {"no question or no reply": 1})
    assert "Yumesaki" in report.licence.notice


def test_tsukuyomi_without_the_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no header with 【A】 and 【B】"):
        import_file("tsukuyomi", text_file(tmp_path / "t.csv", "a,b\n1,2\n"))


def test_rosebleu_scenes(tmp_path: Path) -> None:
    scenes = tmp_path / "Rosebleu" / "game1"
    json_lines(
        scenes / "01_converted.jsonl",
        {"speaker": "恭介", "utterance": "おはよう。"},
        {"speaker": "", "utterance": "空は青い。"},
        {"speaker": "真琴", "utterance": "おはよう、"},
        {"speaker": "真琴", "utterance": "早いね。"},
        {"speaker": "葵", "utterance": "二人とも遅いよ。"},
        {"speaker": "真琴", "utterance": "ごめん。"},
        {"speaker": "真琴"},
    )
    json_lines(scenes / "02h_converted.jsonl", {"speaker": "恭介", "utterance": "……"})
    json_lines(
        scenes / "03_converted.jsonl",
        {"speaker": "恭介", "utterance": "やあ"},
        {"speaker": "葵", "utterance": "下着が見えてる！"},
    )
    report = import_file("rosebleu", tmp_path / "Rosebleu")
    assert [(row.speaker, spoken(row)) for row in report.rows] == [
        ("真琴", ["おはよう。", "おはよう、\n早いね。"]),
        ("葵", ["おはよう、\n早いね。", "二人とも遅いよ。"]),
    ]
    assert reasons(report) == {
        "no speaker and utterance": 1,
        "scene marked for adults": 1,
        "explicit words": 1,
    }


def test_rosebleu_derivative(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "rp.jsonl",
        {
            "messages": [
                {"role": "user", "content": "恭介「やあ」"},
                {"role": "assistant", "content": "葵「おはよ」"},
            ]
        },
    )
    assert spoken(import_file("rosebleu", path).rows[0]) == ["恭介「やあ」", "葵「おはよ」"]


PUBLISHED = {
    "dialogue_id": 1,
    "interlocutors": ["AA", "AB"],
    "utterances": [
        {"utterance_id": 0, "interlocutor_id": "AB", "text": "こんにちは。", "timestamp": "2022-08-06T14:51:18"},
        {"utterance_id": 1, "interlocutor_id": "AA", "text": "はい、", "timestamp": "2022-08-06T14:51:19"},
        {"utterance_id": 2, "interlocutor_id": "AA", "text": "どうも。", "timestamp": "2022-08-06T14:51:20"},
        {"utterance_id": 3, "interlocutor_id": "AB", "text": "では。", "timestamp": "2022-08-06T14:51:21"},
    ],
    "evaluations": [
        {
            "interlocutor_id": "AA",
            "informativeness": 5,
            "comprehension": 4,
            "familiarity": 3,
            "interest": 2,
            "proactiveness": 1,
            "satisfaction": 5,
        }
    ],
}  # fmt: skip
REPACKED = {
    "id": 1,
    "speakers": ["AA", "AB"],
    "utterances": [["AB", "こんにちは。"], ["AA", "はい、"], ["AA", "どうも。"], ["AB", "では。"]],
    "ratings": {"AA": [5, 4, 3, 2, 1, 5]},
}


def test_realpersonachat_layouts_agree(tmp_path: Path) -> None:
    text_file(
        tmp_path / "repo" / "real_persona_chat" / "dialogues" / "00001.json",
        json.dumps(PUBLISHED, ensure_ascii=False),
    )
    text_file(tmp_path / "repo" / "real_persona_chat" / "dialogues" / "00002.json", "{}")
    published = import_file("realpersonachat", tmp_path / "repo")
    assert reasons(published) == {"not a dialogue of two people": 1}
    packed = tmp_path / "rpc.jsonl.xz"
    packed.write_bytes(lzma.compress(json.dumps(REPACKED, ensure_ascii=False).encode()))
    [row] = published.rows
    assert import_file("realpersonachat", packed).rows == (row,)
    assert spoken(row) == ["こんにちは。", "はい、\nどうも。"]
    assert row.speaker == "AA"
    assert [m.content for m in row.whole()] == ["こんにちは。", "はい、\nどうも。", "では。"], (
        "AA rates, and heard the last turn too"
    )
    assert dict(row.ratings[0].scores)["proactiveness"] == 1
    assert row.licence.name.startswith("CC BY-SA 4.0")


@pytest.mark.parametrize(
    "ratings", [{"AA": [5, 4, 3, 2, 1, 6]}, {"AA": [5, 4]}, {"AC": [5, 4, 3, 2, 1, 5]}]
)
def test_figures_outside_the_published_scale_are_refused(
    tmp_path: Path, ratings: dict[str, list[int]]
) -> None:
    path = json_lines(tmp_path / "rpc.jsonl", REPACKED, REPACKED | {"ratings": ratings})
    report = import_file("realpersonachat", path)
    assert (report.kept, reasons(report)) == (1, {"not a dialogue of two people": 1})


def test_a_torn_archive_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rpc.jsonl.xz"
    path.write_bytes(lzma.compress(json.dumps(REPACKED).encode() * 50)[:60])
    with pytest.raises(DataError, match="cannot be unpacked"):
        import_file("realpersonachat", path)


JEMPATHETIC_TURNS = [
    ["ID", "話者", "発話"],
    ["1_1", "A", "財布を落としました。"],
    ["1_1", "B", "それは大変でしたね。"],
    ["1_1", "A", "でも届いていました。"],
    ["1_1", "B", "よかったですね。"],
    ["1_2", "A", "一人で話しています。"],
]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_jempathetic_is_for_evaluation_only(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"j.{kind}"
    if kind == "csv":
        text_file(path, "".join(",".join(cells) + "\n" for cells in JEMPATHETIC_TURNS))
    else:
        situations = [["作業No", "感情", "状況文"], ["1_1", "安心", "財布が戻った。"]]
        workbook(path, {"状況文": situations, "対話": JEMPATHETIC_TURNS})
    report = import_file("jempathetic", path)
    [row] = report.rows
    assert spoken(row) == [cells[2] for cells in JEMPATHETIC_TURNS[1:5]]
    assert row.topic == (None if kind == "csv" else "安心")
    assert reasons(report) == {"not a dialogue of A and B": 1}
    assert not report.licence.may_train


def test_plain_rows(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "p.jsonl",
        {"prompt": "やあ", "completion": "ごきげんよう"},
        {"messages": [{"role": "user", "content": "一人"}]},
        {"messages": [{"role": "cat", "content": "にゃ"}]},
        {"text": "?"},
    )
    report = import_file("plain", path)
    assert (report.read, report.kept) == (4, 1)
    assert reasons(report) == {
        "turns are not user and assistant by turns, ending with a reply": 1,
        "messages are not role and content": 1,
        "neither messages nor prompt and completion": 1,
    }
    assert report.licence.may_train


def test_written_rows_come_back_with_their_tag(tmp_path: Path) -> None:
    source = text_file(tmp_path / "rpc.json", json.dumps(PUBLISHED))
    rows = import_file("realpersonachat", source).rows
    out = tmp_path / "imports" / "rows.jsonl"
    write_rows(rows, out)
    assert read_written(out) == list(rows)
    assert json.loads(out.read_text(encoding="utf-8"))["licence"]["may_train"] is True
    older = json.loads(out.read_text(encoding="utf-8"))
    for name in ("opening", "closing", "group", "only_reply"):
        del older[name]
    out.write_text(json.dumps(older), encoding="utf-8")
    [read] = read_written(out)
    assert read == replace(rows[0], closing=None), "files of before the fields were there"
    out.write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.jsonl line 1: id: Field required"):
        read_written(out)


@pytest.mark.parametrize("name", list(FORMATS))
def test_missing_and_foreign_files_are_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="does not exist"):
        import_file(name, tmp_path / "none.csv")
    empty = text_file(tmp_path / "empty.jsonl", "")
    with pytest.raises(DataError) as caught:
        import_file(name, empty)
    assert "empty.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'cat' is not a known format; expected one of ojousama, "):
        import_file("cat", tmp_path)


def test_alternate_drops_what_has_no_counterpart() -> None:
    turns = [("B", "先に"), ("A", "一"), ("A", "二"), ("B", "三"), ("A", "四")]
    assert alternate(turns, "B") == (
        Message(role="user", content="一\n二"),
        Message(role="assistant", content="三"),
    )


def test_the_real_ojousama_file() -> None:
    path = SHARED / "ojousama" / "ojousamatalkscript200.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    report = import_file("ojousama", path)
    assert (report.read, report.kept, report.refused) == (202, 202, ())


def test_the_real_realpersonachat_file() -> None:
    path = SHARED / "real_persona_chat.jsonl.xz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    report = import_file("realpersonachat", path)
    assert (report.read, report.kept, report.refused) == (6439, 6439, ())
    assert all(len(row.ratings) == 2 for row in report.rows)
