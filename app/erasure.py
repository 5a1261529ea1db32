"""Erasing somebody everywhere, and finishing what a dead process left of it."""

import logging
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.pseudonyms import pseudonyms
from app.settings import Settings
from rlaif.traces import TraceFolders, remove_traces
from store.database import Database
from store.erase import erase_visitor
from store.erasures import list_unscrubbed, mark_scrubbed, pending_erasures
from store.errors import StoreError
from store.records import Erased

logger = logging.getLogger(__name__)


def erase_everywhere(
    settings: Settings, database: Database, visitor_id: str, *, actor: str, now: datetime
) -> Erased:
    """Erase a visitor: rows, bytes, exports, and what nights made of them on disk.

    Raises NotFoundError, DatabaseError. What cannot be removed at once, the running server removes
    within a minute of when it can.
    """
    erased = _erase(settings, database, visitor_id, actor, now)
    try:
        remove_traces(database, trace_folders(settings), now)
    except (OSError, SQLAlchemyError, StoreError):
        logger.exception("Files of an erasure could not be removed; it is tried again")
    return erased


def finish_erasures(settings: Settings, database: Database, now: datetime) -> None:
    """Do what earlier erasures have left to do; cheap when that is nothing."""
    with database.reading() as session:
        pending, unscrubbed = pending_erasures(session), list_unscrubbed(session)
    for one in pending:
        _erase(settings, database, one.visitor_id, one.actor, now)
    if not pending and unscrubbed:
        database.scrub()
        with database.session() as session:
            mark_scrubbed(session, unscrubbed, now)
    remove_traces(database, trace_folders(settings), now)


def trace_folders(settings: Settings) -> TraceFolders:
    """Where trainings leave something."""
    return TraceFolders(
        adapters=settings.adapters_folder,
        nights=settings.nights_folder,
        measurements=settings.measurements_folder,
    )


def _erase(
    settings: Settings, database: Database, visitor_id: str, actor: str, now: datetime
) -> Erased:
    return erase_visitor(
        database,
        visitor_id,
        exports=settings.exports_folder,
        nights=settings.nights_folder,
        pseudonym=pseudonyms(settings.secrets_folder)(visitor_id),
        actor=actor,
        now=now,
    )
