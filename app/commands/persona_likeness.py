"""`yogeiko persona likeness`: how much replies sound like her."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

import click

from app.clock import utc_now
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import chosen_card
from app.settings import Settings, load_settings
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.durable import write_file
from persona.estimates import Estimate, mean, rate
from persona.importers.realpersonachat import import_realpersonachat
from rlaif.errors import EvaluatorError
from rlaif.persona_likeness import (
    SHIPPED_LIKENESS,
    LikenessModel,
    likeness,
    load_likeness,
    model_json,
)
from rlaif.persona_likeness_data import Origin
from rlaif.persona_likeness_fit import (
    HALF,
    LikenessFigures,
    LikenessRun,
    LikenessSettings,
    fit_likeness,
)

_LICENCE_OF_PEOPLE = (
    "Fitted on replies of RealPersonaChat (Yamashita et al. 2023), CC BY-SA 4.0; share alike."
)


@click.group("likeness")
def command() -> None:
    """A small classifier of her voice: fit it on the card, score replies."""


@command.command("fit")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="RealPersonaChat: replies of other people, to measure with.",
)
@click.option("--fit-people", is_flag=True, help="Fit on DATA too; the model is then CC BY-SA.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The model's file. [default: evaluator/likeness.json in the home folder]",
)
@card_option
@home_option
@json_option
def fit(
    data: Path | None,
    fit_people: bool,
    out: Path | None,
    card: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Fit on the card's training rows against others; measure on rows and people put aside."""
    if fit_people and data is None:
        raise click.UsageError("--fit-people needs --data")
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    bar = Bar("likeness")
    model, figures = fit_likeness(
        LikenessRun(
            card=chosen,
            rows=read_card_rows(chosen.folder),
            people=import_realpersonachat(data).rows if data else (),
            fit_people=fit_people,
            settings=LikenessSettings(),
            report=bar,
        )
    )
    about: dict[str, object] = {
        "made_on": utc_now().date().isoformat(),
        "licence": _LICENCE_OF_PEOPLE if fit_people else "the card's own",
        **_figures_json(figures),
    }
    target = out or _own_file(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, model_json(replace(model, about=about)).encode())
    bar.done(f"model in {target}")
    if as_json:
        print_json(about)
        return
    click.echo(f"{'accuracy':<16} {_shown(figures.accuracy)}")
    click.echo(f"{'by rules alone':<16} {_shown(figures.rule_accuracy)}")
    for origin, estimate in figures.right.items():
        click.echo(f"{origin:<16} {_shown(estimate)}  rules {figures.rule_right[origin].value:.3f}")


@command.command("score")
@click.argument("file", type=click.File(encoding="utf-8"))
@card_option
@home_option
@json_option
def score(file: TextIO, card: Path | None, home: Path | None, as_json: bool) -> None:
    """Score the replies of FILE (- for standard input), one a line."""
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    own = _own_file(settings)
    model = load_likeness(own if own.is_file() else SHIPPED_LIKENESS, chosen)
    texts = [line.strip() for line in file if line.strip()]
    if not texts:
        raise click.ClickException(f"{file.name} holds no replies; expected one reply a line")
    found = [likeness(model, chosen, text) for text in texts]
    hers, average = rate([value >= HALF for value in found]), mean(found)
    if as_json:
        print_json(
            {
                "replies": [
                    {"text": text, "likeness": round(value, 4)}
                    for text, value in zip(texts, found, strict=True)
                ],
                "hers": asdict(hers) if hers else None,
                "mean": asdict(average) if average else None,
            }
        )
        return
    for text, value in zip(texts, found, strict=True):
        click.echo(f"{value:.2f}  {text}")
    if hers is not None:
        click.echo(f"told as hers: {_shown(hers)}")


def chosen_likeness(settings: Settings, card: Card) -> LikenessModel | None:
    """The model fitted on this machine, else the shipped one; None where neither is for the card."""
    own = _own_file(settings)
    try:
        return load_likeness(own if own.is_file() else SHIPPED_LIKENESS, card)
    except EvaluatorError:
        return None


def _own_file(settings: Settings) -> Path:
    return settings.heads_folder / "likeness.json"


def _figures_json(figures: LikenessFigures) -> dict[str, object]:
    return {
        "accuracy": _rounded(figures.accuracy),
        "rule_accuracy": _rounded(figures.rule_accuracy),
        "right": _all_rounded(figures.right),
        "rule_right": _all_rounded(figures.rule_right),
        "fitted_on": dict(figures.fitted),
    }


def _all_rounded(estimates: Mapping[Origin, Estimate]) -> dict[str, object]:
    return {str(origin): _rounded(one) for origin, one in estimates.items()}


def _rounded(one: Estimate) -> dict[str, object]:
    return {
        "value": round(one.value, 4),
        "low": round(one.low, 4),
        "high": round(one.high, 4),
        "n": one.n,
    }


def _shown(one: Estimate) -> str:
    return f"{one.value:.3f}  ({one.low:.3f} to {one.high:.3f}, n {one.n})"
