"""The real application with a fake model and a house with some history:
python -m tests.console_server --port N --home DIR."""

import argparse
from pathlib import Path
from unittest.mock import patch

from app.console import versions_api
from app.settings import load_settings
from persona.errors import AdapterError
from store.database import open_database
from store.operators import has_operator
from store.records import Adapter
from tests.app.console.seed_agreement import seed_past_trust, seed_reviews
from tests.app.console.seed_comparisons import seed_comparisons
from tests.app.console.seed_console import seed_facts, seed_night, seed_operators
from tests.app.console.seed_nights import freshen_gates, seed_versions
from tests.app.console.seed_pairs import seed_inbox
from tests.fake_server import run

_ASKED = '[night]\napproval = "required"\n'


def seed(home: Path, *, reviews: bool = False, comparisons: bool = False) -> None:
    """Give a new home operators, a history, and nights that wait for them; with `reviews` six
    weeks of those, with `comparisons` blind sheets and a duel."""
    home.mkdir(parents=True, exist_ok=True)
    own = home / "yogeiko.toml"
    if not own.exists():
        own.write_text(_ASKED, encoding="utf-8")
    settings = load_settings(home)
    database = open_database(settings.database_url)
    with database.reading() as session:
        known = has_operator(session)
    if not known:
        seed_operators(database)
        seed_versions(database, home)
        date = seed_night(database, settings.nights_folder)
        with database.session() as session:
            freshen_gates(session, date)
        seed_inbox(database)
        seed_facts(database)
        if reviews:
            seed_reviews(database)
            seed_past_trust(database)
        if comparisons:
            seed_comparisons(database)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--empty", action="store_true", help="without operators and history")
    parser.add_argument("--reviews", action="store_true", help="with six weeks of reviews")
    parser.add_argument("--comparisons", action="store_true", help="with sheets and a duel")
    parser.add_argument("--token-seconds", type=float, default=0.02)
    asked = parser.parse_args()
    if not asked.empty:
        seed(asked.home, reviews=asked.reviews, comparisons=asked.comparisons)
    # The fake model has no weights that an adapter could be held against.
    with (
        patch.object(versions_api, "served_base"),
        patch.object(versions_api, "verify_registered", _check),
    ):
        run(asked.home, asked.port, token_seconds=asked.token_seconds, load_seconds=0.0)


def _check(adapter: Adapter, _base: object) -> None:
    if not Path(adapter.folder).is_dir():
        raise AdapterError(f"{adapter.folder} is not there")


if __name__ == "__main__":
    main()
