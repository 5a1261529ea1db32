"""Which reviews count, and what follows from that for learning."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, not_, or_, select
from sqlalchemy.orm import Session, aliased

from store.batches import batches
from store.night_tables import ReviewRow
from store.tables import ReplyRow


def standing() -> ColumnElement[bool]:
    """Return the condition on `ReviewRow` that the last word on a review is no retraction."""
    word = aliased(ReviewRow)
    last = (
        select(word.kind)
        .where(word.target_id == ReviewRow.id)
        .order_by(word.id.desc())
        .limit(1)
        .correlate(ReviewRow)
        .scalar_subquery()
    )
    return func.coalesce(last, "restore") != "retract"


def excluded() -> Select[str]:
    """Return the turns that an operator keeps from being learnt from."""
    return (
        select(ReplyRow.turn_id)
        .join(ReviewRow, ReviewRow.reply_id == ReplyRow.id)
        .where(ReviewRow.kind == "exclude", standing())
    )


def excluded_among(session: Session, turn_ids: Iterable[str]) -> frozenset[str]:
    """Return those of `turn_ids` that an operator keeps from being learnt from."""
    found: set[str] = set()
    for some in batches(turn_ids):
        found.update(session.scalars(excluded().where(ReplyRow.turn_id.in_(some))))
    return frozenset(found)


def wrong_of_fact() -> Select[str]:
    """Return the replies in which an operator corrected a fact: nothing is learnt from them."""
    return select(func.coalesce(ReviewRow.reply_id, "")).where(
        ReviewRow.kind == "edit", ReviewRow.route == "fact", standing()
    )


def void_edits() -> Select[str]:
    """Return the options (`edit-…`) that no pair may hold: corrections that were taken back, or
    that turned out to mend a fact."""
    name: ColumnElement[str] = literal("edit-", Text).concat(cast(ReviewRow.id, Text))
    return select(name).where(
        ReviewRow.kind == "edit", or_(ReviewRow.route == "fact", not_(standing()))
    )
