"""What people chose between two replies: operators in the inbox of pairs, visitors in duels."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from store.console_tables import DuelRow
from store.night_tables import PairRow, ReviewRow

Chosen = Literal["a", "b", "tie"]

_VERDICTS: dict[str, Chosen] = {"approved": "a", "flipped": "b"}
_DUELS: dict[str, Chosen] = {"newer": "a", "older": "b", "tie": "tie"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanChoice:
    """One person's choice between two replies or candidates, `first` (a) and `second` (b).

    `cluster`: whose choices are alike, the turn's or the visitor's.
    """

    person: str
    cluster: str
    first: str
    second: str
    chosen: Chosen


def inbox_choices(session: Session) -> list[HumanChoice]:
    """Return each operator's last verdict on each pair that approves or flips it; the proposed
    reply is `first`.

    Left out: what was taken back, decided in bulk, vetoed, and pairs that have got a better text,
    whose sides are no longer those that were compared.
    """
    other = aliased(ReviewRow)
    wanted = (
        select(ReviewRow, PairRow)
        .join(PairRow, ReviewRow.pair_id == PairRow.id)
        .where(
            ReviewRow.kind == "pair",
            ReviewRow.target_id.is_(None),
            ReviewRow.bulk_id.is_(None),
            ~exists(select(other.id).where(other.target_id == ReviewRow.id)),
            PairRow.chosen_id.not_like("edit-%"),
            PairRow.rejected_id.not_like("edit-%"),
        )
        .order_by(ReviewRow.id)
    )
    last: dict[tuple[str, str], HumanChoice | None] = {}
    for review, pair in session.execute(wanted):
        chosen = _VERDICTS.get(review.text or "")
        last[(review.operator, pair.id)] = (
            None
            if chosen is None
            else HumanChoice(
                person=review.operator,
                cluster=pair.turn_id,
                first=pair.chosen_id,
                second=pair.rejected_id,
                chosen=chosen,
            )
        )
    return [one for one in last.values() if one is not None]


def duel_choices(session: Session) -> list[HumanChoice]:
    """Return every decided duel; the newer adapter's answer is `first`."""
    wanted = select(DuelRow).where(DuelRow.verdict.is_not(None)).order_by(DuelRow.id)
    return [
        HumanChoice(
            person=row.visitor_id,
            cluster=row.visitor_id,
            first=row.newer_reply,
            second=row.older_reply,
            chosen=_DUELS[row.verdict or ""],
        )
        for row in session.scalars(wanted)
    ]
