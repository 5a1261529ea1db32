"""Options that many commands share."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def home_option(command: Decorated) -> Decorated:
    """Add --home: where settings, database, models and adapters live."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for settings, data and models. [default: $YOGEIKO_HOME or ~/.local/share/yogeiko]",
    )(command)


def json_option(command: Decorated) -> Decorated:
    """Add --json: facts as one JSON value on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def card_option(command: Decorated) -> Decorated:
    """Add --card: another character than the one in the settings."""
    return click.option(
        "--card",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="A card folder. [default: the settings' card, else the shipped persona]",
    )(command)


def evaluation_only_option(command: Decorated) -> Decorated:
    """Add --fit-on-evaluation-only: the holder's word, without which such data are refused."""
    return click.option(
        "--fit-on-evaluation-only",
        "evaluation_only",
        is_flag=True,
        help="I hold the right to fit on data for evaluation only; all that is made is marked.",
    )(command)


def print_json(value: Mapping[str, object] | list[object]) -> None:
    """Print one JSON value, Japanese as it is."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


class Bar:
    """A progress line for work that names its stages and their share, 0 to 1; on standard error.

    On a terminal the line is rewritten; in a log file each stage is named once.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = ""
        self._rewrites = sys.stderr.isatty()

    def __call__(self, stage: str, share: float) -> None:
        """Show `stage` at `share`."""
        text = (
            f"{self._title}: {stage} {share:4.0%}" if self._rewrites else f"{self._title}: {stage}"
        )
        if text == self._shown:
            return
        self._shown = text
        self._show(text, ends=not self._rewrites)

    def done(self, text: str) -> None:
        """Replace the line by a closing one."""
        self._show(f"{self._title}: {text}", ends=True)

    def _show(self, text: str, *, ends: bool) -> None:
        click.echo(f"\r{text:<60}" if self._rewrites else text, nl=ends, err=True)
