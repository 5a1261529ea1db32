"""Rated data from any layout, both seats of a talk, and samples that are fair to raters."""

import json
import lzma
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from persona.errors import DataError
from persona.importers.formats import import_file
from persona.importers.rated import LICENCE
from persona.importers.rated_fields import IMPRESSIONS
from persona.importers.report import write_rows
from rlaif.evaluator import Dialogue
from rlaif.metrics import METRICS, SCALE
from rlaif.rated_data import RATED_FORMATS, detect_format, read_rated, sample_dialogues
from rlaif.rated_dialogues import RatedDialogue
from tests.persona.test_importers import PUBLISHED, REPACKED, SHARED, json_lines, text_file
from tests.persona.test_rated_importers import rated, session, table

REPLY = {"turns": "やあ", "reply": "はい", "ratings": {"charm": 3}}


def said(one: RatedDialogue) -> list[str]:
    return [f"{message.role[0]}:{message.content}" for message in one.messages]


def test_importers_know_the_impressions_of_the_evaluators() -> None:
    assert dict(IMPRESSIONS) == {metric.key: metric.japanese for metric in METRICS}
    assert SCALE == (0.0, 10.0), "the scale that importers hold figures to"


def test_the_format_is_told_from_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "repo" / "real_persona_chat" / "dialogues"
    published = text_file(folder / "00001.json", json.dumps(PUBLISHED, indent=4))
    packed = tmp_path / "rpc.jsonl.xz"
    packed.write_bytes(lzma.compress(json.dumps(REPACKED).encode()))
    own = json_lines(tmp_path / "r.jsonl", REPLY)
    write_rows(import_file("rated", own).rows, tmp_path / "imports" / "rated.jsonl")
    expected = {
        tmp_path / "repo": "realpersonachat",
        published: "realpersonachat",
        packed: "realpersonachat",
        json_lines(tmp_path / "rpc.jsonl", REPACKED): "realpersonachat",
        json_lines(tmp_path / "j.jsonl", session()): "jtransformer-eval",
        table(tmp_path / "j.csv", session()): "jtransformer-eval",
        own: "rated",
        text_file(tmp_path / "r.csv", "turns,reply,charm\nやあ,はい,3\n"): "rated",
        tmp_path / "imports" / "rated.jsonl": "imported",
    }
    for path, name in expected.items():
        assert detect_format(path) == name, path
        assert read_rated(path) == read_rated(path, name)
    assert set(expected.values()) == set(RATED_FORMATS)


def test_the_published_folder_and_the_packed_file_say_the_same(tmp_path: Path) -> None:
    both = PUBLISHED | {
        "evaluations": [
            {**PUBLISHED["evaluations"][0], "interlocutor_id": who}  # type: ignore[index]
            for who in ("AA", "AB")
        ]
    }
    folder = tmp_path / "repo" / "real_persona_chat" / "dialogues"
    text_file(folder / "00001.json", json.dumps(both))
    figures = [5, 4, 3, 2, 1, 5]
    packed = json_lines(
        tmp_path / "rpc.jsonl", REPACKED | {"ratings": {"AA": figures, "AB": figures}}
    )
    replier, beginner = read_rated(packed)
    assert read_rated(tmp_path / "repo") == [replier, beginner]
    assert (replier.rater, replier.system) == ("AA", "AB")
    assert said(replier) == ["a:こんにちは。", "u:はい、\nどうも。", "a:では。"]
    assert said(beginner) == ["u:こんにちは。", "a:はい、\nどうも。", "u:では。"]
    assert [one.reply for one in replier.exchanges(9)] == ["では。"], (
        "the last turn is a reply here"
    )
    assert replier.ratings == dict(
        zip(
            ("informativeness", "comprehension", "familiarity", "interest", "proactiveness",
             "satisfaction"),
            figures, strict=True,
        )
    )  # fmt: skip


