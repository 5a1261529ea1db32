"""The real application with a fake model: python -m tests.fake_server --port N --home DIR."""

import argparse
import time
from pathlib import Path

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.server import serve
from app.settings import Settings, load_settings
from app.speaker import Brain
from store.database import open_database
from tests.fakes import FakeEngine, make_brain, make_speaker

CARD_FACTS = (
    "絢音の趣味はヴァイオリンである。",
    "絢音は長野で祖父と暮らしたことがある。",
    "絢音の兄はアメリカに留学している。",
    "絢音は東京の高校二年生である。",
)


def run(home: Path, port: int, *, token_seconds: float = 0.06, load_seconds: float = 1.0) -> None:
    """Serve until killed; nobody is told to slow down."""
    limits = {"changes_per_minute": 60_000, "requests_per_minute": 60_000}
    settings = load_settings(home, {"server": {"port": port, **limits}})

    def load() -> Brain:
        time.sleep(load_seconds)
        return make_brain(FakeEngine(token_seconds=token_seconds))

    def make_chat(chosen: Settings) -> ChatService:
        return ChatService(
            database=open_database(chosen.database_url),
            speaker=make_speaker(CARD_FACTS),
            brain=BrainSlot(load),
            settings=chosen,
        )

    serve(settings, make_chat)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--token-seconds", type=float, default=0.06)
    parser.add_argument("--load-seconds", type=float, default=1.0)
    asked = parser.parse_args()
    run(
        asked.home,
        asked.port,
        token_seconds=asked.token_seconds,
        load_seconds=asked.load_seconds,
    )


if __name__ == "__main__":
    main()
