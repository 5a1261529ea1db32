"""`yogeiko chat`: ask without a server."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import build_brain, chosen_card, publish_shipped_adapter
from app.settings import Settings, load_settings
from app.speaker import Brain
from persona.card import Card
from persona.engine import Failed, Finished, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from persona.safety import check_reply, check_user_text, deflection
from store.adapters import active_adapter, load_adapter
from store.database import open_database


@click.command("chat")
@click.option("--once", metavar="TEXT", help="Say TEXT and print the reply.")
@click.option(
    "--file",
    "lines_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Say every line of a file, each in a new conversation.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes the draw.")
@card_option
@home_option
@json_option
def command(
    once: str | None,
    lines_file: Path | None,
    seed: int,
    card: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Print one reply per line; with --json also facts, adapter and timings, each on a line."""
    if (once is None) == (lines_file is None):
        raise click.UsageError("give either --once TEXT or --file FILE")
    texts = [once.strip()] if once is not None else _lines(lines_file)
    if not all(texts):
        raise click.UsageError("--once is empty; expected something to say")
    settings = load_settings(home)
    person = chosen_card(settings, card)
    bar = Bar("model")
    bar("loading", 0.0)
    asker = _make_asker(settings, person, seed)
    bar.done("ready")
    try:
        for text in texts:
            answer = asker.ask(text)
            if as_json and once is not None:
                print_json(answer)
            elif as_json:
                click.echo(json.dumps(answer, ensure_ascii=False))
            else:
                click.echo(answer["reply"])
    finally:
        asker.brain.engine.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    brain: Brain
    card: Card
    adapter: str | None
    sampling: Sampling
    facts_per_reply: int

    def ask(self, text: str) -> dict[str, object]:
        """One reply as the chat page would give it, to a conversation's first words."""
        verdict = check_user_text(text)
        if verdict.flagged:
            reply = deflection(verdict.category, self.sampling.seed)
            return {"text": text, "reply": reply, "facts": [], "safety": verdict.category}
        found = self.brain.facts.search(text, (), self.facts_per_reply)
        facts = [one.text for one in found]
        finished = self._generate(build_messages(self.card, (), text, facts))
        verdict = check_reply(finished.text)
        reply = finished.text
        if verdict.flagged:
            reply = deflection(verdict.category, self.sampling.seed)
        return {
            "text": text,
            "reply": reply,
            "facts": facts,
            "adapter": finished.adapter,
            "safety": verdict.category,
            "timings": {
                "first_token_seconds": round(finished.first_token_seconds, 3),
                "total_seconds": round(finished.total_seconds, 3),
                "prompt_tokens": finished.prompt_tokens,
                "reused_tokens": finished.reused_tokens,
                "reply_tokens": finished.reply_tokens,
            },
        }

    def _generate(self, messages: tuple[Message, ...]) -> Finished:
        request = GenerationRequest(messages=messages, adapter=self.adapter, sampling=self.sampling)
        for event in self.brain.engine.submit(request).events():
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                return event
        raise RuntimeError("the engine ended a reply without its last event")


def _make_asker(settings: Settings, card: Card, seed: int) -> _Asker:
    brain = build_brain(settings, card)
    database = open_database(settings.database_url)
    shipped = publish_shipped_adapter(database, card, settings.adapters_folder)
    with database.reading() as session:
        active = active_adapter(session)
        adapter = load_adapter(session, active) if active else shipped
    if adapter is not None and adapter.base != brain.base_sha256:
        adapter = None
    if adapter is not None:
        brain.engine.add_adapter(adapter.id, Path(adapter.folder))
    chat = settings.chat
    return _Asker(
        brain=brain,
        card=card,
        adapter=adapter.id if adapter else None,
        sampling=chat.sampling(seed),
        facts_per_reply=chat.facts_per_reply,
    )


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise click.UsageError(f"{path} holds no lines; expected something to say on each")
    return texts
