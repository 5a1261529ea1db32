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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--token-seconds", type=float, default=0.06)
    parser.add_argument("--load-seconds", type=float, default=1.0)
    parser.add_argument("--changes-per-minute", type=int, default=6000)
    asked = parser.parse_args()
    settings = load_settings(
        asked.home,
        {
            "server": {
                "port": asked.port,
                "changes_per_minute": asked.changes_per_minute,
                "requests_per_minute": 60_000,
            }
        },
    )

    def load() -> Brain:
        time.sleep(asked.load_seconds)
        return make_brain(FakeEngine(token_seconds=asked.token_seconds))

    def make_chat(chosen: Settings) -> ChatService:
        database = open_database(chosen.database_url)
        speaker = make_speaker(CARD_FACTS)
        return ChatService(
            database=database, speaker=speaker, brain=BrainSlot(load), settings=chosen
        )

    serve(settings, make_chat)


if __name__ == "__main__":
    main()
