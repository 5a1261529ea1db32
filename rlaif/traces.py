"""What trainings leave on disk, and its removal once somebody they learnt from was erased.

Which files must go follows from the database and the files alone, so that whoever finds an
unfinished erasure can finish it: everything of tainted adapters, and of trained ones that were
never published and name a pair that is gone.
"""

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from persona.adapter_folder import MANIFEST
from rlaif.measurement_cache import forget_adapters
from store.database import Database
from store.erasures import (
    PAIR_IDS,
    Leftovers,
    blank_tainted_manifests,
    count_existing_pairs,
    load_leftovers,
    mark_finished,
)
from store.night_records import Night
from store.nights import list_nights

TRAINING_FOLDER = "training"
STEPS_FILE = "steps.jsonl"
_REPORTS = ("examples.json", "report.json", "report.md", "report.html")
_UNNAMED = timedelta(minutes=1)
_IDS = TypeAdapter(list[str])

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFolders:
    """Where trainings leave something. measurements: the gates' cache."""

    adapters: Path
    nights: Path
    measurements: Path


def remove_traces(database: Database, folders: TraceFolders, now: datetime) -> bool:
    """Remove what unfinished erasures left on disk; return whether nothing of those is left.

    An erasure that is committed meanwhile stays unfinished. Something is left while a night that may have learnt from them holds its lease, or while a
    reply is being made by an adapter that is not served any more: call it again in a minute.
    """
    with database.reading() as session:
        left = load_leftovers(session, now)
        nights = list_nights(session) if left is not None else []
    if left is None:
        return True
    with database.session() as session:
        blank_tainted_manifests(session)
    # What a running night measures and writes goes once its lease has ended.
    leased = {_adapters_of(one)[0] for one in nights if one.date in left.leased}
    kept = left.registered | leased
    unpublished = _unpublished(database, folders.adapters, left) - leased
    doomed = left.tainted | unpublished
    for night in nights:
        candidate, used = _adapters_of(night)
        # Of a refused one it is not known from whom it learnt.
        unknown = candidate is not None and candidate not in left.registered
        if used & doomed or (unknown and night.started_at <= left.erased_at):
            doomed |= {candidate} - kept if candidate is not None else set()
            _remove_reports(folders.nights / night.date)
    forget_adapters(folders.measurements, doomed)
    for folder in _training_folders(folders.nights):
        if folder.parent.name in left.leased:
            _remove_checkpoints(folder, left.erased_at)
        else:
            clear_training(folder)
    _remove_adapters(folders.adapters, left.tainted - left.speaking | unpublished)
    if left.speaking or any(one.date in left.leased for one in nights):
        return False
    with database.session() as session:
        mark_finished(session, left.unfinished, now)
    return True


def clear_training(folder: Path) -> None:
    """Remove a training's checkpoints and whatever else it worked with; its curve stays."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name != STEPS_FILE:
            path.unlink(missing_ok=True)


def _unpublished(database: Database, adapters: Path, left: Leftovers) -> frozenset[str]:
    """Ids of trained adapters that nobody registered and that name a pair which is gone."""
    found = set()
    for folder in _folders(adapters):
        name, pair_ids = _manifest(folder)
        if name in left.registered or not pair_ids:
            continue
        with database.reading() as session:
            if count_existing_pairs(session, pair_ids) < len(set(pair_ids)):
                found.add(name)
    return frozenset(found)


def _remove_adapters(adapters: Path, names: frozenset[str]) -> None:
    """Remove the folders of adapters, and what a killed process left half made under their id."""
    for folder in _folders(adapters):
        name, _ = _manifest(folder)
        own = name or folder.name.removeprefix(".partial-").removeprefix(".replaced-")
        nameless = not name and folder.name.startswith(".") and _is_older(folder, _UNNAMED)
        if own in names or nameless:
            # The manifest goes last: it is what tells that the rest must go.
            for path in sorted(folder.iterdir(), key=lambda one: one.name == MANIFEST):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            folder.rmdir()
            logger.info("Adapter %s was removed: somebody it learnt from was erased", own)


def _manifest(folder: Path) -> tuple[str, list[str]]:
    """The id and pairs that an adapter's folder names; an empty id when it names none."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return str(content["id"]), _IDS.validate_python(content.get(PAIR_IDS, []))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return "", []


def _adapters_of(night: Night) -> tuple[str | None, set[str]]:
    """What a night trained, and all adapters that its report may quote."""
    detail = next((one.detail for one in night.steps if one.step == "train"), {})
    candidate = detail.get("adapter")
    quoted = {str(detail[key]) for key in ("adapter", "active") if detail.get(key) is not None}
    return None if candidate is None else str(candidate), quoted


def _remove_reports(night: Path) -> None:
    """Remove the files that quote replies; the figures stay in the ledger."""
    for name in _REPORTS:
        (night / name).unlink(missing_ok=True)


def _remove_checkpoints(training: Path, before: datetime) -> None:
    """Remove the checkpoints that were written before then; the run goes on without them."""
    for path in training.glob("*/checkpoint-*"):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) <= before:
            shutil.rmtree(path, ignore_errors=True)


def _training_folders(nights: Path) -> list[Path]:
    found = [one / TRAINING_FOLDER for one in _folders(nights)]
    return [one for one in found if one.is_dir()]


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [one for one in sorted(parent.iterdir()) if one.is_dir() and not one.is_symlink()]


def _is_older(path: Path, age: timedelta) -> bool:
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.now(UTC) - modified > age
