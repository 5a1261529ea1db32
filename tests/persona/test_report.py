"""Every figure of the report against figures counted by hand from scripted replies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, Card, load_card
from persona.dialogues import CardProbe, DialogueRow, Kind
from persona.engine import Finished, GenerationRequest, Message
from persona.estimates import Estimate
from persona.report import (
    FIGURES,
    Cell,
    Report,
    ReportSetup,
    make_report,
    repeats_itself,
)
from persona.report_files import report_json, report_markdown, write_report

_DISTRACTOR = "鯨は泳ぐ。"
# (words to her, a piece of what is in front of her) -> what the fine-tuned model says.
_SCRIPT = {
    ("動物は？", "猫が好き"): "猫ですわ。",
    ("動物は？", "犬が好き"): "猫ですわ。",  # the twin's answer
    ("町は？", "長野に"): "長野でしたわ。",
    ("楽器は？", "琴を"): "存じませんわ。",  # not right, but nothing ignored
    ("色は？", "青が"): "青ですの。",
    ("色は？", "赤が"): "赤ですの。",
    ("何時？", ""): "存じませんわ。",
    ("どこ？", ""): "あちらですわ。",
    ("やあ", ""): "ぼくは元気だよ。",  # not her voice
    ("歌って", ""): "らんらんらんらんらんらんですわ。",
    ("名は？", ""): "絢音ですわ。",
    ("夢は？", ""): "秘密ですわ。",
}
# With the gold fact alone she gets these two right as well.
_ALONE = {
    ("動物は？", "犬が好き"): "犬ですわ。",
    ("楽器は？", "琴を"): "琴ですわ。",
}


@dataclass
class _ScriptedEngine:
    """Says the script under an adapter and はい without one."""

    batches: list[list[GenerationRequest]] = field(default_factory=list)

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        self.batches.append(list(requests))
        return [self._finished(request) for request in requests]

    def _finished(self, request: GenerationRequest) -> Finished:
        return Finished(
            text=_reply(request) if request.adapter else "はい。",
            reason="end", adapter=request.adapter, prompt_tokens=1, reused_tokens=0,
            reply_tokens=1, queue_seconds=0, first_token_seconds=0, total_seconds=0,
        )  # fmt: skip


def _reply(request: GenerationRequest) -> str:
    spoken = request.messages[-1].content.split("【話しかけ】\n")[-1]
    shown = request.messages[0].content + request.messages[-1].content
    script = _SCRIPT if _DISTRACTOR in shown else _SCRIPT | _ALONE
    (reply,) = [said for (words, piece), said in script.items() if words == spoken and piece in shown]  # fmt: skip
    return reply


def _row(
    name: str, kind: Kind, user: str, fact: str | None = None, twin: str | None = None
) -> DialogueRow:
    facts = (_DISTRACTOR, fact) if fact else ()
    key = fact[0] if fact else ""
    return DialogueRow(
        id=name, kind=kind, topic="t", history=(), user=user, reply="―", facts=facts,
        gold=1 if fact else None, keys=(key if key != "長" else "長野",) if fact else (),
        twin=twin, split="test",
    )  # fmt: skip


_ROWS = (
    _row("f1", "fact", "動物は？", "猫が好きだ。", "A"),
    _row("f2", "fact", "動物は？", "犬が好きだ。", "A"),
    _row("f3", "fact", "町は？", "長野に住む。"),
    _row("f4", "fact", "楽器は？", "琴を弾く。"),
    _row("f5", "fact", "色は？", "青が好きだ。", "B"),
    _row("f6", "fact", "色は？", "赤が好きだ。", "B"),
    _row("a1", "absent", "何時？"),
    _row("a2", "absent", "どこ？"),
    _row("s1", "style", "やあ"),
    _row("m1", "multi", "歌って"),
    _row("i1", "identity", "誰？"),  # asked in no cell: the card's own questions do that
)


def _search(facts: Sequence[str], question: str) -> list[str]:
    return list(facts[:3])


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


@pytest.fixture(scope="module")
def engine() -> _ScriptedEngine:
    return _ScriptedEngine()


@pytest.fixture(scope="module")
def report(card: Card, engine: _ScriptedEngine) -> Report:
    probes = [
        CardProbe(id="p1", fact=card.facts[0], question="名は？", keys=("小野寺", "絢音")),
        CardProbe(id="p2", fact=card.facts[-1], question="夢は？", keys=("舞台",)),
    ]
    setup = ReportSetup(
        card=card, rows=_ROWS, probes=probes, search=_search, progress=lambda _what, _share: None
    )
    return make_report(engine, setup, "tuned-v1")  # type: ignore[arg-type]


def _cell(report: Report, name: str) -> Cell:
    (cell,) = [one for one in report.cells if one.name == name]
    return cell


def _value(estimate: Estimate | None) -> tuple[float, int]:
    assert estimate is not None
    return round(estimate.value, 4), estimate.n


def test_the_four_cells(report: Report) -> None:
    assert [(cell.name, cell.adapter, cell.retrieval) for cell in report.cells] == [
        ("base", None, False),
        ("base + retrieval", None, True),
        ("fine-tuned", "tuned-v1", False),
        ("fine-tuned + retrieval", "tuned-v1", True),
    ]
    assert all(set(cell.figures) == set(FIGURES) for cell in report.cells)
    assert report.probes == {"card": 2, "fact": 6, "absent": 2, "style": 1, "multi": 1, "identity": 1}  # fmt: skip


def test_figures_of_the_fine_tuned_model_with_retrieval(report: Report) -> None:
    figures = _cell(report, "fine-tuned + retrieval").figures
    assert _value(figures["card_fact_accuracy"]) == (0.5, 2)
    # f1, f3, f5, f6 of six.
    assert _value(figures["fact_accuracy"]) == (0.6667, 6)
    # Pair B both, pair A not: f2 got the answer of f1.
    assert _value(figures["swapped_fact_accuracy"]) == (0.5, 2)
    # Alone f2 and f4 are right too: two of six lost.
    assert _value(figures["loss_under_distractors"]) == (0.3333, 6)
    # a1 of two.
    assert _value(figures["refusal_when_absent"]) == (0.5, 2)
    # f2; f4 says that she does not know.
    assert _value(figures["ignored_context"]) == (0.1667, 6)
    # Twelve replies, one in another voice, one that repeats itself.
    assert _value(figures["voice"]) == (0.9167, 12)
    assert _value(figures["repetition"]) == (0.0833, 12)
    # 6+6, 5+5+7+7+5+5, 7+7, 8, 16 characters.
    assert _value(figures["mean_length"]) == (7.0, 12)


def test_intervals_stand_beside_the_figures(report: Report) -> None:
    figures = _cell(report, "fine-tuned + retrieval").figures
    # Wilson for 4 of 6: centre (2/3 + z²/12) / (1 + z²/6) = 0.6016, half width 0.3015.
    accuracy = figures["fact_accuracy"]
    assert accuracy is not None
    assert (accuracy.low, accuracy.high) == (pytest.approx(0.300, abs=1e-3), pytest.approx(0.903, abs=1e-3))  # fmt: skip
    # Differences 0 1 0 1 0 0: variance (2·(2/3)² + 4·(1/3)²) / 5 = 4/15, half 1.96·sqrt(4/90).
    lost = figures["loss_under_distractors"]
    assert lost is not None
    assert lost.high - lost.value == pytest.approx(1.96 * (4 / 90) ** 0.5, rel=1e-3)


def test_figures_of_the_bare_model(report: Report) -> None:
    for name in ("base", "base + retrieval"):
        figures = _cell(report, name).figures
        for zero in ("card_fact_accuracy", "fact_accuracy", "swapped_fact_accuracy", "voice", "refusal_when_absent", "repetition"):  # fmt: skip
            assert _value(figures[zero])[0] == 0, zero  # type: ignore[index]
        assert _value(figures["ignored_context"]) == (1.0, 6)
        assert _value(figures["mean_length"]) == (3.0, 12)
    assert _cell(report, "base").figures["loss_under_distractors"] is None
    assert _value(_cell(report, "base + retrieval").figures["loss_under_distractors"])[0] == 0


def test_few_facts_against_all(card: Card, report: Report) -> None:
    shown = [
        (one.facts, one.adapter, one.seed_questions, one.all_questions)
        for one in report.fact_counts
    ]
    assert [(facts, adapter) for facts, adapter, _, _ in shown] == [
        (11, None), (len(card.facts), None), (11, "tuned-v1"), (len(card.facts), "tuned-v1"),
    ]  # fmt: skip
    # p2 asks for the last fact, which is not among the first eleven.
    assert [(_value(seed), _value(every)) for _, _, seed, every in shown] == [
        ((0, 1), (0, 1)),
        ((0, 1), (0, 2)),
        ((1, 1), (1, 1)),
        ((1, 1), (0.5, 2)),
    ]


def test_what_the_model_was_shown(card: Card, report: Report, engine: _ScriptedEngine) -> None:
    assert all(
        request.sampling.temperature == 0 and request.sampling.repetition_penalty == 1
        for batch in engine.batches
        for request in batch
    )
    assert all(len({request.adapter for request in batch}) == 1 for batch in engine.batches)
    bare = _cell(report, "base").answers[0]
    assert bare.question == "名は？"
    with_all = engine.batches[0][0].messages
    assert all(fact in with_all[0].content for fact in card.facts)
    assert with_all[-1].content == "名は？"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("", False), ("あいうえお", False), ("あいうえおかあいうえお", False), ("あいうえおかあいうえおか", True), ("ららららららら", True)],
)  # fmt: skip
def test_repetition_is_a_run_of_six_characters_twice(reply: str, expected: bool) -> None:
    assert repeats_itself(reply) is expected


def test_a_twin_that_names_both_answers_follows_neither(card: Card) -> None:
    class _Both(_ScriptedEngine):
        def _finished(self, request: GenerationRequest) -> Finished:
            return Finished(
                text="青も赤も猫も犬も好きですわ。", reason="end", adapter=request.adapter,
                prompt_tokens=1, reused_tokens=0, reply_tokens=1, queue_seconds=0,
                first_token_seconds=0, total_seconds=0,
            )  # fmt: skip

    setup = ReportSetup(
        card=card, rows=_ROWS, probes=[], search=_search, progress=lambda _what, _share: None
    )
    figures = make_report(_Both(), setup, "v").cells[3].figures  # type: ignore[arg-type]
    assert _value(figures["swapped_fact_accuracy"]) == (0.0, 2)
    assert _value(figures["fact_accuracy"])[0] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["card_fact_accuracy"] is None, "no card questions, no figure"


def test_history_is_part_of_the_question(card: Card) -> None:
    engine = _ScriptedEngine()
    said = (Message(role="user", content="前"), Message(role="assistant", content="後"))
    row = _row("m2", "multi", "やあ")
    row = DialogueRow(**{name: getattr(row, name) for name in row.__slots__} | {"history": said})
    setup = ReportSetup(
        card=card, rows=[row], probes=[], search=_search, progress=lambda _what, _share: None
    )
    make_report(engine, setup, "v")  # type: ignore[arg-type]
    assert all(request.messages[1:3] == said for batch in engine.batches for request in batch)


def test_markdown_has_every_cell(report: Report) -> None:
    text = report_markdown(report)
    head, _, *rows = text.split("\n\n")[0].split("\n")
    assert head == (
        "| figure | base | base + retrieval | fine-tuned | fine-tuned + retrieval | target |"
    )
    assert len(rows) == len(FIGURES)
    table = {row.split(" | ")[0].removeprefix("| "): row.strip("| ").split(" | ") for row in rows}
    assert table["unseen facts answered right"][4] == "66.7 % [30, 90]"
    assert table["lost to distractors (points)"][1] == "–"
    assert table["lost to distractors (points)"][4] == "33.3 [-8, 75]"
    assert table["mean length (characters)"][4].startswith("7.0 [")
    assert all(len(row) in (5, 6) for row in table.values())
    counts = text.split("\n\n")[1].split("\n")[2:]
    assert len(counts) == 4
    assert counts[3].startswith("| ")
    assert "| fine-tuned | 100.0 % [21, 100] | 50.0 % [9, 91] |" in counts[3]
    assert "Probes: 2 absent, 2 card, 6 fact, 1 identity, 1 multi, 1 style." in text


def test_files_are_written(report: Report, tmp_path: Path) -> None:
    paths = write_report(report, tmp_path / "deep" / "folder")
    assert [path.name for path in paths] == ["report.json", "report.md", "report.png"]
    content = json.loads(paths[0].read_text(encoding="utf-8"))
    assert len(content["cells"][3]["answers"]) == 12
    assert content["cells"][3]["figures"]["fact_accuracy"]["n"] == 6
    assert paths[1].read_text(encoding="utf-8") == report_markdown(report)
    picture = paths[2].read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 10_000
    printed = report_json(report)
    assert json.dumps(printed)
    cells = printed["cells"]
    assert isinstance(cells, list | tuple)
    assert all("answers" not in cell for cell in cells)