def test_a_rated_reply_is_one_exchange_and_a_rated_dialogue_several(tmp_path: Path) -> None:
    turns = [["user", "やあ"], ["assistant", "はい"], ["user", "寒いね"]]
    path = json_lines(
        tmp_path / "r.jsonl",
        {"turns": turns, "reply": "ええ", "ratings": {"charm": 1}},
        {"messages": [*turns, ["assistant", "ええ"]], "ratings": {"charm": 1}, "group": "g"},
    )
    reply, dialogue = read_rated(path)
    assert [one.reply for one in reply.exchanges(5)] == ["ええ"]
    assert [one.reply for one in dialogue.exchanges(5)] == ["はい", "ええ"]
    assert reply.exchanges(5)[0] == Dialogue(turns=reply.messages[:3], reply="ええ")
    assert (dialogue.group, reply.group) == ("g", "r.jsonl row 1")


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({**REPACKED, "ratings": {}}, "holds 1 dialogues of the format 'realpersonachat' and no"),
        ({"prompt": "a", "completion": "b"}, "r.jsonl row 1: the field 'prompt' is unknown"),
        (
            {**REPLY, "ratings": {}},
            "none of 1 rows of the format 'rated' can be used; most: no ratings",
        ),
        ("words", "none of 1 rows of the format 'rated' can be used; most: no JSON object"),
    ],
)
def test_data_without_ratings_are_refused_in_one_sentence(
    tmp_path: Path, record: object, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_rated(json_lines(tmp_path / "r.jsonl", record))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_data_and_unknown_formats_name_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"does not exist; expected rated dialogues: .*jtransformer"
    ):
        read_rated(tmp_path / "none.csv")
    path = json_lines(tmp_path / "r.jsonl", REPLY)
    with pytest.raises(DataError, match="'plain' is no format of rated data; expected one of real"):
        read_rated(path, "plain")
    with pytest.raises(DataError, match="holds no rows"):
        read_rated(text_file(tmp_path / "empty.jsonl", ""))


def test_terms_survive_an_import_that_is_read_again(tmp_path: Path) -> None:
    rows = import_file("jtransformer-eval", json_lines(tmp_path / "j.jsonl", session())).rows
    write_rows(rows, tmp_path / "rows.jsonl")
    [one] = read_rated(tmp_path / "rows.jsonl")
    assert not one.licence.may_train
    assert one == read_rated(tmp_path / "j.jsonl")[0]
    barred = json_lines(tmp_path / "r.jsonl", rated(may_train=False))
    assert not read_rated(barred)[0].licence.may_train


def ratings_of(people: dict[str, int]) -> list[RatedDialogue]:
    """So many dialogues a person, each of two rows."""
    return [
        RatedDialogue(
            group=f"{who}-{n}",
            messages=(),
            rater=who,
            system=system,
            ratings={"charm": n},
            licence=LICENCE,
        )
        for who, count in people.items()
        for n in range(count)
        for system in ("v1", "v2")
    ]


def test_samples_hold_whole_dialogues_of_all_raters() -> None:
    data = ratings_of({"busy": 100, "b": 5, "c": 5, "d": 2})
    sample = sample_dialogues(data, 14)
    assert len(sample) == 28, "both rows of each dialogue"
    assert Counter(one.rater for one in sample) == {"busy": 8, "b": 8, "c": 8, "d": 4}
    assert sample == [one for one in data if one in sample], "in the order of the data"
    assert sample == sample_dialogues(data, 14)
    assert sample != sample_dialogues(data, 14, seed=21)


def test_a_larger_sample_holds_the_smaller_ones() -> None:
    data = ratings_of({"busy": 30, "b": 5, "": 3})
    sizes = [{one.group for one in sample_dialogues(data, n)} for n in range(1, 39)]
    assert [len(groups) for groups in sizes] == list(range(1, 39))
    assert all(small < large for small, large in pairwise(sizes))
    assert sample_dialogues(data, 1000) == data


def test_partners_rate_the_same_dialogue_and_it_is_taken_once() -> None:
    data = [
        RatedDialogue(
            group=f"{n}",
            messages=(),
            rater=rater,
            system="",
            ratings={"charm": 1},
            licence=LICENCE,
        )
        for n in range(6)
        for rater in ("a", "b")
    ]
    assert [len(sample_dialogues(data, n)) for n in (1, 3, 6, 9)] == [2, 6, 12, 12]


def test_the_real_file_seats_both_raters() -> None:
    path = SHARED / "real_persona_chat.jsonl.xz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    data = read_rated(path)
    assert len(data) == 2 * 6439
    ends = Counter((one.messages[0].role, one.messages[-1].role) for one in data)
    assert ends["user", "user"] == ends["assistant", "assistant"] == 367
    assert all(one.exchanges(1) for one in data)
