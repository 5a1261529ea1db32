"""Options that name rated data, of the commands that measure on them or fit on them."""

import click

from app.commands.options import Decorated
from rlaif.rated_data import RATED_FORMATS


def rated_data_options(command: Decorated) -> Decorated:
    """Add --data, --format and --dialogues: `data`, `format_name` and `dialogues` of a
    `RatedChoice`."""
    for option in (
        click.option(
            "--dialogues",
            type=click.IntRange(min=1),
            help="Take so many whole dialogues, spread over the raters. [default: all, or what the command says]",
        ),
        click.option(
            "--format",
            "format_name",
            type=click.Choice(RATED_FORMATS),
            help="Layout of the data. [default: told from the data]",
        ),
        click.option(
            "--data",
            required=True,
            help="Rated data: a file or folder, or `reviews` (`blind-reviews`) of this site.",
        ),
    ):
        command = option(command)
    return command
