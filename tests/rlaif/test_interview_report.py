"""The report of an interview: what is scored, what is not, and what needs no judge."""

import json
import struct
from dataclasses import replace
from pathlib import Path

from rlaif.evaluator import Unscored
from rlaif.interview_files import write_interview
from rlaif.interview_report import Held, interview_json, interview_markdown, interview_report
from rlaif.interview_talk import Transcript
from rlaif.persona_judge import PersonaVerdict
from tests.rlaif.interview_kit import CARD, asked, transcript

FACT = asked("楽器は？", keys=("バイオリン",))


def _verdict(score: int) -> PersonaVerdict:
    return PersonaVerdict(score=score, reason="理由。", nonce="n", temperature=0.0, seed=0)


def _held(*transcripts: Transcript, **changes: object) -> Held:
    plain = Held(kind="character", turns="single", passes=1, adapter="a1", transcripts=transcripts)
    return replace(plain, **changes)  # type: ignore[arg-type]


ONE = transcript("memorization-1", (FACT, "バイオリンですわ。"))
TWO = transcript("memorization-2", (FACT, "笛ですわ。"))
AGAIN = transcript("memorization-1", (FACT, "バイオリンですわ。"), draw=1)


def test_without_a_judge_there_are_rules_and_no_scores() -> None:
    report = interview_report(CARD, _held(ONE, TWO), None)
    found = interview_json(report, with_transcripts=False)
    assert (found["scores"], found["big_five"], found["judge"]) == (None, None, None)
    rules = found["rules_without_judge"]
    assert isinstance(rules, dict)
    assert rules["recalled"]["value"] == 0.5
    assert "No judge was asked" in interview_markdown(report)
    assert "transcripts" not in found


def test_an_interview_counts_once_whatever_the_passes() -> None:
    verdicts = (_verdict(7), _verdict(2), _verdict(3))
    report = interview_report(CARD, _held(ONE, TWO, AGAIN, judge="j", verdicts=verdicts), None)
    assert report.scores is not None
    own = report.scores["memorization"]
    assert (own.value, own.n) == (3.5, 2)  # of (7 + 3) / 2 and 2
    assert "| memorization | 3.50 |" in interview_markdown(report)


def test_what_was_not_scored_is_counted_by_reason_and_in_no_mean() -> None:
    verdicts = (_verdict(6), Unscored(reason="no figure"), Unscored(reason="no figure"))
    report = interview_report(CARD, _held(ONE, TWO, AGAIN, judge="j", verdicts=verdicts), None)
    assert report.scores is not None
    assert report.scores["memorization"].value == 6.0
    assert report.unscored == {"no figure": 2}
    assert "2 × no figure" in interview_markdown(report)


def test_traits_of_a_big_five_interview() -> None:
    held = _held(
        transcript("openness-towards-0", (asked("空想は？"), "いたしますの。")),
        kind="big-five", judge="j", verdicts=(_verdict(4),),
    )  # fmt: skip
    report = interview_report(CARD, held, None)
    assert report.scores is None
    assert report.traits is not None
    assert report.traits.traits["openness"].level.value == 4.0
    text = interview_markdown(report)
    assert "| openness | 4.00 | 1.00 to 5.00 | 1 | – | high | yes (interval undecided) |" in text


def test_the_files_hold_answers_prompts_and_a_picture(tmp_path: Path) -> None:
    held = _held(
        ONE, TWO, judge="j", verdicts=(_verdict(6), Unscored(reason="r")),
        prompts={"memorization": ("system", "user")},
    )  # fmt: skip
    paths = write_interview(interview_report(CARD, held, None), tmp_path / "out")
    assert [path.name for path in paths] == ["interview.json", "interview.md", "interview.png"]
    content = json.loads(paths[0].read_text(encoding="utf-8"))
    assert content["prompts"] == {"memorization": ["system", "user"]}
    assert content["transcripts"][0]["answers"][0]["answer"] == "バイオリンですわ。"
    assert content["transcripts"][0]["verdict"]["score"] == 6
    assert content["transcripts"][1]["verdict"] == {"reason": "r"}
    width, height = struct.unpack(">II", paths[2].read_bytes()[16:24])
    assert width > 900  # two panels
    assert height > 100


def test_no_panel_is_drawn_for_scores_that_do_not_exist(tmp_path: Path) -> None:
    paths = write_interview(interview_report(CARD, _held(ONE), None), tmp_path)
    width, _ = struct.unpack(">II", paths[2].read_bytes()[16:24])
    assert width < 900
