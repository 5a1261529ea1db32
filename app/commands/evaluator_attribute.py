"""`yogeiko evaluator attribute`: which words of a reply an evaluator's value comes from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import click
from pydantic import TypeAdapter

from app.attribution_run import OPEN_EVALUATORS, Attributor, no_gradients
from app.commands.dialogue_lines import read_dialogues
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import chosen_card
from app.reply_dialogue import dialogue_of
from app.settings import EvaluatorName, Settings, load_settings
from persona.durable import write_file
from persona.estimates import Estimate
from rlaif.attribution import (
    GRADIENT_METHODS,
    METHODS,
    Attribution,
    AttributionSettings,
    Method,
)
from rlaif.attribution_pictures import Shown, headline, html_page, write_png
from rlaif.attribution_store import AttributionStore, attribution_key
from rlaif.attribution_table2 import SEED_TABLE2, Table2Row, table2_row
from rlaif.attribution_words import EmotionWords, read_emotion_words
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Dialogue
from rlaif.metrics import METRIC_KEYS
from rlaif.text_spans import text_at
from store.database import open_database
from store.replays import load_replay_source

PAGE, PICTURE, FIGURES = "attribution.html", "attribution.png", "attribution.json"
_UNITS = {"gradients": "points per unit of length", "integrated": "points", "shap": "points"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What was asked for on the command line."""

    file: Path | None
    reply: str | None
    metric: str
    methods: tuple[Method, ...]
    evaluator: EvaluatorName
    context: bool
    words: Path | None
    table2: bool
    steps: int
    evaluations: int
    seed: int
    out: Path | None
    card: Path | None
    home: Path | None
    as_json: bool

    @property
    def settings(self) -> AttributionSettings:
        """How to attribute."""
        return AttributionSettings(
            with_context=self.context,
            most_steps=self.steps,
            evaluations=self.evaluations,
            seed=self.seed,
        )


@click.command("attribute")
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, allow_dash=True), required=False
)
@click.option("--reply", help="Id of a logged reply, in place of FILE.")
@click.option("--metric", type=click.Choice(METRIC_KEYS), default="trust", show_default=True)
@click.option(
    "--method",
    "methods",
    type=click.Choice(METHODS),
    multiple=True,
    default=("integrated",),
    show_default=True,
    help="Can be given more than once.",
)
@click.option(
    "--evaluator",
    type=click.Choice(get_args(EvaluatorName)),
    default="embedded",
    show_default=True,
    help="Gradients need embedded or sft; shap takes any.",
)
@click.option("--context", is_flag=True, help="Attribute to facts and turns, too.")
@click.option(
    "--words",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV of emotion words in the layout of JIWC: tell their share.",
)
@click.option("--table2", is_flag=True, help="All three methods over emotion words; needs --words.")
@click.option(
    "--steps",
    type=click.IntRange(16),
    default=256,
    show_default=True,
    help="Gradients that one integral may take.",
)
@click.option(
    "--evaluations",
    type=click.IntRange(4),
    default=512,
    show_default=True,
    help="Values that one SHAP attribution may ask for.",
)
@click.option("--seed", type=int, default=0, help="Of SHAP's orders and of the intervals.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for {PAGE}, {PICTURE} and {FIGURES}.",
)
@card_option
@home_option
@json_option
def attribute(**words: object) -> None:
    """Say how much each token of the replies in FILE (- for standard input) adds to a metric.

    FILE holds JSON lines as for `yogeiko evaluator score`. What was computed for it is kept, so that
    an interrupted run goes on; nothing is kept of a logged reply.
    """
    options = TypeAdapter(_Options).validate_python(words)
    _check(options)
    settings = load_settings(options.home)
    listed = None if options.words is None else read_emotion_words(options.words)
    dialogues = _dialogues(options, settings)
    methods = METHODS if options.table2 else options.methods
    made = _attribute_all(options, settings, dialogues, methods)
    shown = [
        Shown(dialogue=one, attributions=own) for one, own in zip(dialogues, made, strict=True)
    ]
    rows = [] if listed is None else _table(dialogues, made, methods, listed, options.seed)
    figures = _figures(options, shown, rows)
    if options.out is not None:
        _write(options.out, shown, figures)
    if options.as_json:
        print_json(figures)
        return
    for one in shown:
        _show(one)
    _show_table(rows, listed)


