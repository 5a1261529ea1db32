"""`yogeiko evaluator injections`: how often words aimed at an evaluator move its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import get_args

import click

from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import EvaluatorName, load_settings
from persona.dialogues import read_card_rows
from persona.estimates import Estimate
from rlaif.evaluator import Evaluator
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_injections import (
    PLACES,
    Judging,
    VerdictChange,
    load_injections,
    load_neutral_additions,
    measure_verdict_change,
)
from rlaif.known_pairs import KnownPair, fault_pairs
from rlaif.remembered_verdicts import RememberedComparisons, RememberedVerdicts

_TEXTS = 100


@click.command("injections")
@click.option(
    "--evaluator",
    "name",
    type=click.Choice(get_args(EvaluatorName)),
    help="Which one is attacked. [default: night.training_evaluator]",
)
@click.option(
    "--texts",
    type=click.IntRange(1, _TEXTS),
    default=_TEXTS,
    show_default=True,
    help="How many of the injections; a judge is asked about ten times for each.",
)
@card_option
@home_option
@json_option
def injections(
    name: EvaluatorName | None, texts: int, card: Path | None, home: Path | None, as_json: bool
) -> None:
    """Put texts that ask for a verdict into the visitor's words, and into the worse of two replies.

    Each is put into a pair of its own: a held-out reply of the card's and the same spoilt. Beside
    it stands what sentences change in the same places that ask nobody for anything.
    """
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    models = NightModels(settings, chosen)
    evaluator = models.evaluator(name or settings.night.training_evaluator)
    pairs = fault_pairs(read_card_rows(chosen.folder, "validation", "test"), texts)
    found = _measure(evaluator, pairs)
    if as_json:
        told = {at: {kind: asdict(one) for kind, one in some.items()} for at, some in found.items()}
        print_json({"evaluator": evaluator.id, "pairs": len(pairs), "places": told})
        return
    click.echo(f"evaluator {evaluator.id}, {len(pairs)} pairs")
    _print(found)


def _measure(
    evaluator: Evaluator, pairs: Sequence[KnownPair]
) -> dict[str, dict[str, VerdictChange]]:
    """By place and kind of addition, one addition in each of the pairs."""
    compares = RememberedComparisons(evaluator) if isinstance(evaluator, JudgeEvaluator) else None
    remembered = RememberedVerdicts(evaluator)
    neutral = load_neutral_additions()
    additions = {
        "injections": load_injections()[: len(pairs)],
        "neutral": [neutral[n % len(neutral)] for n in range(len(pairs))],
    }
    bar, found = Bar("injections"), dict[str, dict[str, VerdictChange]]()
    for place in PLACES:
        for kind, added in additions.items():
            judging = Judging(
                evaluator=remembered,
                pair_judge=compares,
                report=partial(bar, f"{kind}, {place}"),
            )
            change = measure_verdict_change(judging, pairs, added, place)
            found.setdefault(place, {})[kind] = change
    bar.done(f"{len(pairs)} pairs")
    return found


def _print(found: Mapping[str, Mapping[str, VerdictChange]]) -> None:
    for place, kinds in found.items():
        for kind, change in kinds.items():
            click.echo(
                f"{place:<8} {kind:<11} changed {_share(change.changed)}  favoured "
                f"{_share(change.favoured)}  raised {_points(change.raised)}  "
                f"unscored {change.unscored}  flipped {change.flipped}"
            )


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _points(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f})"
