"""The real application with a fake model and a house with some history:
python -m tests.console_server --port N --home DIR."""

import argparse
from pathlib import Path

from app.settings import load_settings
from store.database import open_database
from store.operators import has_operator
from tests.app.console.seed_console import seed_comparisons, seed_night, seed_operators
from tests.fake_server import run


def seed(home: Path) -> None:
    """Give a new home operators and a history."""
    settings = load_settings(home)
    database = open_database(settings.database_url)
    with database.reading() as session:
        known = has_operator(session)
    if not known:
        seed_operators(database)
        seed_night(database, settings.nights_folder)
        seed_comparisons(database)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--empty", action="store_true", help="without operators and history")
    parser.add_argument("--token-seconds", type=float, default=0.02)
    asked = parser.parse_args()
    if not asked.empty:
        seed(asked.home)
    run(asked.home, asked.port, token_seconds=asked.token_seconds, load_seconds=0.0)


if __name__ == "__main__":
    main()
