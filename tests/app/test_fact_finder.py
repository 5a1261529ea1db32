"""The index holds what is known when a turn is searched, whoever searches beside it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from app.fact_finder import FactFinder
from app.settings import ChatSettings
from persona.engine import Message
from store.database import Database
from store.facts import Deed, card_fact_id, retire_fact
from tests.fakes import FakeEngine, FakeFact, make_brain, make_speaker

PATIENCE_SECONDS = 0.5


class SlowIndex:
    """Its first update lasts until it is let go; a later search waits a moment for its end."""

    def __init__(self) -> None:
        self.begun, self.go, self.ended = (threading.Event() for _ in range(3))
        self._facts: list[str] = []

    def update(self, facts: Sequence[str]) -> None:
        first = not self.begun.is_set()
        if first:
            self.begun.set()
            self.go.wait()
        self._facts = list(facts)
        if first:
            self.ended.set()

    def search(self, query: str, history: Sequence[Message], k: int) -> list[FakeFact]:
        self.ended.wait(PATIENCE_SECONDS)
        return [FakeFact(text=fact) for fact in self._facts]


def test_a_search_beside_another_does_not_see_what_was_retired_meanwhile(
    database: Database,
) -> None:
    speaker, index = make_speaker(), SlowIndex()
    brain = replace(make_brain(FakeEngine()), facts=index)
    finder = FactFinder(database=database, speaker=speaker, settings=ChatSettings())
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(finder.find, brain, "趣味は？", ())
        index.begun.wait()
        deed = Deed(by="op", why="", now=datetime(2026, 9, 24, tzinfo=UTC))
        with database.session() as session:
            fact_id = card_fact_id(speaker.id, speaker.facts[0])
            retire_fact(session, speaker.id, speaker.facts, fact_id, deed)
        after = pool.submit(finder.find, brain, "趣味は？", ())
        threading.Timer(PATIENCE_SECONDS / 5, index.go.set).start()
        assert [fact.text for fact in before.result()] == list(speaker.facts)
        assert after.result() == ()
