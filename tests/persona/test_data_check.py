"""The shipped rows pass every check, and each check catches the fault it is there for."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD
from persona.data_check import Check, CheckReport, check_card, frozen_sums

Line = dict[str, object]


@pytest.fixture(scope="module")
def shipped() -> CheckReport:
    return check_card(SHIPPED_CARD)


def test_the_shipped_rows_pass_every_check(shipped: CheckReport) -> None:
    failed = [(check.name, check.value, check.examples) for check in shipped.checks if not check.ok]
    assert failed == []
    assert shipped.ok


def test_the_shipped_rows_hold_every_kind_in_every_split(shipped: CheckReport) -> None:
    assert shipped.rows >= 800
    assert set(shipped.counts) == {"style", "multi", "identity", "fact", "absent", "safety"}
    assert all(count > 0 for splits in shipped.counts.values() for count in splits.values())


def test_the_test_part_is_frozen() -> None:
    """A change to the frozen files needs a new frozen.json, made knowingly."""
    dialogues = SHIPPED_CARD / "dialogues"
    written = json.loads((dialogues / "frozen.json").read_text(encoding="utf-8"))
    assert written == frozen_sums(dialogues)
    body = (dialogues / "test.jsonl").read_bytes()
    assert written["test.jsonl"] == hashlib.sha256(body).hexdigest()


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def altered(folder: Path, split: str, change: Callable[[list[Line]], None]) -> CheckReport:
    """Report on a copy of the shipped card whose rows of one split went through `change`."""
    card = folder / "card"
    shutil.copytree(SHIPPED_CARD, card, ignore=shutil.ignore_patterns("adapter"))
    path = card / "dialogues" / f"{split}.jsonl"
    lines = lines_of(path)
    change(lines)
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return check_card(card)


def named(report: CheckReport, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def first(lines: list[Line], kind: str) -> Line:
    return next(line for line in lines if line["kind"] == kind)


def set_field(kind: str, **fields: object) -> Callable[[list[Line]], None]:
    return lambda lines: first(lines, kind).update(fields)


def copy_question_of_test(lines: list[Line]) -> None:
    test = lines_of(SHIPPED_CARD / "dialogues" / "test.jsonl")
    first(lines, "style")["user"] = str(first(test, "style")["user"]) + "！"


def answer_in_a_distractor(lines: list[Line]) -> None:
    fact = first(lines, "fact")
    other = next(
        line
        for line in lines
        if line["kind"] == "fact" and line["topic"] == fact["topic"] and line is not fact
    )
    facts, gold, others, theirs = fact["facts"], fact["gold"], other["facts"], other["gold"]
    assert isinstance(facts, list)
    assert isinstance(others, list)
    assert isinstance(gold, int)
    assert isinstance(theirs, int)
    facts[(gold + 1) % 3] = others[theirs]


def same_answer_for_twins(lines: list[Line]) -> None:
    fact = first(lines, "fact")
    twin = next(x for x in lines if x["twin"] == fact["twin"] and x is not fact)
    twin["reply"] = str(fact["reply"])
    twin["keys"] = fact["keys"]


def drop_absent(lines: list[Line]) -> None:
    lines[:] = [line for line in lines if line["kind"] != "absent"]


def one_opener(lines: list[Line]) -> None:
    for line in lines:
        if line["kind"] == "style":
            line["reply"] = "まあ、" + str(line["reply"])


def one_topic(lines: list[Line]) -> None:
    test = lines_of(SHIPPED_CARD / "dialogues" / "test.jsonl")
    first(lines, "multi")["topic"] = first(test, "multi")["topic"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("voice rate", set_field("style", reply="今日はとてもいい天気です。散歩に行きます。")),
        ("first-person faults", set_field("style", reply="私は散歩が何より好きですわ、雨でも。")),
        ("forbidden words", set_field("style", reply="AIですもの、散歩には参りませんわ。")),
        ("replies outside the length window", set_field("style", reply="そうですわ。")),
        ("replies without their key", set_field("fact", keys=["どこにもない鍵"])),
        (
            "absent rows that do not say so",
            set_field("absent", reply="枕は山吹色と決めておりますわ。"),
        ),
        (
            "fact rows without three different facts",
            set_field("absent", facts=["絢音は猫舌である。"]),
        ),
        ("questions near-duplicated across splits", copy_question_of_test),
        ("distractors that answer the question", answer_in_a_distractor),
        ("malformed twins", same_answer_for_twins),
        ("near-duplicate replies", same_answer_for_twins),
        ("absent among fact rows, share", drop_absent),
        ("commonest opener, share", one_opener),
        ("topics in more than one split", one_topic),
        ("repeated ids", lambda lines: lines.append(dict(lines[0]))),
        ("rows", lambda lines: lines.clear()),
    ],
)
def test_each_check_catches_its_fault(
    tmp_path: Path, name: str, change: Callable[[list[Line]], None]
) -> None:
    report = altered(tmp_path, "train", change)
    check = named(report, name)
    assert not check.ok
    assert not report.ok


def test_an_altered_frozen_file_is_seen(tmp_path: Path) -> None:
    report = altered(
        tmp_path, "test", set_field("style", reply="こっそり書き換えましたわ、内緒ですの。")
    )
    assert not named(report, "frozen files altered").ok


def test_a_card_fact_without_a_probe_is_seen(tmp_path: Path) -> None:
    card = tmp_path / "card"
    shutil.copytree(SHIPPED_CARD, card, ignore=shutil.ignore_patterns("adapter"))
    path = card / "dialogues" / "card_probes.jsonl"
    path.write_text(
        "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), "utf-8"
    )
    report = check_card(card)
    assert not named(report, "card facts without a probe, probes without a fact").ok
