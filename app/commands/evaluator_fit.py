"""`yogeiko evaluator fit`: heads on the frozen base, or a regressor with LoRA."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import click

from app.clock import utc_now
from app.commands.options import (
    Bar,
    card_option,
    evaluation_only_option,
    home_option,
    json_option,
    print_json,
)
from app.composition import chosen_card, load_base
from app.settings import Settings, load_settings
from persona.embedding import load_embedder
from persona.importers.realpersonachat import import_realpersonachat
from rlaif.base_pass import BasePass, PassSettings
from rlaif.features import FeatureExtractor
from rlaif.fit_data import PLANS, PlanSize
from rlaif.fit_evaluator import FitRun, fit_evaluator
from rlaif.fit_heads import HeadSettings
from rlaif.rated_data import detect_format, read_rated
from rlaif.reviewed_replies import Reviews, list_reviewed
from rlaif.sft_fit import SftFit, fit_sft_evaluator
from rlaif.sft_folder import regressor_id
from rlaif.sft_plan import RowBudget
from rlaif.sft_settings import RegressorSettings, Target, TrainingBounds
from rlaif.token_means import TokenMeans
from store.database import open_database

_CHATS = "realpersonachat"


@click.command("fit")
@click.option(
    "--kind",
    type=click.Choice(["embedded", "sft"]),
    default="embedded",
    show_default=True,
    help="Heads on the frozen base, or LoRA and a head taught by ratings.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="RealPersonaChat: the published folder or the re-packed file; sft reads any rated data.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what is fitted. [default: evaluator/ or evaluator-sft/ in the home folder]",
)
@click.option("--size", type=click.Choice(list(PLANS)), help="embedded: how much is made.")
@click.option("--dialogues", type=click.IntRange(min=20), help="sft: rated dialogues to fit on.")
@click.option("--steps", type=click.IntRange(min=0), help="sft: optimiser steps at most.")
@click.option("--minutes", type=click.FloatRange(min=0), help="sft: minutes of training at most.")
@click.option(
    "--target",
    type=click.Choice(["within", "raw"]),
    help="sft: ratings as deviations from each rater's mean, or as given. [default: within]",
)
@evaluation_only_option
@card_option
@home_option
@json_option
def fit(
    kind: Literal["embedded", "sft"],
    data: Path,
    out: Path | None,
    size: PlanSize | None,
    dialogues: int | None,
    steps: int | None,
    minutes: float | None,
    target: Target | None,
    card: Path | None,
    home: Path | None,
    as_json: bool,
    evaluation_only: bool,
) -> None:
    """Fit an evaluator on DATA, the card's dialogues and faults made from both; run again to resume.

    embedded also learns from what operators reviewed. sft stops when validation no longer gains;
    with more --steps or --minutes it goes on from where these ended it.
    """
    foreign: dict[str, object] = (
        {"dialogues": dialogues, "steps": steps, "minutes": minutes, "target": target}
        if kind == "embedded"
        else {"size": size}
    )
    for name, given in foreign.items():
        if given is not None:
            raise click.ClickException(
                f"--{name} is {given} beside --kind {kind}, which has no use for it; leave it out"
            )
    settings = load_settings(home)
    if kind == "embedded":
        chosen = _Chosen(
            data=data, card=card, out=out or settings.heads_folder, evaluation_only=evaluation_only
        )
        about = _fit_embedded(settings, chosen, size or "full")
    else:
        chosen = _Chosen(
            data=data, card=card, out=out or settings.sft_folder, evaluation_only=evaluation_only
        )
        rows = RowBudget() if dialogues is None else RowBudget(fit=dialogues)
        about = _fit_sft(
            settings,
            chosen,
            rows,
            TrainingBounds(steps=steps, minutes=minutes),
            RegressorSettings(target=target or RegressorSettings().target),
        )
    if as_json:
        print_json(about)
        return
    for line in _lines(about):
        click.echo(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What both kinds are told. evaluation_only: the holder's word for data of that sort."""

    data: Path
    card: Path | None
    out: Path
    evaluation_only: bool


def _fit_embedded(settings: Settings, chosen: _Chosen, size: PlanSize) -> dict[str, object]:
    bar = Bar("evaluator")
    loaded = load_base(settings, bar)
    extractor = FeatureExtractor(
        BasePass(loaded, PassSettings()), load_embedder(settings.model.embedder)
    )
    about = fit_evaluator(
        extractor,
        FitRun(
            card=chosen_card(settings, chosen.card),
            rated=import_realpersonachat(chosen.data).rows,
            cache=settings.cache_folder / "evaluator",
            out=chosen.out,
            base_sha256=loaded.sha256,
            today=utc_now().date(),
            plan=PLANS[size],
            settings=HeadSettings(),
            report=bar,
            reviews=_reviews(settings),
            evaluation_only=chosen.evaluation_only,
            reader=TokenMeans(loaded),
        ),
    )
    bar.done(f"heads in {chosen.out}")
    return about


def _fit_sft(
    settings: Settings,
    chosen: _Chosen,
    rows: RowBudget,
    bounds: TrainingBounds,
    regressor: RegressorSettings,
) -> dict[str, object]:
    bar = Bar("evaluator")
    rated = read_rated(chosen.data)
    spoilable = detect_format(chosen.data) == _CHATS
    about = fit_sft_evaluator(
        load_base(settings, bar),
        SftFit(
            card=chosen_card(settings, chosen.card),
            rated=rated,
            chats=import_realpersonachat(chosen.data).rows if spoilable else (),
            work_folder=settings.cache_folder / "evaluator-sft",
            out=chosen.out,
            today=utc_now().date(),
            report=bar,
            settings=regressor,
            rows=rows,
            bounds=bounds,
            evaluation_only=chosen.evaluation_only,
        ),
    )
    bar.done(f"{regressor_id(about)} in {chosen.out}")
    return about


def _reviews(settings: Settings) -> Reviews:
    """What operators said of replies that their visitors let the night learn from."""
    with open_database(settings.database_url).reading() as session:
        return list_reviewed(
            session, now=utc_now(), retention=timedelta(days=settings.consent.retention_days)
        )


def _lines(about: dict[str, object]) -> Iterator[str]:
    """AUC of each fault; of sft, first the correlation with people that it never saw."""
    held_out = about["held_out"]
    assert isinstance(held_out, dict)
    if about["kind"] == "sft":
        for name, one in held_out["rating_spearman"].items():
            low, high = one["interval"]
            yield f"{name:<16} rho {one['rho']:+.3f}  ({low:+.3f} to {high:+.3f})"
    for kind, figures in held_out["faults"].items():
        low, high = figures["interval"]
        yield f"{kind:<16} AUC {figures['auc']:.3f}  ({low:.3f} to {high:.3f})"
