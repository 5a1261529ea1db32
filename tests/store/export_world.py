"""A store with logs, scores, reviews and pairs of several people, and exports of it."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from store.candidates import append_candidates, list_candidates
from store.database import Database
from store.export_folder import new_export_id, write_export
from store.export_records import (
    TABLE_NAMES,
    ExportFilter,
    ExportForm,
    ExportManifest,
    ExportOrder,
    ExportPlace,
    TableName,
)
from store.night_records import NewReview
from store.pairs import save_pairs
from store.reply_filter import ReplyFilter
from store.reviews import append_review
from store.scores import append_score
from store.visitors import Owner, set_consent
from tests.store.rehearsal import candidate, claim, pair, talk, verdict

EVERYBODY = ExportFilter(consented=False)


@dataclass(frozen=True)
class Told:
    """Somebody who talked, and the ids of what became of it."""

    owner: Owner
    turns: tuple[str, ...]
    replies: tuple[str, ...]


def tell(database: Database, now: datetime, word: str, night: str, *, consent: bool = True) -> Told:
    """Let somebody say two things; a night, an evaluator and an operator work on the first."""
    with database.session() as session:
        owner, turns = talk(session, now, (f"{word} 問い", f"{word} 答え"), (f"{word} 次", "はい"))
        reply = turns[0].replies[0].id
        mine = claim(session, now, date=night)
        append_candidates(session, mine, [candidate(turns[0], 0, f"{word} 候補")], now=now)
        made = list_candidates(session, night)[0].id
        append_score(session, verdict(reply), now=now)
        append_score(session, replace(verdict(made), reply_id=None, candidate_id=made), now=now)
        save_pairs(session, mine, [pair(owner, turns[0], reply, made)], now=now)
        rated = NewReview(operator="op", kind="metric", reply_id=reply, metric="trust", value=7.0)
        append_review(session, rated, now=now)
        edit = NewReview(operator="op", kind="edit", reply_id=reply, text=f"={word} 直し")
        append_review(session, edit, now=now)
        if not consent:
            set_consent(session, owner, allow=False, now=now)
    return Told(
        owner=owner,
        turns=tuple(turn.id for turn in turns),
        replies=tuple(turn.replies[0].id for turn in turns),
    )


def pseudonym(visitor_id: str) -> str:
    """The id turned round: 32 digits, unlike the id."""
    return visitor_id[::-1]


def export(
    database: Database,
    exports: Path,
    now: datetime,
    form: ExportForm = "jsonl",
    wanted: ExportFilter = EVERYBODY,
    tables: tuple[TableName, ...] = TABLE_NAMES,
    *,
    replies: ReplyFilter | None = None,
) -> ExportManifest:
    """Write an export among the others."""
    place = ExportPlace(
        folder=exports / new_export_id(now), exports=exports, software="test 1", pseudonym=pseudonym
    )
    order = ExportOrder(tables=tables, form=form, filter=wanted, replies=replies, ordered_by="op")
    return write_export(database, order, place, now=now, should_stop=lambda: False)


def lines_of(exports: Path, manifest: ExportManifest, table: TableName) -> list[dict[str, object]]:
    """The exported rows of one table."""
    return [
        json.loads(line)
        for file in manifest.files
        if file.table == table
        for line in (exports / manifest.id / file.name).read_text(encoding="utf-8").splitlines()
    ]