def _check(options: _Options) -> None:
    if (options.file is None) == (options.reply is None):
        raise click.UsageError(
            "expected a FILE or --reply ID, one of the two; see yogeiko evaluator attribute --help"
        )
    if options.table2 and options.words is None:
        raise click.UsageError("--table2 needs the list of emotion words; add --words FILE.csv")
    methods = METHODS if options.table2 else options.methods
    if options.evaluator not in OPEN_EVALUATORS and set(methods) & set(GRADIENT_METHODS):
        raise click.UsageError(no_gradients(options.evaluator))


def _dialogues(options: _Options, settings: Settings) -> list[Dialogue]:
    if options.reply is not None:
        with open_database(settings.database_url).reading() as session:
            source = load_replay_source(
                session, options.reply, history_turns=settings.chat.history_turns
            )
        return [dialogue_of(source)]
    with click.open_file(str(options.file), encoding="utf-8") as lines:
        dialogues = list(read_dialogues(lines))
    if not dialogues:
        raise click.ClickException(
            f"{options.file} holds no reply; expected turns and reply as JSON"
        )
    return dialogues


def _attribute_all(
    options: _Options, settings: Settings, dialogues: Sequence[Dialogue], methods: Sequence[Method]
) -> list[tuple[Attribution, ...]]:
    card = chosen_card(settings, options.card)
    attributor = Attributor(settings, options.evaluator, card)
    store = None
    if options.reply is None:
        store = AttributionStore(settings.cache_folder / "attribution")
    bar = Bar("attribution")
    made = []
    for number, dialogue in enumerate(dialogues, start=1):
        own = []
        for method in methods:
            name = f"{attributor.identity(method)} {card.id} {card.endings} {card.first_person}"
            key = attribution_key(name, dialogue, options.metric, method, options.settings)
            found = None if store is None else store.load(key)
            if found is None:
                title = f"reply {number} of {len(dialogues)}, {method}"
                report = partial(_tell, bar, title)
                found = attributor.attribute(
                    dialogue, options.metric, method, options.settings, report
                )
                if store is not None:
                    store.save(key, found)
            own.append(found)
        made.append(tuple(own))
    bar.done(f"{len(dialogues)} replies")
    return made


def _tell(bar: Bar, title: str, done: int, planned: int | None) -> None:
    bar(title, done / planned if planned else 0.0)


def _table(
    dialogues: Sequence[Dialogue],
    made: Sequence[Sequence[Attribution]],
    methods: Sequence[Method],
    words: EmotionWords,
    seed: int,
) -> list[Table2Row]:
    return [
        table2_row(method, dialogues, [own[at] for own in made], words, seed)
        for at, method in enumerate(methods)
    ]


def _figures(
    options: _Options, shown: Sequence[Shown], rows: Sequence[Table2Row]
) -> dict[str, object]:
    return {
        "metric": options.metric,
        "replies": [
            {
                "reply": one.dialogue.reply,
                "attributions": [
                    {
                        **asdict(own),
                        "unit": _UNITS[own.method],
                        "texts": [text_at(one.dialogue, piece) for piece in own.pieces],
                    }
                    for own in one.attributions
                ],
            }
            for one in shown
        ],
        "emotion_words": [asdict(row) for row in rows],
    }


def _write(folder: Path, shown: Sequence[Shown], figures: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / PAGE, html_page(shown).encode())
    write_file(folder / FIGURES, (json.dumps(figures, ensure_ascii=False) + "\n").encode())
    try:
        write_png(shown, folder / PICTURE)
    except EvaluatorError as error:
        click.echo(f"no picture: {error}", err=True)


def _show(shown: Shown) -> None:
    for one in shown.attributions:
        click.echo(headline(one))
        parts = (
            f"{text_at(shown.dialogue, piece)} {score:+.3f}"
            for piece, score in zip(one.pieces, one.scores, strict=True)
        )
        click.echo(f"    {'  '.join(parts)}")


def _show_table(rows: Sequence[Table2Row], words: EmotionWords | None) -> None:
    if words is None:
        return
    click.echo(
        f"{len(words.words)} emotion words; left out: {words.neutral} without emotion, "
        f"{words.too_short} of one kana"
    )
    for row in rows:
        first, second = SEED_TABLE2[row.method]
        click.echo(
            f"{row.method:<11} all {_told(row.mean_all)}  emotion {_told(row.mean_emotion)}  "
            f"ratio {_told(row.ratio)}  of sizes {_told(row.size_ratio)}  share "
            f"{_told(row.share)} of {_told(row.token_share)} of the tokens  "
            f"({row.emotion_tokens}/{row.tokens} tokens, {row.replies} replies, {row.unsettled} "
            f"incomplete; seed: {first:.3f} -> {second:.3f})"
        )


def _told(one: Estimate | None) -> str:
    return "-" if one is None else f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"
