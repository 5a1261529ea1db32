"""`yogeiko persona arena`: versions of the persona against each other, pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import click

from app.arena_versions import WORDS, contestants
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import build_index, chosen_card, served_base
from app.night_models import NightModels
from app.settings import EvaluatorName, Settings, load_settings
from persona.card import Card
from rlaif.arena import ArenaSettings, ArenaSetup, Contestant, Scene, hold_arena
from rlaif.arena_files import write_arena
from rlaif.arena_judges import DEFAULT_MARGIN, BoutJudge, ComparingJudge, ScoreJudge
from rlaif.arena_report import ArenaReport, Judged, arena_json, arena_markdown
from rlaif.arena_situations import SHIPPED_SITUATIONS, Situation, read_situations
from rlaif.arena_statistics import arena_figures
from rlaif.judge_evaluator import JudgeEvaluator
from store.database import Database, open_database
from store.facts import current_facts

_DEFAULTS = ArenaSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """What the command line asks for."""

    versions: tuple[str, ...]
    judges: tuple[EvaluatorName, ...]
    situations: Path
    first: int | None
    margin: float
    settings: ArenaSettings


@click.command("arena")
@click.option(
    "--version",
    "versions",
    multiple=True,
    default=("base", "sft", "active"),
    show_default=True,
    help=f"Who takes part, two times or more: {', '.join(WORDS)}, or an adapter's id.",
)
@click.option(
    "--judge",
    "judges",
    type=click.Choice(get_args(EvaluatorName)),
    multiple=True,
    help="Who decides; several give a table each. [default: the night's gate evaluator]",
)
@click.option(
    "--situations",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of your own, TOML or JSON lines. [default: the shipped situations]",
)
@click.option("--first", type=click.IntRange(min=1), help="Only the first so many situations.")
@click.option(
    "--deviation",
    type=click.FloatRange(min=1),
    default=_DEFAULTS.target_deviation,
    show_default=True,
    help="Go on until every rating deviation is at most this.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=_DEFAULTS.most_rounds,
    show_default=True,
    help="But at most so many replies to a situation.",
)
@click.option(
    "--margin",
    type=click.FloatRange(min=0),
    default=DEFAULT_MARGIN,
    show_default=True,
    help="Points by which a scored reply must lead; less is a tie.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the replies' draws.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for arena.json, arena.md and arena.png. [default: exports/arena in the home folder]",
)
@card_option
@home_option
@json_option
def arena(
    versions: tuple[str, ...],
    judges: tuple[EvaluatorName, ...],
    situations: Path | None,
    first: int | None,
    deviation: float,
    rounds: int,
    margin: float,
    seed: int,
    out: Path | None,
    card: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Let versions answer the same situations and rate them by pairs; run again to resume."""
    settings = load_settings(home)
    wishes = _Wishes(
        versions=versions,
        judges=judges or (settings.night.gate_evaluator,),
        situations=situations or SHIPPED_SITUATIONS,
        first=first,
        margin=margin,
        settings=ArenaSettings(
            target_deviation=deviation,
            fewest_rounds=min(_DEFAULTS.fewest_rounds, rounds),
            most_rounds=rounds,
            sampling=settings.chat.sampling(0),
            seed=seed,
        ),
    )
    bar = Bar("arena")
    report = _hold(settings, chosen_card(settings, card), wishes, bar)
    paths = write_arena(report, out or settings.exports_folder / "arena")
    bar.done(f"written: {', '.join(str(path) for path in paths)}")
    if as_json:
        print_json(arena_json(report))
    else:
        click.echo(arena_markdown(report), nl=False)


def _hold(settings: Settings, card: Card, wishes: _Wishes, bar: Bar) -> ArenaReport:
    database = open_database(settings.database_url)
    chosen = read_situations(wishes.situations)[: wishes.first]
    models = NightModels(settings, card)
    setup = ArenaSetup(
        card=card,
        scenes=_scenes(settings, database, card, chosen),
        contestants=contestants(
            settings, database, card, wishes.versions, served_base(settings).sha256
        ),
        engine=models.engine,
        # Where an erasure removes what was kept of adapters that may not speak any more.
        cache_folder=settings.measurements_folder,
        settings=wishes.settings,
        report=bar,
    )
    try:
        judged = tuple(
            _judged(settings, models, setup, name, wishes.margin)
            for name in dict.fromkeys(wishes.judges)
        )
    finally:
        models.close_engine()
    return ArenaReport(
        persona=card.name,
        source=(
            "the shipped set" if wishes.situations == SHIPPED_SITUATIONS else wishes.situations.name
        ),
        situations=tuple(scene.name for scene in setup.scenes),
        contestants=tuple(setup.contestants),
        settings=wishes.settings,
        judged=judged,
    )


def _judged(
    settings: Settings, models: NightModels, setup: ArenaSetup, name: EvaluatorName, margin: float
) -> Judged:
    judge = _judge(settings, models, setup.cache_folder, name, margin)
    held = hold_arena(setup, judge)
    return Judged(
        name=name,
        arena=held,
        figures=arena_figures(held),
        warnings=_warnings(settings, name, setup.contestants),
    )


def _warnings(settings: Settings, name: str, versions: Sequence[Contestant]) -> tuple[str, ...]:
    """What the night made of the adapters with this judge's help."""
    if not any(one.label != "sft" and one.adapter is not None for one in versions):
        return ()
    if name == settings.night.training_evaluator:
        return (
            f"`{name}` picked the pairs that the night's adapters were trained on: it praises what "
            "it taught, and its verdict on them is no evidence that they are better.",
        )
    if name == settings.night.gate_evaluator:
        return (
            f"`{name}` is the night's gate: an adapter was published only because it did not find "
            "it worse, so it cannot be surprised by one that is.",
        )
    return ()


def _judge(
    settings: Settings, models: NightModels, folder: Path, name: EvaluatorName, margin: float
) -> BoutJudge:
    if name == "judge" and not (settings.night.judge_url and settings.night.judge_model):
        raise click.ClickException(
            "night.judge_url or night.judge_model is empty, so there is no judge to ask; set both "
            f"in {settings.home / 'yogeiko.toml'}, or take another --judge"
        )
    evaluator = models.evaluator(name)
    if isinstance(evaluator, JudgeEvaluator):
        return ComparingJudge(evaluator, folder)
    return ScoreJudge(evaluator, folder, margin)


def _scenes(
    settings: Settings, database: Database, card: Card, situations: Sequence[Situation]
) -> list[Scene]:
    """The situations with the facts that the chat would show."""
    index = build_index(settings)
    with database.reading() as session:
        index.update(current_facts(session, card.id, card.facts))
    wanted, kept = settings.chat.facts_per_reply, 2 * settings.chat.history_turns + 1
    scenes = []
    for one in situations:
        turns = one.turns[-kept:]
        facts = one.facts
        if facts is None:
            found = index.search(turns[-1].content, turns[:-1], wanted) if wanted else []
            facts = tuple(fact.text for fact in found)
        scenes.append(Scene(name=one.name, turns=turns, facts=facts))
    return scenes
