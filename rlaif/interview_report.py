"""What an interview showed: the judge's scores, the traits, and apart from both what rules see."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from persona.card import Card
from persona.estimates import Estimate
from rlaif.evaluator import Unscored
from rlaif.interview import ASPECTS, Aspect, Turns
from rlaif.interview_big_five import TRAIT_SCALE, BigFive, big_five
from rlaif.interview_estimates import mean_of_few
from rlaif.interview_rules import RULE_FIGURES, RuleFigure, rule_figures
from rlaif.interview_talk import BASE, Transcript
from rlaif.persona_judge import PersonaVerdict
from rlaif.persona_judge_rubrics import ASPECT_SCALE
from rlaif.persona_likeness import LikenessModel

InterviewKind = Literal["character", "big-five"]
Verdict = PersonaVerdict | Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was asked, of whom, and what came of it. verdicts: one per transcript; None without a
    judge. judge: its id; prompts: what it was told, by subject."""

    kind: InterviewKind
    turns: Turns
    passes: int
    adapter: str | None
    transcripts: tuple[Transcript, ...]
    judge: str | None = None
    prompts: Mapping[str, tuple[str, str]] | None = None
    verdicts: tuple[Verdict, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewReport:
    """scores: mean of 1..7 per aspect, over interviews, and traits; both None without a judge.
    unscored: how many transcripts, by reason. rules: rates that need no judge."""

    held: Held
    card: str
    interviews: Mapping[str, int]
    scores: Mapping[Aspect, Estimate] | None
    traits: BigFive | None
    unscored: Mapping[str, int]
    rules: Mapping[RuleFigure, Estimate | None]


def interview_report(card: Card, held: Held, model: LikenessModel | None) -> InterviewReport:
    """All figures; `model` None leaves the likeness out."""
    given = scores_by_interview(held)
    verdicts = held.verdicts or ()
    judged = held.verdicts is not None
    character = held.kind == "character"
    subjects = {one.interview.id: one.interview.subject for one in held.transcripts}
    return InterviewReport(
        held=held,
        card=card.id,
        interviews=Counter(subjects.values()),
        scores=_aspect_scores(given, subjects) if judged and character else None,
        traits=big_five(card, given) if judged and not character else None,
        unscored=Counter(one.reason for one in verdicts if isinstance(one, Unscored)),
        rules=rule_figures(held.transcripts, card, model),
    )


def scores_by_interview(held: Held) -> dict[str, list[float]]:
    """Interview id -> its scores, in the order of the passes; only what was scored."""
    found: dict[str, list[float]] = {}
    for transcript, verdict in zip(held.transcripts, held.verdicts or (), strict=False):
        if isinstance(verdict, PersonaVerdict):
            found.setdefault(transcript.interview.id, []).append(float(verdict.score))
    return found


def _aspect_scores(
    given: Mapping[str, Sequence[float]], subjects: Mapping[str, str]
) -> dict[Aspect, Estimate]:
    """An interview counts once, with the mean of its passes."""
    found: dict[Aspect, Estimate] = {}
    for aspect in ASPECTS:
        means = [statistics.fmean(own) for name, own in given.items() if subjects[name] == aspect]
        estimate = mean_of_few(means, ASPECT_SCALE)
        if estimate is not None:
            found[aspect] = estimate
    return found


def interview_json(report: InterviewReport, *, with_transcripts: bool) -> dict[str, object]:
    """The report as plain JSON values."""
    held = report.held
    content: dict[str, object] = {
        "card": report.card,
        "adapter": held.adapter or BASE,
        "kind": held.kind,
        "turns": held.turns,
        "passes": held.passes,
        "interviews": dict(report.interviews),
        "judge": held.judge,
        "scores": None if report.scores is None else _estimates(report.scores),
        "big_five": None if report.traits is None else asdict(report.traits),
        "unscored": dict(report.unscored),
        "rules_without_judge": _estimates(report.rules),
    }
    if with_transcripts:
        content["prompts"] = dict(held.prompts or {})
        verdicts = held.verdicts or (None,) * len(held.transcripts)
        content["transcripts"] = [
            _transcript(one, verdict)
            for one, verdict in zip(held.transcripts, verdicts, strict=True)
        ]
    return content


def _estimates(
    some: Mapping[Aspect, Estimate] | Mapping[RuleFigure, Estimate | None],
) -> dict[str, object]:
    return {str(name): None if one is None else asdict(one) for name, one in some.items()}


def _transcript(held: Transcript, verdict: Verdict | None) -> dict[str, object]:
    return {
        "id": held.interview.id,
        "pass": held.draw,
        "answers": [
            {"asked": one.turn.user, "facts": list(one.facts), "answer": one.shown}
            for one in held.answers
        ],
        "verdict": None if verdict is None else asdict(verdict),
    }


def interview_markdown(report: InterviewReport) -> str:
    """Tables: scores or traits where a judge was asked, then the rules."""
    held = report.held
    asked = ", ".join(f"{count} {subject}" for subject, count in report.interviews.items())
    lines = [
        f"# Interview of {report.card} ({held.adapter or BASE})",
        "",
        f"{held.kind}, {held.turns}-turn, {held.passes} pass(es). Interviews: {asked}.",
        "",
    ]
    if held.judge is None:
        lines += ["No judge was asked: there are no scores, only what rules see.", ""]
    else:
        lines += [f"Judge: `{held.judge}`.", ""]
    if report.scores is not None:
        lines += _table(
            ["aspect (1 to 7)", "mean", "95 % interval", "interviews"],
            [
                [aspect, *_shown(report.scores.get(aspect))]
                for aspect in ASPECTS
                if aspect in report.interviews
            ],
        )
    if report.traits is not None:
        lines += _trait_lines(report.traits)
    if report.unscored:
        reasons = "; ".join(f"{count} × {reason}" for reason, count in report.unscored.items())
        lines += [f"Not scored: {reasons}.", ""]
    lines += ["Without a judge:", ""]
    lines += _table(
        ["rule", "share", "95 % interval", "n"],
        [[name, *_shown(one)] for name in RULE_FIGURES if (one := report.rules[name]) is not None],
    )
    return "\n".join(lines)


def _trait_lines(found: BigFive) -> list[str]:
    low, high = TRAIT_SCALE
    rows = [
        [
            trait,
            *_shown(one.level),
            "–" if one.lean is None else f"{one.lean:+.2f}",
            one.expected or "–",
            "–"
            if one.agrees is None
            else ("yes" if one.agrees else "no") + ("" if one.certain else " (interval undecided)"),
        ]
        for trait, one in found.traits.items()
    ]
    lines = _table(
        [
            f"trait ({low} to {high})",
            "mean",
            "95 % interval",
            "questions",
            "towards − against",
            "card",
            "agrees",
        ],
        rows,
    )
    if found.repeated is not None and found.within_one is not None:
        lines += [
            f"Same question, two passes: {found.repeated.value:.2f} points apart on average "
            f"({found.repeated.low:.2f} to {found.repeated.high:.2f}), at most one point in "
            f"{100 * found.within_one.value:.0f} % of {found.within_one.n}.",
            "",
        ]
    return lines


def _shown(one: Estimate | None) -> list[str]:
    if one is None:
        return ["–", "–", "0"]
    return [f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}", str(one.n)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]
