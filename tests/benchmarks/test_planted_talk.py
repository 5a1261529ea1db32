"""The planted day is one that the night may learn from."""

from datetime import timedelta
from pathlib import Path

import torch

from app.clock import utc_now
from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import read_card_rows
from persona.engine import Sampling
from persona.local_engine import EngineSettings, LocalEngine
from rlaif.make_candidates import Speaker
from store.database import open_database
from store.learning import list_learnable
from tests.benchmarks.planted_talk import anyone_talked, talk_a_day, talks_of
from tests.persona.tiny_model import tiny_loaded


def test_talks_are_dealt_out_and_of_different_topics() -> None:
    rows = read_card_rows(SHIPPED_CARD, "train")

    talks = talks_of(rows, turns=150, visitors=32)

    assert sum(len(talk.lines) for talk in talks) >= 150
    assert {talk.visitor for talk in talks} == set(range(32))
    assert len({talk.lines for talk in talks}) == len(talks)
    assert any(len(talk.lines) > 1 for talk in talks)
    assert talks == talks_of(rows, turns=150, visitors=32)


def test_the_night_may_learn_from_every_line(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    database = open_database(f"sqlite:///{tmp_path / 'day.db'}")
    talks = talks_of(read_card_rows(SHIPPED_CARD, "train"), turns=6, visitors=2)
    engine = LocalEngine(tiny_loaded(), EngineSettings(threads=1))
    speaker = Speaker(card=load_card(SHIPPED_CARD), adapter=None, night="test")
    assert not anyone_talked(database)

    try:
        talk_a_day(database, engine, speaker, talks, Sampling(max_new_tokens=8))
    finally:
        engine.close()

    with database.reading() as session:
        turns = list_learnable(session, now=utc_now(), retention=timedelta(days=1))
    assert sorted(turn.user_text for turn in turns) == sorted(
        line for talk in talks for line in talk.lines
    )
    assert len({turn.visitor_id for turn in turns}) == 2
    assert {turn.shown.facts for turn in turns if turn.shown.facts} == {
        talk.facts for talk in talks if talk.facts
    }
