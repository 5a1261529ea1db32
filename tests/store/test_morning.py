"""What waits and what alarmed, counted; the history with what the watch saw."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from store.adapters import deploy
from store.audit import append_audit
from store.database import Database
from store.deployment_history import tell_deployments
from store.lineage import taint
from store.morning import count_alarms, count_waiting, in_production_since
from store.pair_queue import list_conflicts, resolve_conflict
from store.pairs import list_pairs
from store.records import SafetyCatch
from store.replies import finish_reply
from tests.rlaif.made_up_night import DATE, LENGTHS, make_night
from tests.store import rehearsal, talk

DAY = timedelta(days=1)


def _caught(session: Session, category: str, now: datetime) -> None:
    owner, conversation = talk.begin(session, now=now)
    turn = talk.say(session, owner, conversation, "あの", now)
    caught = SafetyCatch(source="user", category=category, reason="", text="x")
    finish_reply(session, turn.replies[0].id, replace(talk.DONE, caught=caught), now=now)


def test_a_waiting_night_is_counted_with_when_it_asked(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    with database.reading() as session:
        nothing = count_waiting(session)
    assert (nothing.pairs, nothing.asked_at, nothing.conflicts, nothing.proposals) == (
        0,
        None,
        0,
        0,
    )
    with database.session() as session:
        make_night(session, tmp_path, now, "waiting")
    with database.reading() as session:
        waiting = count_waiting(session)
        proposed = len(list_pairs(session, DATE, "proposed"))
        (conflict,) = list_conflicts(session, unresolved=True)
    assert waiting.pairs == proposed == 8
    before = [name for name in LENGTHS if name not in ("inbox", "train", "gate", "publish")]
    assert waiting.asked_at == now + timedelta(seconds=sum(LENGTHS[name] for name in before))
    assert waiting.conflicts == 1
    with database.session() as session:
        resolve_conflict(session, conflict.id, "visitor", "op", now)
    with database.reading() as session:
        assert count_waiting(session).conflicts == 0


def test_pairs_of_a_night_that_went_on_wait_for_nobody(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    with database.session() as session:
        make_night(session, tmp_path, now, "published")
    with database.reading() as session:
        assert list_pairs(session, DATE, "proposed")
        assert count_waiting(session).pairs == 0


def test_alarms_of_the_last_day_and_the_day_before(database: Database, now: datetime) -> None:
    with database.session() as session:
        for category, hours in (("sexual", 1), ("sexual", 2), ("violence", 3), ("sexual", 30)):
            _caught(session, category, now - timedelta(hours=hours))
        for name, hours in (("v1", 1), ("v2", 30)):
            rehearsal.adapter(session, name, now)
            taint(session, [name], "erased", now - timedelta(hours=hours))
            at = now - timedelta(hours=hours)
            append_audit(session, actor="watch", action="adapter.watch", detail={}, now=at)
    with database.reading() as session:
        alarms = count_alarms(session, now - DAY, now)
    assert alarms.safety == {"sexual": 2, "violence": 1}
    assert (alarms.safety_before, alarms.taken_back, alarms.tainted) == (1, 1, 1)


def test_the_history_tells_for_how_long_and_what_the_watch_saw(
    database: Database, now: datetime
) -> None:
    figures = {"retry": {"usual": 0.05, "seen": 0.4}}
    with database.session() as session:
        for name in ("v1", "v2"):
            rehearsal.adapter(session, name, now)
        deploy(session, "v1", who="night", why="gates", now=now)
        deploy(session, "v2", who="night", why="gates", now=now + DAY)
        back = now + DAY + timedelta(hours=1)
        deploy(session, "v1", who="watch", why="worse", now=back)
        detail: dict[str, object] = {"adapter": "v2", "previous": "v1", "signals": figures}
        append_audit(session, actor="watch", action="adapter.watch", detail=detail, now=back)
        taint(session, ["v2"], "erased", now)
    with database.reading() as session:
        newest, second, first = tell_deployments(session)
        assert in_production_since(session, "v1") == back
        assert in_production_since(session, "v3") is None
    assert (newest.adapter, newest.at, newest.until) == ("v1", back, None)
    assert newest.watch == figures
    assert (second.adapter, second.until, second.tainted) == ("v2", back, True)
    assert (first.until, first.watch) == (now + DAY, {})
