"""What was taken back counts nowhere; what was restored counts again; nothing is overwritten."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.learning import list_learnable
from store.night_records import FaultKind, NewReview, ReviewKind
from store.pairs import list_trainable_pairs, save_pairs
from store.reviews import (
    append_review,
    append_reviews,
    flagged_contradictions,
    list_reviews,
    load_review,
    paired_reviews,
    restore_review,
    retract_review,
    reviewed_values,
    undo_last,
)
from store.scores import append_score
from store.tables import AuditRow
from tests.store.rehearsal import EVALUATOR, claim, pair, talk, verdict

WORDS = ("今日は疲れた", "お疲れさまですわ。")
RETENTION = timedelta(days=90)


def _say(
    reply: str,
    kind: ReviewKind,
    *,
    by: str = "op",
    text: str | None = None,
    route: FaultKind | None = None,
) -> NewReview:
    value = 3.0 if kind == "metric" else None
    return NewReview(
        operator=by,
        kind=kind,
        reply_id=reply,
        metric="trust" if kind == "metric" else None,
        value=value,
        text=text,
        note="読めない" if kind == "skip" else None,
        route=route,
    )


def _edit_of(session: Session, now: datetime) -> str | None:
    (turn,) = list_learnable(session, now=now + timedelta(hours=1), retention=RETENTION)
    return turn.shown.edit


READERS: dict[str, tuple[ReviewKind, Callable[[Session, datetime], object]]] = {
    "values": ("metric", lambda session, now: reviewed_values(session)[0]),
    "newest": ("metric", lambda session, now: reviewed_values(session)[1]),
    "pairs": ("metric", lambda session, now: paired_reviews(session, "trust", EVALUATOR, now)),
    "contradictions": ("contradiction", lambda session, now: flagged_contradictions(session)),
    "edits": ("edit", _edit_of),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_sees_what_was_taken_back(database: Database, now: datetime, reader: str) -> None:
    kind, read = READERS[reader]
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        append_score(session, verdict(reply), now=now)
        nothing = read(session, now)
        review = append_review(session, _say(reply, kind, text="お疲れ"), now=now)
        something = read(session, now)
        assert something != nothing
        retract_review(session, review.id, "op", note="押し間違い", now=now)
        assert read(session, now) == nothing
        restore_review(session, review.id, "op2", note=None, now=now)
        assert read(session, now) == something
        retract_review(session, review.id, "op", note=None, now=now)
        assert read(session, now) == nothing


def test_history_tells_who_when_and_why(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=5)
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        (review,) = append_reviews(session, [_say(reply, "verdict", text="good")], now=now)
        retract_review(session, review.id, "op2", note="別の返答だった", now=later)
        first, word = list_reviews(session, reply_id=reply)
        assert (first.stands, first.text, first.at) == (False, "good", now)
        assert (word.kind, word.target_id, word.operator) == ("retract", review.id, "op2")
        assert (word.note, word.at, word.reply_id) == ("別の返答だった", later, reply)
        assert load_review(session, review.id).stands is False
        deeds = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
        assert deeds == ["reply.review.verdict", "reply.review.retract"]


def test_a_word_on_a_word_is_refused(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        review = append_review(session, _say(turn.replies[0].id, "metric"), now=now)
        with pytest.raises(ConflictError, match="counts already"):
            restore_review(session, review.id, "op", note=None, now=now)
        word = retract_review(session, review.id, "op", note=None, now=now)
        with pytest.raises(ConflictError, match="taken back already"):
            retract_review(session, review.id, "op", note=None, now=now)
        with pytest.raises(ConflictError, match="is a retract"):
            retract_review(session, word.id, "op", note=None, now=now)
        with pytest.raises(NotFoundError, match="999"):
            retract_review(session, 999, "op", note=None, now=now)


@pytest.mark.parametrize(
    ("review", "words"),
    [
        (_say("r", "verdict", text="so-so"), "good or bad"),
        (NewReview(operator="op", kind="skip", reply_id="r", note=" "), "without a reason"),
        (NewReview(operator="op", kind="exclude", pair_id="p"), "expected a reply"),
        (_say("r", "edit", text="x", route="taste"), "fact or style"),  # type: ignore[arg-type]
        (_say("r", "retract"), "call retract_review"),
    ],
)
def test_half_a_review_of_a_new_kind_is_refused(
    database: Database, now: datetime, review: NewReview, words: str
) -> None:
    with database.session() as session, pytest.raises(ConflictError, match=words):
        append_review(session, review, now=now)


def test_undo_takes_back_all_that_was_saved_at_once(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, WORDS)
        a, b = first.replies[0].id, second.replies[0].id
        append_reviews(session, [_say(a, "metric")], now=now)
        both = [_say(b, "metric"), _say(b, "edit", text="まあ、お疲れさま。")]
        append_reviews(session, both, now=later)
        append_reviews(session, [_say(b, "note", by="op2", text="?")], now=later)
        assert undo_last(session, "op", now=later) == b
        stands = [(one.kind, one.stands) for one in list_reviews(session, reply_id=b)[:3]]
        assert stands == [("metric", False), ("edit", False), ("note", True)]
        assert undo_last(session, "op", now=later) == a
        assert undo_last(session, "op", now=later) is None


def test_an_excluded_turn_is_neither_learnt_nor_context(database: Database, now: datetime) -> None:
    at = now + timedelta(hours=1)
    with database.session() as session:
        owner, (first, second) = talk(session, now, WORDS, ("二つ目", "はい。"))
        after = (("user", WORDS[0]), ("assistant", WORDS[1]), ("user", "二つ目"))
        options = {"turns": after}
        save_pairs(
            session, claim(session, now), [pair(owner, second, "x", "y", **options)], now=now
        )

        def learnt() -> list[tuple[str, int]]:
            found = list_learnable(session, now=at, retention=RETENTION)
            return [(one.user_text, len(one.turns)) for one in found]

        def trained() -> int:
            return len(list_trainable_pairs(session, now=at, retention=RETENTION))

        assert (learnt(), trained()) == ([(WORDS[0], 0), ("二つ目", 2)], 1)
        review = append_review(session, _say(first.replies[0].id, "exclude"), now=now)
        assert (learnt(), trained()) == ([("二つ目", 0)], 0), "its context is gone"
        retract_review(session, review.id, "op", note=None, now=now)
        assert (learnt(), trained()) == ([(WORDS[0], 0), ("二つ目", 2)], 1)
        append_review(session, _say(second.replies[0].id, "exclude"), now=now)
        assert (learnt(), trained()) == ([(WORDS[0], 0)], 0)


@pytest.mark.parametrize("route", ["fact", "style"])
def test_only_corrections_of_style_are_chosen_replies(
    database: Database, now: datetime, route: FaultKind
) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        append_review(session, _say(reply, "edit", text="直した", route=route), now=now)
        assert _edit_of(session, now) == ("直した" if route == "style" else None)


def test_a_pair_of_a_correction_that_was_taken_back_is_not_trained_on(
    database: Database, now: datetime
) -> None:
    at = now + timedelta(hours=1)
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        edit = append_review(session, _say(reply, "edit", text="直した"), now=now)
        proposed = pair(owner, turn, f"edit-{edit.id}", reply, source="edit")
        save_pairs(session, claim(session, now), [proposed], now=now)
        assert len(list_trainable_pairs(session, now=at, retention=RETENTION)) == 1
        retract_review(session, edit.id, "op", note=None, now=now)
        assert list_trainable_pairs(session, now=at, retention=RETENTION) == []


def test_a_pair_of_a_reply_whose_fact_was_corrected_later_is_not_trained_on(
    database: Database, now: datetime
) -> None:
    at = now + timedelta(hours=1)
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        save_pairs(session, claim(session, now), [pair(owner, turn, reply, "made")], now=now)
        edit = append_review(session, _say(reply, "edit", text="直した", route="fact"), now=now)
        assert list_trainable_pairs(session, now=at, retention=RETENTION) == []
        retract_review(session, edit.id, "op", note=None, now=now)
        assert len(list_trainable_pairs(session, now=at, retention=RETENTION)) == 1
