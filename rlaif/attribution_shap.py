"""Shapley values per token of any evaluator, seen from outside: pieces are taken away and the rest
is scored again.

An order in which pieces come back gives each piece the change of the value at its turn; the mean over
drawn orders estimates the Shapley value. In every order the changes add up to the value of the whole
less that of nothing, so that local accuracy holds however few orders are drawn.

Source: Strumbelj and Kononenko, "An Efficient Explanation of Individual Classifications using Game
Theory" (JMLR 11, 2010), through captum; Lundberg and Lee, "A Unified Approach to Interpreting Model
Predictions" (arXiv 1705.07874) for local accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from captum.attr import ShapleyValueSampling

from persona.engine import Message
from rlaif.attribution import (
    Attribution,
    AttributionSettings,
    Report,
    completeness_of,
)
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Evaluator
from rlaif.text_spans import Part, TextSpan

NOTHING_SAID = "…"
"""Stands for a reply or a turn of which nothing is left: evaluators refuse an empty one."""

_LEAST_ORDERS = 2


@dataclass(slots=True, kw_only=True)
class _Asked:
    """An evaluator's values of a dialogue with some players left; each is asked for once."""

    evaluator: Evaluator
    dialogue: Dialogue
    metric: str
    players: tuple[tuple[TextSpan, ...], ...]
    known: dict[tuple[bool, ...], float]

    def __call__(self, masks: torch.Tensor) -> torch.Tensor:
        """[rows] points for [rows, players], 1 where a player is there."""
        rows = [tuple(row) for row in (masks > 0.5).tolist()]
        new = [row for row in dict.fromkeys(rows) if row not in self.known]
        if new:
            verdicts = self.evaluator.assess([self._left(row) for row in new])
            for row, verdict in zip(new, verdicts, strict=True):
                if not isinstance(verdict, Assessment):
                    raise EvaluatorError(
                        f"{self.evaluator.id} does not score the reply with some of its words taken "
                        f"away ({verdict.reason}); choose --method integrated or another reply"
                    )
                self.known[row] = verdict.values[self.metric]
        return torch.tensor([self.known[row] for row in rows], dtype=torch.float64)

    def _left(self, row: tuple[bool, ...]) -> Dialogue:
        gone = [
            span
            for kept, spans in zip(row, self.players, strict=True)
            if not kept
            for span in spans
        ]
        return without(self.dialogue, gone)


def attribute_shap(
    evaluator: Evaluator,
    dialogue: Dialogue,
    metric: str,
    pieces: Sequence[TextSpan],
    settings: AttributionSettings,
    report: Report,
) -> Attribution:
    """What each piece adds to the value, in points; pieces outside `pieces` are always there.

    Where `evaluations` do not last for two orders, neighbouring pieces come and go together and
    share alike. Raises EvaluatorError when the evaluator refuses the reply or a part of it.
    """
    if not pieces:
        raise EvaluatorError("the reply has no piece to attribute to; choose another one")
    players = _players(tuple(pieces), settings.evaluations)
    count = len(players)
    orders = max(1, (settings.evaluations - 2) // count)
    asked = _Asked(evaluator=evaluator, dialogue=dialogue, metric=metric, players=players, known={})
    ends = asked(torch.stack([torch.ones(count), torch.zeros(count)]))
    value, baseline = ends.tolist()
    drawn = []
    for order in range(orders if count > 1 else 1):
        report(order * count, orders * count)
        drawn.append(_one_order(asked, count, settings.seed + order))
    scores = torch.stack(drawn)
    shares = [score / len(own) for score, own in zip(scores.mean(0).tolist(), players, strict=True)]
    errors = _standard_errors(scores, players)
    report(orders * count, orders * count)
    return Attribution(
        evaluator=evaluator.id,
        metric=metric,
        method="shap",
        pieces=tuple(pieces),
        scores=_per_piece(shares, players),
        errors=_per_piece(errors, players) if errors else (),
        value=value,
        baseline=baseline,
        completeness=completeness_of(
            float(scores.mean(0).sum()),
            value - baseline,
            settings.tolerance,
            settings.tolerance_points,
        ),
        evaluations=len(asked.known),
    )


def without(dialogue: Dialogue, gone: Sequence[TextSpan]) -> Dialogue:
    """The dialogue with the characters of `gone` taken away; a fact of which nothing is left goes."""

    def rest(part: Part, at: int, text: str) -> str:
        cut = [False] * len(text)
        for span in gone:
            if (span.part, span.at) == (part, at):
                cut[span.start : span.end] = [True] * (span.end - span.start)
        return "".join(letter for letter, is_cut in zip(text, cut, strict=True) if not is_cut)

    turns = tuple(
        Message(
            role=turn.role,
            content=left if (left := rest("turn", n, turn.content)).strip() else NOTHING_SAID,
        )
        for n, turn in enumerate(dialogue.turns)
    )
    facts = tuple(rest("fact", n, fact) for n, fact in enumerate(dialogue.facts))
    reply = rest("reply", 0, dialogue.reply)
    return replace(
        dialogue,
        turns=turns,
        reply=reply if reply.strip() else NOTHING_SAID,
        facts=tuple(fact for fact in facts if fact.strip()),
    )


def _one_order(asked: _Asked, count: int, seed: int) -> torch.Tensor:
    """[players] changes of the value in one drawn order."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        changes: torch.Tensor = ShapleyValueSampling(asked).attribute(
            torch.ones(1, count),
            baselines=torch.zeros(1, count),
            n_samples=1,
            perturbations_per_eval=count,
        )
    return changes[0].double()


def _players(pieces: tuple[TextSpan, ...], evaluations: int) -> tuple[tuple[TextSpan, ...], ...]:
    """Runs of neighbouring pieces, as short as the evaluations allow for."""
    most = max(1, (evaluations - 2) // _LEAST_ORDERS)
    length = -(-len(pieces) // most)
    return tuple(pieces[at : at + length] for at in range(0, len(pieces), length))


def _per_piece(
    figures: Sequence[float], players: Sequence[Sequence[TextSpan]]
) -> tuple[float, ...]:
    return tuple(figure for figure, own in zip(figures, players, strict=True) for _ in own)


def _standard_errors(scores: torch.Tensor, players: Sequence[Sequence[TextSpan]]) -> list[float]:
    """Of the mean over orders, per piece; none from a single order."""
    if len(scores) < _LEAST_ORDERS:
        return []
    spread = (scores.std(0) / len(scores) ** 0.5).tolist()
    return [one / len(own) for one, own in zip(spread, players, strict=True)]
