"""A chat whose every turn is a duel: python -m tests.app.duel_server --port N --home DIR."""

import argparse
import time
from datetime import timedelta
from pathlib import Path

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.server import serve
from app.settings import Settings, load_settings
from app.speaker import Brain
from store.adapters import deploy, ensure_adapter
from store.database import Database, open_database
from store.records import Adapter
from tests.fakes import FakeEngine, make_brain, make_speaker

NEWER = (
    "まあ、それはお疲れになりましたでしょう。温かいお茶でも淹れて、ゆっくりお話を伺いますわ。",
    "長野の朝は空気が澄んでいて、祖父と小鳥の声を数えながら歩いたものですの。",
)
OLDER = ("そうなんですのね。", "ええ、散歩は好きですわ。朝は早いほうが気持ちがよろしくてよ。")


def put_into_production(database: Database, *names: str) -> None:
    """Register adapters and deploy them an hour apart, the last one an hour ago."""
    now = utc_now()
    with database.session() as session:
        for back, name in enumerate(names):
            record = Adapter(
                id=name,
                parent_id=None,
                kind="dpo",
                base="0" * 64,
                sha256=name,
                folder=f"/{name}",
                manifest={},
                created_at=now,
            )
            ensure_adapter(session, record)
            at = now - timedelta(hours=len(names) - back)
            deploy(session, name, who="test", why="x", now=at)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--token-seconds", type=float, default=0.02)
    parser.add_argument("--load-seconds", type=float, default=0.0)
    asked = parser.parse_args()
    limits = {"changes_per_minute": 60_000, "requests_per_minute": 60_000}
    flags = {"server": {"port": asked.port, **limits}, "chat": {"duel_share": 1.0}}
    settings = load_settings(asked.home, flags)

    def load() -> Brain:
        time.sleep(asked.load_seconds)
        return make_brain(engine)

    engine = FakeEngine(token_seconds=asked.token_seconds, voices={"v1": OLDER, "v2": NEWER})

    def make_chat(chosen: Settings) -> ChatService:
        database = open_database(chosen.database_url)
        put_into_production(database, "v1", "v2")
        return ChatService(
            database=database,
            speaker=make_speaker(),
            brain=BrainSlot(load),
            settings=chosen,
        )

    serve(settings, make_chat)


if __name__ == "__main__":
    main()
