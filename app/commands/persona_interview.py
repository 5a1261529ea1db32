"""`yogeiko persona interview`: ask her about herself, and let a judge and rules read the answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import click

from app.adapter_choice import adapter_to_measure
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.commands.persona_likeness import chosen_likeness
from app.composition import build_index, chosen_card, engine_settings, load_base
from app.night_models import judge_settings
from app.settings import Settings, load_settings
from persona.card import Card
from persona.dialogues import PROBES_FILE, CardProbe, read_probes
from persona.engine import Engine, Message
from persona.local_engine import LocalEngine
from persona.retrieval import FactIndex
from rlaif.interview import Interview, InterviewPlan, Turns, character_interviews
from rlaif.interview_big_five import big_five_interviews
from rlaif.interview_files import write_interview
from rlaif.interview_report import (
    Held,
    InterviewKind,
    InterviewReport,
    interview_json,
    interview_markdown,
    interview_report,
)
from rlaif.interview_talk import BASE, FactSearch, InterviewSetup, hold_interviews
from rlaif.judge_client import JudgeClient
from rlaif.persona_judge import PersonaJudge
from store.database import open_database
from store.facts import current_facts


class Wishes(TypedDict):
    """What a person asked for on the command line."""

    kind: InterviewKind
    turns: Turns
    adapter: str | None
    judge_url: str | None
    judge_model: str | None
    each: int
    passes: int | None
    seed: int
    out: Path | None
    card: Path | None
    home: Path | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speaker:
    """The one who is interviewed."""

    card: Card
    facts: tuple[str, ...]
    adapter: str | None


@click.command("interview")
@click.option(
    "--kind",
    type=click.Choice(["character", "big-five"]),
    default="character",
    show_default=True,
    help="Five scores of 1 to 7 by aspects of the card, or five traits of 1 to 5.",
)
@click.option(
    "--turns",
    type=click.Choice(["single", "multi"]),
    default="single",
    show_default=True,
    help="One question each, or follow-ups that press and contradict (character only).",
)
@click.option("--adapter", help="Which adapter; 'base' for none. [default: the one in use]")
@click.option("--judge-url", help="The judge's endpoint. [default: night.judge_url]")
@click.option("--judge-model", help="The judge's model. [default: night.judge_model]")
@click.option(
    "--each",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="Interviews per aspect.",
)
@click.option(
    "--passes",
    type=click.IntRange(1, 10),
    help="How often everything is asked, with other seeds. [default: 1; big-five 2]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes questions and draws.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for interview.json, .md and .png. [default: exports/interview-<adapter>-<kind>]",
)
@card_option
@home_option
@json_option
def command(**wishes: Unpack[Wishes]) -> None:
    """Interview the persona; run again to go on where it was stopped.

    Without a judge only what rules see is reported.
    """
    settings = _with_judge(load_settings(wishes["home"]), wishes)
    card = chosen_card(settings, wishes["card"])
    with open_database(settings.database_url).reading() as session:
        facts = current_facts(session, card.id, card.facts)
    interviews = _interviews(card, facts, wishes)
    engine, adapter = _engine(settings, card, wishes["adapter"])
    try:
        speaker = _Speaker(card=card, facts=facts, adapter=adapter)
        report = _held(settings, engine, speaker, interviews, wishes)
    finally:
        engine.close()
    name = f"interview-{adapter or BASE}-{wishes['kind']}-{wishes['turns']}"
    paths = write_interview(report, wishes["out"] or settings.exports_folder / name)
    if wishes["as_json"]:
        print_json(interview_json(report, with_transcripts=False))
    else:
        click.echo(interview_markdown(report))
    click.echo(f"written: {', '.join(str(path) for path in paths)}", err=True)


def _with_judge(settings: Settings, wishes: Wishes) -> Settings:
    """The settings with the judge of the command line; both of its parts or none."""
    night = settings.night
    url, model = wishes["judge_url"] or night.judge_url, wishes["judge_model"] or night.judge_model
    if bool(url) != bool(model):
        lacking, given = ("--judge-model", url) if url else ("--judge-url", model)
        raise click.UsageError(
            f"the judge {given!r} lacks {lacking}; give it, or set it in [night]"
        )
    changed = night.model_copy(update={"judge_url": url, "judge_model": model})
    return settings.model_copy(update={"night": changed})


def _interviews(card: Card, facts: Sequence[str], wishes: Wishes) -> list[Interview]:
    if wishes["kind"] == "big-five":
        if wishes["turns"] == "multi":
            raise click.UsageError("--turns multi is for --kind character; leave it out")
        return big_five_interviews()
    plan = InterviewPlan(turns=wishes["turns"], each=wishes["each"], seed=wishes["seed"])
    return character_interviews(card, facts, _probes(card), plan)


def _probes(card: Card) -> list[CardProbe]:
    """The card's own questions, whose keys are better than any made from a sentence."""
    written = (card.folder / "dialogues" / PROBES_FILE).is_file()
    return read_probes(card.folder) if written else []


def _engine(settings: Settings, card: Card, wanted: str | None) -> tuple[LocalEngine, str | None]:
    chosen = None if wanted == BASE else adapter_to_measure(settings, card, wanted)
    engine = LocalEngine(load_base(settings, Bar("model")), engine_settings(settings))
    if chosen is None:
        return engine, None
    engine.add_adapter(*chosen)
    return engine, chosen[0]


def _held(
    settings: Settings,
    engine: Engine,
    speaker: _Speaker,
    interviews: Sequence[Interview],
    wishes: Wishes,
) -> InterviewReport:
    """Ask, let the judge read where there is one, and count."""
    folder = settings.cache_folder / "interviews"
    bar = Bar("interview")
    passes = wishes["passes"] or (2 if wishes["kind"] == "big-five" else 1)
    setup = InterviewSetup(
        engine=engine,
        card=speaker.card,
        adapter=speaker.adapter,
        search=_search(settings, speaker.facts),
        sampling=settings.chat.sampling(wishes["seed"]),
        history_turns=settings.chat.history_turns,
        folder=folder,
        report=bar,
    )
    held = Held(
        kind=wishes["kind"],
        turns=wishes["turns"],
        passes=passes,
        adapter=speaker.adapter,
        transcripts=tuple(hold_interviews(setup, interviews, passes)),
    )
    held = _judged(settings, speaker.card, held, bar)
    bar.done(f"{len(held.transcripts)} interviews held")
    return interview_report(speaker.card, held, chosen_likeness(settings, speaker.card))


def _judged(
    settings: Settings, card: Card, held: Held, report: Callable[[str, float], None]
) -> Held:
    """With the judge's verdicts, where a judge is named."""
    if not settings.night.judge_url:
        return held
    client = JudgeClient(judge_settings(settings.night))
    try:
        judge = PersonaJudge(client, card, settings.cache_folder / "interviews")
        verdicts = judge.judge(held.transcripts, report)
    finally:
        client.close()
    asked = {one.interview.subject for one in held.transcripts}
    prompts = {
        subject: (rubric.template.system, rubric.template.user)
        for subject, rubric in judge.rubrics.items()
        if subject in asked
    }
    return replace(held, judge=judge.id, prompts=prompts, verdicts=tuple(verdicts))


def _search(settings: Settings, facts: Sequence[str]) -> FactSearch:
    """Retrieval as the chat does it."""
    index: FactIndex = build_index(settings)
    index.update(facts)
    wanted = settings.chat.facts_per_reply

    def search(text: str, history: Sequence[Message]) -> list[str]:
        return [found.text for found in index.search(text, history, wanted)]

    return search
