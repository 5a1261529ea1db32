"""`yogeiko model`: prepare a base model once, list the known ones."""

import time
from pathlib import Path

import click

from app.commands.options import Bar, home_option, json_option, print_json
from app.settings import load_settings
from persona.base_model import is_prepared, prepare_model
from persona.model_presets import PRESETS


@click.group("model")
def command() -> None:
    """Base models."""


@command.command("prepare")
@click.argument("name", required=False)
@home_option
@json_option
def prepare(name: str | None, home: Path | None, as_json: bool) -> None:
    """Verify and convert the base model NAME (default: the settings' model), once."""
    settings = load_settings(home)
    spec = name or settings.model.name
    bar, began = Bar("model"), time.monotonic()
    source = prepare_model(spec, settings.models_folder, bar)
    seconds = time.monotonic() - began
    bar.done(f"{spec} is ready after {seconds:.0f} s")
    if as_json:
        print_json({"model": spec, "source": source, "seconds": round(seconds, 1)})


@command.command("list")
@home_option
@json_option
def list_presets(home: Path | None, as_json: bool) -> None:
    """List the models known by name, with licence and what they need."""
    settings = load_settings(home)
    rows = [
        {
            "name": preset.name,
            "source": preset.source,
            "licence": preset.licence,
            "parameters_billion": preset.parameters_billion,
            "chat_template": preset.chat_template,
            "fit": preset.fit,
            "chosen": preset.name == settings.model.name,
        }
        for preset in PRESETS
    ]
    if as_json:
        print_json({"models": list(rows)})
        return
    for row in rows:
        mark = "*" if row["chosen"] else " "
        click.echo(f"{mark} {row['name']}  ({row['parameters_billion']} B)")
        click.echo(f"    {row['fit']}; licence: {row['licence']}; template: {row['chat_template']}")
    ready = is_prepared(settings.model.name, settings.models_folder)
    click.echo(f"\nchosen: {settings.model.name}, {'ready' if ready else 'not prepared yet'}")
    click.echo("any local transformers folder or hub id works too: [model] name in yogeiko.toml")
