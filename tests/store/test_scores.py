"""Verdicts are stored once, and only for what still exists."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from store.candidates import append_candidates, list_candidates
from store.database import Database
from store.erase import erase_visitor
from store.night_tables import ScoreRow
from store.scores import append_score, append_score_failure, list_failures, load_scores
from tests.store.rehearsal import DATE, EVALUATOR, candidate, claim, talk, verdict

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def test_a_verdict_is_stored_once_per_evaluator(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        assert append_score(session, verdict(reply, 6.0), now=now)
        assert not append_score(session, verdict(reply, 9.0), now=now)
        assert append_score(session, verdict(reply, 2.0, evaluator="fed-1"), now=now)
        assert load_scores(session, [reply, "nothing"], EVALUATOR) == {reply: verdict(reply, 6.0)}
        assert load_scores(session, [reply], "fed-1")[reply].values["trust"] == 2.0
        assert session.scalar(select(func.count()).select_from(ScoreRow)) == 2


def test_a_candidate_is_scored_like_a_reply(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        append_candidates(session, claim(session, now), [candidate(turn)], now=now)
        one = list_candidates(session, DATE)[0].id
        scored = replace(
            verdict(one), reply_id=None, candidate_id=one, reasons=("会話を聞いている",), spread={}
        )
        assert append_score(session, scored, now=now)
        assert load_scores(session, [one], EVALUATOR) == {one: scored}


def test_more_subjects_than_a_query_takes(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        append_score(session, verdict(reply), now=now)
        many = [f"{number:032x}" for number in range(40_000)]
        assert list(load_scores(session, [*many, reply], EVALUATOR)) == [reply]


def test_half_a_verdict_is_refused(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        whole = verdict(turn.replies[0].id)
        values = {key: value for key, value in whole.values.items() if key != "trust"}
        with pytest.raises(ValueError, match=r"metrics trust .* expected all twelve"):
            append_score(session, replace(whole, values=values), now=now)
        with pytest.raises(ValueError, match="exactly one"):
            append_score(session, replace(whole, candidate_id="c" * 32), now=now)
        with pytest.raises(ValueError, match="exactly one"):
            append_score(session, replace(whole, subject_id="c" * 32), now=now)


def test_the_database_itself_wants_one_subject(database: Database, now: datetime) -> None:
    whole = verdict("r" * 32)
    row = ScoreRow(
        subject_id="r", reply_id=None, candidate_id=None, evaluator="e", at=now, **whole.values
    )
    with pytest.raises(IntegrityError), database.session() as session:
        session.add(row)


def test_failures_are_listed_with_their_reasons(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, WORDS)
        for turn, reason in ((first, "timeout"), (first, "blank"), (second, "timeout")):
            assert append_score_failure(
                session,
                reply_id=turn.replies[0].id,
                candidate_id=None,
                evaluator=EVALUATOR,
                reason=reason,
                now=now,
            )
        told = list_failures(session, first.replies[0].id)
        assert [(one.evaluator, one.reason, one.at) for one in told] == [
            (EVALUATOR, "timeout", now),
            (EVALUATOR, "blank", now),
        ]


def test_what_was_erased_meanwhile_is_passed_over(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
    erase_visitor(database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    reply = turn.replies[0].id
    with database.session() as session:
        assert not append_score(session, verdict(reply), now=now)
        assert not append_score_failure(
            session,
            reply_id=reply,
            candidate_id=None,
            evaluator=EVALUATOR,
            reason="timeout",
            now=now,
        )
