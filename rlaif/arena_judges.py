"""Who says which of two replies is better: a judge that compares, or an evaluator's scores."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

from persona.durable import write_file
from persona.engine import Message
from rlaif.cached_verdicts import cached_verdicts
from rlaif.errors import ArenaError
from rlaif.evaluator import (
    Assessment,
    Comparison,
    Dialogue,
    Evaluator,
    PairJudge,
    Pick,
    Preferred,
    Unscored,
)
from rlaif.measure import mean_impression
from rlaif.measurement_cache import MeasurementCache, digest

DEFAULT_MARGIN = 0.3
"""Points of 0..10 by which the better reply must lead; the night's pairs ask for the same."""

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """Two versions' replies to one situation in one round. `turns` end with the visitor's."""

    situation: str
    round: int
    turns: tuple[Message, ...]
    facts: tuple[str, ...]
    first: str
    second: str
    first_reply: str
    second_reply: str

    def context(self, reply: str) -> Dialogue:
        """One of the replies where it was said."""
        return Dialogue(turns=self.turns, reply=reply, facts=self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`preferred`: `a` is the first version. `picks`: what was chosen, by place, when the first
    version stood first and when the second did; None where no order is shown. `lead`: points of
    the first over the second. `same`: the replies were one text, so nobody was asked."""

    preferred: Preferred
    picks: tuple[Pick, Pick] | None = None
    lead: float | None = None
    reasons: tuple[str, ...] = ()
    same: bool = False


class BoutJudge(Protocol):
    """Decides bouts."""

    @property
    def id(self) -> str:
        """Names kind and version of the judge, and what else the verdicts depend on."""

    def decide(
        self, bouts: Sequence[Bout], report: Report | None = None
    ) -> list[Verdict | Unscored]:
        """One verdict per bout, in order. Raises EvaluatorError when the judge cannot be asked."""


class ScoreJudge:
    """Prefers the reply with the higher mean of the twelve impressions, if it leads by a margin."""

    def __init__(self, evaluator: Evaluator, folder: Path, margin: float = DEFAULT_MARGIN) -> None:
        """Verdicts are kept in `folder`, by version. Raises ArenaError for a negative margin."""
        if margin < 0:
            raise ArenaError(f"margin is {margin} points; expected 0 or more")
        self._evaluator = evaluator
        self._folder = folder
        self._margin = margin
        self.id = f"{evaluator.id} margin {margin:g}"

    def decide(
        self, bouts: Sequence[Bout], report: Report | None = None
    ) -> list[Verdict | Unscored]:
        """One verdict per bout: a lead of no more than the margin is a tie."""
        wanted: dict[str, list[Dialogue]] = {}
        for bout in bouts:
            wanted.setdefault(bout.first, []).append(bout.context(bout.first_reply))
            wanted.setdefault(bout.second, []).append(bout.context(bout.second_reply))
        values: dict[tuple[str, Dialogue], float | Unscored] = {}
        for version, dialogues in wanted.items():
            cache = arena_cache(self._folder, version)
            found = cached_verdicts(self._evaluator, dialogues, cache, report)
            for dialogue, verdict in zip(dialogues, found, strict=True):
                values[(version, dialogue)] = (
                    mean_impression(dialogue, verdict)
                    if isinstance(verdict, Assessment)
                    else verdict
                )
        return [
            self._verdict(
                bout,
                values[(bout.first, bout.context(bout.first_reply))],
                values[(bout.second, bout.context(bout.second_reply))],
            )
            for bout in bouts
        ]

    def _verdict(
        self, bout: Bout, first: float | Unscored, second: float | Unscored
    ) -> Verdict | Unscored:
        if isinstance(first, Unscored):
            return first
        if isinstance(second, Unscored):
            return second
        lead = first - second
        tied = abs(lead) <= self._margin
        return Verdict(
            preferred="tie" if tied else "a" if lead > 0 else "b",
            lead=lead,
            same=bout.first_reply == bout.second_reply,
        )


class ComparingJudge:
    """Asks a judge that sees both replies, in both orders; orders that disagree are a tie."""

    def __init__(self, judge: PairJudge, folder: Path) -> None:
        """Verdicts are kept in `folder`, each as soon as it is given."""
        self._judge = judge
        self.id = judge.id
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"comparisons-{digest(judge.id)[:16]}.json"
        self._known = _read_comparisons(self._path)

    def decide(
        self, bouts: Sequence[Bout], report: Report | None = None
    ) -> list[Verdict | Unscored]:
        """One verdict per bout; what got no answer is asked again next time."""
        verdicts: list[Verdict | Unscored] = []
        for done, bout in enumerate(bouts, start=1):
            verdicts.append(self._decide(bout))
            if report is not None:
                report(done, len(bouts))
        return verdicts

    def _decide(self, bout: Bout) -> Verdict | Unscored:
        if bout.first_reply == bout.second_reply:
            return Verdict(preferred="tie", same=True)
        turns = [[turn.role, turn.content] for turn in bout.turns]
        key = digest(turns, list(bout.facts), bout.first_reply, bout.second_reply)
        if key not in self._known:
            found = self._judge.compare(
                bout.context(bout.first_reply), bout.first_reply, bout.second_reply
            )
            if isinstance(found, Unscored):
                return found
            self._known[key] = found
            _write_comparisons(self._path, self._known)
        kept = self._known[key]
        return Verdict(preferred=kept.preferred, picks=kept.picks, reasons=kept.reasons)


def arena_cache(folder: Path, version: str) -> MeasurementCache:
    """What a version said and was thought of, in the file that goes when the version is erased."""
    return MeasurementCache(folder, version, "arena")


def _write_comparisons(path: Path, known: dict[str, Comparison]) -> None:
    content = {
        key: [one.preferred, one.flipped, one.reasons, one.picks] for key, one in known.items()
    }
    write_file(path, json.dumps(content, ensure_ascii=False).encode())


def _read_comparisons(path: Path) -> dict[str, Comparison]:
    """A file that cannot be read counts as empty: it only saves work."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: _comparison(*kept) for key, kept in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _comparison(
    preferred: Preferred, flipped: bool, reasons: list[str], picks: list[Pick] | None
) -> Comparison:
    if preferred not in get_args(Preferred) or not set(picks or ()) <= set(get_args(Pick)):
        raise ValueError(f"the verdict is {preferred!r} by {picks}; expected known ones")
    return Comparison(
        preferred=preferred,
        flipped=bool(flipped),
        reasons=(str(reasons[0]), str(reasons[1])),
        picks=None if picks is None else (picks[0], picks[1]),
    )
