"""From the words of the command line to the versions of an arena."""

from collections.abc import Sequence
from pathlib import Path

from app.composition import publish_shipped_adapter
from app.settings import Settings
from persona.card import Card
from rlaif.arena import Contestant
from rlaif.errors import ArenaError
from store.adapters import active_adapter, list_adapters, load_adapter
from store.database import Database
from store.errors import NotFoundError
from store.records import Adapter

WORDS = ("base", "sft", "active", "newest")


def contestants(
    settings: Settings, database: Database, card: Card, names: Sequence[str], base_sha256: str
) -> tuple[Contestant, ...]:
    """The named versions: one of WORDS, or the id of an adapter.

    `base` has no adapter, `sft` is the one shipped with the card, `active` the one in production,
    `newest` the last one registered. Raises ArenaError: one sentence with the next command.
    """
    shipped = publish_shipped_adapter(database, card, settings.adapters_folder)
    return tuple(_contestant(database, name, shipped, base_sha256) for name in names)


def _contestant(
    database: Database, name: str, shipped: Adapter | None, base_sha256: str
) -> Contestant:
    if name == "base":
        return Contestant(label=name, id=f"base {base_sha256}", adapter=None, folder=None)
    adapter = _adapter(database, name, shipped)
    if adapter.tainted_at is not None:
        raise ArenaError(
            f"adapter {adapter.id} may not speak: {adapter.taint_reason}; choose another one, see "
            "`yogeiko adapter list`"
        )
    return Contestant(label=name, id=adapter.id, adapter=adapter.id, folder=Path(adapter.folder))


def _adapter(database: Database, name: str, shipped: Adapter | None) -> Adapter:
    if name == "sft":
        if shipped is None:
            raise ArenaError(
                "the card ships no adapter, so there is no version `sft`; train one with `yogeiko "
                "persona train` and name its id"
            )
        return shipped
    with database.reading() as session:
        if name == "newest":
            clean = [one for one in list_adapters(session) if one.tainted_at is None]
            if clean:
                return clean[-1]
        wanted = active_adapter(session) if name == "active" else name
        if wanted is None or name == "newest":
            raise ArenaError(
                f"there is no adapter for the version `{name}`; train one with `yogeiko persona "
                "train --activate`"
            )
        try:
            return load_adapter(session, wanted)
        except NotFoundError as error:
            raise ArenaError(
                f"the version is {name!r}; expected {', '.join(WORDS)} or the id of an adapter: "
                "see `yogeiko adapter list`"
            ) from error
