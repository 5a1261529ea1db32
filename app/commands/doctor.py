"""`yogeiko doctor`: what this machine has, and what to do next."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import psutil
import torch

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.composition import chosen_card
from app.night_service import schedule
from app.settings import Settings, load_settings
from persona.adapter_folder import MANIFEST
from persona.base_model import compute_dtype, is_prepared, prepare_model, resolve_quantization
from persona.errors import ModelError
from persona.model_presets import EMBEDDED, find_preset
from scheduler.calendar import next_appointment
from store.database import open_database
from store.errors import StoreError
from store.nights import list_nights

_GIB = 1024**3
_WANTED_DISK_GIB = 3
_PACKAGES = ("yogeiko", "torch", "transformers", "peft", "trl", "gradio", "sqlalchemy", "faiss-cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `advice` is the next command where something is missing."""

    name: str
    value: str
    advice: str = ""


@click.command("doctor")
@home_option
@json_option
def command(home: Path | None, as_json: bool) -> None:
    """Tell device, versions, disk, memory, model, database and the next step."""
    settings = load_settings(home)
    findings = [
        _device(),
        _versions(),
        _memory(settings),
        _disk(settings),
        _model(settings),
        _adapter(settings),
        _database(settings),
        _night(settings),
    ]
    advice = [finding.advice for finding in findings if finding.advice]
    page = f"http://localhost:{settings.server.port}"
    next_step = advice[0] if advice else f"run `yogeiko serve` and open {page}"
    if as_json:
        print_json({**{one.name: one.value for one in findings}, "next": next_step})
        return
    for finding in findings:
        click.echo(f"{finding.name:<9} {finding.value}")
    for line in advice:
        click.echo(f"->        {line}")
    click.echo(f"next      {next_step}")


def _device() -> Finding:
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        value = f"CUDA: {properties.name}, {properties.total_memory / _GIB:.0f} GB"
    else:
        exact = "bf16" if compute_dtype() == torch.bfloat16 else "fp32 (no native bf16)"
        value = f"CPU: {os.cpu_count()} cores, {platform.machine()}, computes in {exact}"
    return Finding(name="device", value=value)


def _versions() -> Finding:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding(name="versions", value=f"Python {platform.python_version()}, {packages}")


def _memory(settings: Settings) -> Finding:
    memory = psutil.virtual_memory()
    free, total = memory.available / _GIB, memory.total / _GIB
    preset = find_preset(settings.model.name)
    short = preset is not None and not torch.cuda.is_available() and free < preset.memory_gb
    return Finding(
        name="memory",
        value=f"{free:.1f} GB free of {total:.1f} GB",
        advice=f"free some memory: {settings.model.name} {preset.fit}" if preset and short else "",
    )


def _disk(settings: Settings) -> Finding:
    existing = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(existing).free / _GIB
    return Finding(
        name="disk",
        value=f"{free:.0f} GB free at {settings.home}",
        advice=f"make room: {_WANTED_DISK_GIB} GB are wanted at {settings.home}"
        if free < _WANTED_DISK_GIB
        else "",
    )


def _model(settings: Settings) -> Finding:
    spec = settings.model.name
    quantization = resolve_quantization(settings.model.quantization)
    what, advice = "ready", ""
    if not is_prepared(spec, settings.models_folder):
        what, advice = "not prepared", "prepare the model: `yogeiko model prepare`"
    elif spec != EMBEDDED:
        try:
            source = prepare_model(spec, settings.models_folder, lambda _stage, _share: None)
            what = "a local folder" if Path(source).is_dir() else "fetched on first use"
        except ModelError as error:
            what, advice = "unusable", str(error)
    return Finding(
        name="model", value=f"{spec}, quantization {quantization}, {what}", advice=advice
    )


def _adapter(settings: Settings) -> Finding:
    card = chosen_card(settings)
    shipped = (card.folder / "adapter" / MANIFEST).is_file()
    return Finding(
        name="persona",
        value=f"{card.name}, {len(card.facts)} facts, "
        f"{'adapter shipped' if shipped else 'no adapter shipped'}",
        advice="" if shipped else "train a voice: `yogeiko persona train --activate`",
    )


def _database(settings: Settings) -> Finding:
    try:
        with open_database(settings.database_url).reading() as session:
            dialect = session.get_bind().dialect.name
    except StoreError as error:
        return Finding(name="database", value=f"unusable: {error}", advice=str(error))
    return Finding(name="database", value=f"{dialect}, migrated to the newest version")


def _night(settings: Settings) -> Finding:
    night = settings.night
    zone = ZoneInfo(night.zone)
    coming = next_appointment(schedule(night), utc_now()).at.astimezone(zone)
    plan = (
        f"next {coming:%Y-%m-%d %H:%M} {night.zone}"
        if night.enabled
        else "off: night.enabled is false"
    )
    try:
        with open_database(settings.database_url).reading() as session:
            nights = list_nights(session)
    except StoreError:
        return Finding(name="night", value=plan)
    if not nights:
        return Finding(name="night", value=f"{plan}; none so far")
    last = nights[0]
    told = f"{plan}; last {last.date}: {last.decision or last.status}"
    advice = f"look into the last night: `yogeiko night report --date {last.date}`"
    return Finding(name="night", value=told, advice=advice if last.status == "failed" else "")
