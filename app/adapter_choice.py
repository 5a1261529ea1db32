"""Which adapter a command measures."""

from pathlib import Path

import click

from app.composition import publish_shipped_adapter
from app.settings import Settings
from persona.card import Card
from store.adapters import active_adapter, load_adapter
from store.database import open_database


def adapter_to_measure(settings: Settings, card: Card, adapter_id: str | None) -> tuple[str, Path]:
    """Id and folder of `adapter_id`, else of the one in use. Raises ClickException without one."""
    database = open_database(settings.database_url)
    publish_shipped_adapter(database, card, settings.adapters_folder)
    with database.reading() as session:
        wanted = adapter_id or active_adapter(session)
        if wanted is None:
            raise click.ClickException(
                "no adapter is in use; train one with `yogeiko persona train --activate`"
            )
        return wanted, Path(load_adapter(session, wanted).folder)
