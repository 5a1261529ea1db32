"""The index of shown replies follows every change."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from store.console_tables import ReplyFiguresRow, ReplyIndexRow, ReplyWordsRow
from store.conversations import get_conversation_row, mark_deleted
from store.database import Database, alembic_config, open_database
from store.erase import erase_visitor, purge_deleted
from store.night_records import NewConflict, NewReview
from store.pair_queue import list_conflicts, resolve_conflict, save_conflicts
from store.records import NewReply, ReplyEnd, SafetyCatch
from store.replies import finish_reply
from store.reply_index import rebuild
from store.reviews import append_review
from store.scores import METRIC_COLUMNS, append_score
from store.tables import ConversationRow, ReplyRow, TurnRow
from store.turns import append_variant, set_feedback, show_variant, supersede_from
from store.visitors import Owner
from tests.store.rehearsal import claim, verdict
from tests.store.talk import begin, exchange, say

AGAIN = NewReply(origin="regenerated", adapter="v2", seed=8, sampling={})


def _contents(session: Session) -> list[dict[str, object]]:
    """Return every row of the index by what it is of, without its number."""
    wanted = (
        select(ReplyIndexRow.__table__, ReplyFiguresRow.__table__, ReplyWordsRow.words)
        .join(ReplyFiguresRow, ReplyFiguresRow.number == ReplyIndexRow.number)
        .join(ReplyWordsRow, ReplyWordsRow.number == ReplyIndexRow.number)
        .order_by(ReplyIndexRow.reply_id)
    )
    rows = [dict(row) for row in session.execute(wanted).mappings()]
    return [{key: row[key] for key in row if "number" not in key} for row in rows]


class _Walk:
    """Does one thing after another that changes what the index is made of."""

    def __init__(self, database: Database, now: datetime, seed: int) -> None:
        self.database = database
        self.rng = random.Random(seed)
        self.now = now
        self.conversations: list[tuple[Owner, str]] = []
        with database.session() as session:
            self.claim = claim(session, now)

    def step(self) -> None:
        self.now += timedelta(seconds=self.rng.choice((0, 1, 7)))
        moves: tuple[Callable[[Session], None], ...] = (
            *(self._talk, self._talk, self._regenerate, self._show, self._edit, self._thumb),
            *(self._score, self._score, self._conflict, self._resolve, self._review, self._leave),
        )
        with self.database.session() as session:
            if len(self.conversations) < 4:
                self.conversations.append(begin(session, now=self.now))
            self.rng.choice(moves)(session)

    def _some_turn(self, session: Session) -> tuple[Owner, TurnRow] | None:
        owner, conversation = self.rng.choice(self.conversations)
        wanted = select(TurnRow).where(
            TurnRow.conversation_id == conversation, TurnRow.superseded_at.is_(None)
        )
        turns = session.scalars(wanted.order_by(TurnRow.position)).all()
        return (owner, self.rng.choice(turns)) if turns else None

    def _some_reply(self, session: Session) -> ReplyRow | None:
        wanted = select(ReplyRow).where(ReplyRow.status == "done").order_by(ReplyRow.id)
        rows = session.scalars(wanted).all()
        return self.rng.choice(rows) if rows else None

    def _end(self) -> ReplyEnd:
        caught = SafetyCatch(source="reply", category="sexual", reason="r", text="x")
        return self.rng.choice(
            (
                ReplyEnd(status="done", text="猫が好きですわ。"),
                ReplyEnd(status="stopped", text="途中まで"),
                ReplyEnd(status="failed", text="", error="broken"),
                ReplyEnd(status="done", text="いけませんわ", caught=caught),
            )
        )

    def _talk(self, session: Session) -> None:
        owner, conversation = self.rng.choice(self.conversations)
        turn = say(session, owner, conversation, f"問い{self.rng.random()}", self.now)
        if self.rng.random() < 0.9:
            finish_reply(session, turn.replies[0].id, self._end(), now=self.now)

    def _regenerate(self, session: Session) -> None:
        if (found := self._some_turn(session)) is not None:
            turn = append_variant(session, found[1].id, AGAIN, now=self.now)
            if self.rng.random() < 0.9:
                finish_reply(session, turn.replies[-1].id, self._end(), now=self.now)

    def _show(self, session: Session) -> None:
        if (found := self._some_turn(session)) is not None:
            owner, turn = found
            show_variant(session, owner, turn.id, self.rng.randrange(len(turn.replies)))

    def _edit(self, session: Session) -> None:
        if (found := self._some_turn(session)) is not None:
            supersede_from(session, found[1].id, now=self.now)

    def _thumb(self, session: Session) -> None:
        reply = self._some_reply(session)
        if reply is not None and reply.turn.conversation.deleted_at is None:
            owner = Owner(visitor_id=reply.turn.conversation.visitor_id)
            thumb = self.rng.choice(("up", "down", None))
            set_feedback(session, owner, reply.id, thumb, None, now=self.now)

    def _score(self, session: Session) -> None:
        if (reply := self._some_reply(session)) is not None:
            name = self.rng.choice(("embedded-1", "judge-1", "fed-1"))
            value = round(self.rng.uniform(0, 10), 3)
            append_score(session, verdict(reply.id, value, evaluator=name), now=self.now)

    def _conflict(self, session: Session) -> None:
        if (reply := self._some_reply(session)) is not None:
            conflict = NewConflict(
                turn_id=reply.turn_id, reply_id=reply.id, signal="thumb_down", reward_quantile=0.9
            )
            save_conflicts(session, self.claim, [conflict], now=self.now)

    def _resolve(self, session: Session) -> None:
        for conflict in list_conflicts(session, unresolved=True)[:1]:
            resolve_conflict(session, conflict.id, "visitor", "op", self.now)

    def _review(self, session: Session) -> None:
        if (reply := self._some_reply(session)) is not None:
            review = NewReview(
                operator="op", kind="metric", reply_id=reply.id, metric="trust", value=5
            )
            append_review(session, review, now=self.now)

    def _leave(self, session: Session) -> None:
        if self.rng.random() < 0.3:
            owner, conversation = self.conversations.pop(self.rng.randrange(3))
            mark_deleted(session, owner, conversation, now=self.now)
            if self.rng.random() < 0.5:
                session.flush()
                purge_deleted(session)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_equals_a_rebuilt_one_whatever_was_done(
    database: Database, now: datetime, tmp_path: Path, seed: int
) -> None:
    walk = _Walk(database, now, seed)
    for _ in range(150):
        walk.step()
    gone = walk.conversations[0][0].visitor_id
    erase_visitor(database, gone, exports=tmp_path, actor="test", now=now)
    with database.session() as session:
        kept = _contents(session)
        count = rebuild(session.connection())
        assert kept == _contents(session)
    assert len(kept) == count >= 5
    assert gone not in {row["visitor_id"] for row in kept}


def test_figures_are_of_the_newest_verdict_and_of_the_screen(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, ("問い", "答え"), now)
        first = turn.replies[0].id
        append_score(session, verdict(first, 9.0), now=now)
        append_score(session, verdict(first, 3.25, evaluator="judge-1"), now=now)
        get_conversation_row(session, owner, conversation, lock=True)
        second = append_variant(session, turn.id, AGAIN, now=now).replies[1].id
        finish_reply(session, second, ReplyEnd(status="done", text="別の答え"), now=now)
    with database.reading() as session:
        rows = {row["reply_id"]: row for row in _contents(session)}
    assert [rows[first][metric] for metric in (*METRIC_COLUMNS, "mean")] == [325] * 13
    assert (rows[first]["spread"], rows[first]["evaluator"]) == (50, "judge-1")
    assert [rows[one]["on_screen"] for one in (first, second)] == [False, True]
    assert [rows[one]["variants"] for one in (first, second)] == [2, 2]
    assert (rows[second]["adapter"], rows[second]["mean"]) == ("v2", None)


def test_a_rolled_back_change_leaves_no_trace(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        reply = exchange(session, owner, conversation, ("問い", "答え"), now).replies[0].id

    def fail_after_a_thumb() -> None:
        with database.session() as session:
            set_feedback(session, owner, reply, "down", None, now=now)
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_a_thumb()
    with database.reading() as session:
        assert [row["thumb"] for row in _contents(session)] == [0]


def test_an_older_database_gets_its_index_when_it_is_opened(url: str, now: datetime) -> None:
    database = open_database(url)
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("問い", "答え"), now)
    with database.session() as session:
        before = _contents(session)
        command.downgrade(alembic_config(session.connection()), "0006")
    database.close()
    again = open_database(url)
    with again.reading() as session:
        assert _contents(session) == before != []
    again.close()


def test_no_word_of_an_erased_visitor_is_left_in_the_file(tmp_path: Path, now: datetime) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    with database.session() as session:
        gone, conversation = begin(session, now=now)
        exchange(session, gone, conversation, ("黄金虫", "飴細工"), now)
        kept, other = begin(session, now=now)
        exchange(session, kept, other, ("薔薇園", "紅茶"), now)
    pairs = ["黄金", "金虫", "飴細", "細工"]
    assert all(pair.encode() in _bytes(tmp_path) for pair in pairs)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "e", actor="test", now=now)
    assert [pair for pair in pairs if pair.encode() in _bytes(tmp_path)] == []
    assert "薔薇".encode() in _bytes(tmp_path)
    database.close()


def test_words_of_a_deleted_conversation_go_with_the_next_chore(
    tmp_path: Path, now: datetime
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    for word in ("黄金虫", "薔薇園"):
        with database.session() as session:
            owner, conversation = begin(session, now=now)
            exchange(session, owner, conversation, (word, word), now)
    with database.session() as session:
        mark_deleted(session, owner, conversation, now=now)
    with database.session() as session:
        purge_deleted(session)
        assert session.scalars(select(ConversationRow.id)).all() != []
    database.forget_words()
    database.checkpoint()
    assert "薔薇".encode() not in _bytes(tmp_path)
    assert "黄金".encode() in _bytes(tmp_path)
    with database.session() as session:
        session.execute(text("INSERT INTO reply_search (reply_search) VALUES ('integrity-check')"))
    database.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("yogeiko.db*"))
