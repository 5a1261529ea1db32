"""Judges of bouts: what is preferred, what is kept, what is never asked twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from persona.engine import Message
from rlaif.arena_judges import Bout, ComparingJudge, ScoreJudge, Verdict
from rlaif.errors import ArenaError, JudgeUnreachableError
from rlaif.evaluator import (
    Assessment,
    Comparison,
    Dialogue,
    EvaluatorKind,
    Pick,
    Preferred,
    Unscored,
)
from rlaif.metrics import METRIC_KEYS


def bout(first: str, second: str, *, situation: str = "tea") -> Bout:
    return Bout(
        situation=situation,
        round=0,
        turns=(Message(role="user", content="お茶にする？"),),
        facts=("絢音は紅茶が好きである。",),
        first="old",
        second="new",
        first_reply=first,
        second_reply=second,
    )


@dataclass
class LikesStars:
    """Gives a point for every ★, and none at all to a reply that says 無."""

    id: str = "stars-1"
    kind: EvaluatorKind = "information"
    seen: list[Dialogue] = field(default_factory=list)

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        self.seen.extend(dialogues)
        return [
            Unscored(reason="nothing to see")
            if "無" in one.reply
            else Assessment(
                values=dict.fromkeys(METRIC_KEYS, float(one.reply.count("★"))), spread={}
            )
            for one in dialogues
        ]


@dataclass
class Compares:
    """Likes ★ best, else whatever comes first; falls silent after `lives` comparisons."""

    lives: int = 1000
    id: str = "compares-1"
    asked: int = 0

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        if self.lives <= self.asked:
            raise JudgeUnreachableError("the judge does not answer")
        self.asked += 1
        stars = reply_a.count("★") - reply_b.count("★")
        if "無" in reply_a + reply_b:
            return Unscored(reason="no answer")
        if stars:
            better: Preferred = "a" if stars > 0 else "b"
            picks: tuple[Pick, Pick] = ("first", "second") if stars > 0 else ("second", "first")
            return Comparison(preferred=better, flipped=False, reasons=("one", "two"), picks=picks)
        return Comparison(
            preferred="tie", flipped=True, reasons=("one", "two"), picks=("first", "first")
        )


def test_scores_decide_by_more_than_the_margin(tmp_path: Path) -> None:
    judge = ScoreJudge(LikesStars(), tmp_path, margin=1.0)
    verdicts = judge.decide(
        [bout("★★★", "★"), bout("★", "★★★"), bout("★", "★★"), bout("無", "★"), bout("同", "同")]
    )
    assert verdicts == [
        Verdict(preferred="a", lead=2.0),
        Verdict(preferred="b", lead=-2.0),
        Verdict(preferred="tie", lead=-1.0),
        Unscored(reason="nothing to see"),
        Verdict(preferred="tie", lead=0.0, same=True),
    ]
    with pytest.raises(ArenaError, match="margin is -1"):
        ScoreJudge(LikesStars(), tmp_path, margin=-1)


def test_scores_are_asked_for_once_also_after_a_restart(tmp_path: Path) -> None:
    first, second = LikesStars(), LikesStars()
    bouts = [bout("★", "★★"), bout("★★★", "★★"), bout("無", "★★")]
    before = ScoreJudge(first, tmp_path).decide(bouts)
    assert sorted(one.reply for one in first.seen) == ["★", "★★", "★★★", "無"]
    assert ScoreJudge(second, tmp_path).decide(bouts) == before
    assert [one.reply for one in second.seen] == ["無"]
    assert first.seen[0].facts == ("絢音は紅茶が好きである。",)


def test_a_changed_evaluator_or_margin_is_another_judge(tmp_path: Path) -> None:
    ids = {
        ScoreJudge(LikesStars(), tmp_path).id,
        ScoreJudge(LikesStars(id="stars-2"), tmp_path).id,
        ScoreJudge(LikesStars(), tmp_path, margin=0.5).id,
    }
    assert len(ids) == 3


def test_a_comparing_judge_is_asked_once_also_after_it_fell_silent(tmp_path: Path) -> None:
    bouts = [bout("★", "・"), bout("・", "★"), bout("・", "。"), bout("同", "同"), bout("無", "・")]
    silent = Compares(lives=2)
    with pytest.raises(JudgeUnreachableError):
        ComparingJudge(silent, tmp_path).decide(bouts)
    again = Compares()
    verdicts = ComparingJudge(again, tmp_path).decide(bouts)
    assert verdicts == [
        Verdict(preferred="a", picks=("first", "second"), reasons=("one", "two")),
        Verdict(preferred="b", picks=("second", "first"), reasons=("one", "two")),
        Verdict(preferred="tie", picks=("first", "first"), reasons=("one", "two")),
        Verdict(preferred="tie", same=True),
        Unscored(reason="no answer"),
    ]
    assert silent.asked == 2
    assert again.asked == 2
    third = Compares()
    assert ComparingJudge(third, tmp_path).decide(bouts) == verdicts
    assert third.asked == 1


def test_a_broken_file_of_comparisons_is_only_lost_work(tmp_path: Path) -> None:
    judge = Compares()
    ComparingJudge(judge, tmp_path).decide([bout("★", "・")])
    (path,) = tmp_path.glob("comparisons-*.json")
    for broken in ("{", '{"x": ["c", false, ["", ""], null]}', "[1]"):
        path.write_text(broken, encoding="utf-8")
        ComparingJudge(judge, tmp_path).decide([bout("★", "・")])
    assert judge.asked == 4
