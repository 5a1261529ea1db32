"""Candidates are made once per night, turn and number, and no visitor's query sees them."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store.candidates import append_candidates, list_candidates
from store.database import Database
from store.erase import erase_visitor
from store.errors import LeaseError
from store.export import export_visitor
from store.turns import list_turns
from tests.store.rehearsal import DATE, LEASE, candidate, claim, talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")
HIDDEN = "誰にも見せない返事ですわ。"


def test_a_resumed_night_keeps_what_it_has(database: Database, now: datetime) -> None:
    later = now + timedelta(hours=1)
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        mine = claim(session, now)
        assert append_candidates(session, mine, [candidate(turn, 0), candidate(turn, 1)], now=now)
        first = list_candidates(session, DATE)
        again = [candidate(turn, number, "別の返事") for number in range(3)]
        assert append_candidates(session, mine, again, now=later) == 1
        assert list_candidates(session, DATE)[:2] == first
        assert [one.number for one in list_candidates(session, DATE)] == [0, 1, 2]
        other = claim(session, now, date="2026-09-25")
        assert append_candidates(session, other, [candidate(turn, 0)], now=later) == 1
        assert list_candidates(session, "2026-09-25")[0].id != first[0].id
        assert (first[0].sampling, first[0].seed, first[0].adapter) == (
            {"temperature": 0.9},
            0,
            "v1",
        )


def test_a_visitor_never_sees_them(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        append_candidates(session, claim(session, now), [candidate(turn, 0, HIDDEN)], now=now)
        shown = list_turns(session, owner, turn.conversation_id, with_superseded=True)
        assert HIDDEN not in str(shown)
        assert HIDDEN not in str(export_visitor(session, owner, now=now))


def test_turns_erased_meanwhile_are_passed_over(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        gone, (lost,) = talk(session, now, WORDS)
        _, (kept,) = talk(session, now, WORDS)
        mine = claim(session, now)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with database.session() as session:
        assert append_candidates(session, mine, [candidate(lost), candidate(kept)], now=now) == 1
        assert [one.turn_id for one in list_candidates(session, DATE)] == [kept.id]


def test_only_the_holder_of_the_night_writes(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        old = claim(session, now)
        claim(session, now + 2 * LEASE, owner="two")
        with pytest.raises(LeaseError):
            append_candidates(session, old, [candidate(turn)], now=now)
        assert list_candidates(session, DATE) == []
