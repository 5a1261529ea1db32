"""Exports of logs, scores, reviews and pairs, and reviews that come back. For admins."""

from datetime import date, datetime, time, timedelta
from pathlib import Path as FolderPath
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Admin
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.console.reply_query import ReplyQuery
from app.export_jobs import ExportJob
from app.review_import import ImportOptions, ImportReport, import_reviews
from app.review_lines import ReviewForm
from app.tar_stream import tar_stream
from store.audit import append_audit
from store.database import Database
from store.errors import NotFoundError
from store.export_folder import MANIFEST, delete_export, list_exports, load_manifest
from store.export_records import (
    NO_LICENCE,
    TABLE_NAMES,
    ExportFilter,
    ExportForm,
    ExportManifest,
    ExportOrder,
    TableName,
)
from store.operators import Operator
from store.reply_filter import filter_json, public_filter

router = APIRouter(prefix="/api/console")

ExportId = Annotated[str, Path(pattern=r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
_TEXT = "text/plain; charset=utf-8"
_SHOWN_FAULTS = 20


class ExportBody(Body):
    """What is wanted. `since` and `until` are days where the nights are, both included. `replies`:
    only what is about these."""

    tables: Annotated[list[TableName], Field(min_length=1, max_length=len(TABLE_NAMES))]
    form: ExportForm
    since: Day | None = None
    until: Day | None = None
    adapter: Annotated[str, Field(max_length=200)] | None = None
    consented: bool = True
    replies: ReplyQuery | None = None
    real_ids: bool = False
    licence: Annotated[str, Field(max_length=2_000)] = ""


class ImportBody(Body):
    """Exported reviews as text. `dry_run`: only say what would come of it."""

    form: ReviewForm
    text: Annotated[str, Field(max_length=60_000)]
    dry_run: bool = True
    skip_bad: bool = False


@router.get("/exports")
def read_exports(console: Console, who: Admin) -> Json:
    """What is there, the newest first, and the one that is being written."""
    job = console.exports.look()
    return {
        "exports": [_manifest_json(one) for one in list_exports(_folder(console))],
        "job": None if job is None else _job_json(job),
        "licence": NO_LICENCE,
    }


@router.post("/exports", status_code=202)
def start_export(console: Console, who: Admin, body: ExportBody) -> Json:
    """Begin to write an export."""
    order = ExportOrder(
        tables=tuple(one for one in TABLE_NAMES if one in body.tables),
        form=body.form,
        filter=ExportFilter(
            since=_day_begins(console, body.since),
            until=_day_begins(console, body.until, days=1),
            adapter=body.adapter or None,
            consented=body.consented,
        ),
        replies=None if body.replies is None else body.replies.filter(),
        real_ids=body.real_ids,
        licence=body.licence.strip() or NO_LICENCE,
        ordered_by=who.name,
    )
    job = console.exports.start(order)
    if job is None:
        raise ConsoleError("export_running", status=409)
    detail: dict[str, object] = {"tables": list(order.tables)}
    if order.replies is not None:
        detail["replies"] = public_filter(filter_json(order.replies))
    _note(console.database, who, "export.start", detail, console.now())
    return _job_json(job)


@router.post("/exports/stop")
def stop_export(console: Console, who: Admin) -> Json:
    """End the export that is being written; nothing is left of it."""
    if not console.exports.stop():
        raise ConsoleError("export_none", status=409)
    _note(console.database, who, "export.stop", {}, console.now())
    return read_exports(console, who)


@router.delete("/exports/{export_id}")
def remove_export(console: Console, who: Admin, export_id: ExportId) -> Json:
    """Delete an export from this server; copies elsewhere stay."""
    delete_export(_folder(console), export_id)
    _note(console.database, who, "export.delete", {"export": export_id}, console.now())
    return read_exports(console, who)


@router.get("/exports/{export_id}/tar")
def download_all(console: Console, who: Admin, export_id: ExportId) -> StreamingResponse:
    """The whole folder as one tar, streamed."""
    folder = _folder(console) / export_id
    load_manifest(_folder(console), export_id)
    _note(console.database, who, "export.download", {"export": export_id}, console.now())
    return StreamingResponse(
        tar_stream(folder),
        media_type="application/x-tar",
        headers={"content-disposition": f'attachment; filename="yogeiko-{export_id}.tar"'},
    )


@router.get("/exports/{export_id}/files/{name:path}")
def download_file(console: Console, who: Admin, export_id: ExportId, name: str) -> FileResponse:
    """One file of an export, or its manifest."""
    manifest = load_manifest(_folder(console), export_id)
    if name not in {MANIFEST, *(file.name for file in manifest.files)}:
        raise NotFoundError("no such file")
    detail: dict[str, object] = {"export": export_id, "file": name}
    _note(console.database, who, "export.download", detail, console.now())
    return FileResponse(
        _folder(console) / export_id / name,
        media_type=_TEXT,
        filename=f"yogeiko-{export_id}-{name.replace('/', '-')}",
    )


@router.post("/reviews/import")
def bring_reviews(console: Console, who: Admin, body: ImportBody) -> Json:
    """Take reviews back in, or say what would come of it."""
    options = ImportOptions(
        form=body.form, dry_run=body.dry_run, skip_bad=body.skip_bad, imported_by=who.name
    )
    # Not splitlines: only these two ends are the ends of a line in both forms.
    lines = [f"{one}\n".encode() for one in body.text.split("\n")]
    report = import_reviews(console.database, lambda: lines, options, console.now())
    return _report_json(report)


def _folder(console: ConsoleParts) -> FolderPath:
    return console.settings.exports_folder


def _day_begins(console: ConsoleParts, day: str | None, days: int = 0) -> datetime | None:
    if day is None:
        return None
    try:
        wanted = date.fromisoformat(day) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise ConsoleError("bad_day", day=day) from error
    return datetime.combine(wanted, time(), ZoneInfo(console.settings.night.zone))


def _note(
    database: Database, who: Operator, action: str, detail: dict[str, object], now: datetime
) -> None:
    with database.session() as session:
        append_audit(session, actor=who.name, action=action, detail=detail, now=now)


def _manifest_json(one: ExportManifest) -> Json:
    return {
        "id": one.id,
        "created_at": one.created_at.isoformat(),
        "form": one.form,
        "tables": list(one.tables),
        "since": None if one.filter.since is None else one.filter.since.isoformat(),
        "until": None if one.filter.until is None else one.filter.until.isoformat(),
        "adapter": one.filter.adapter,
        "consented": one.filter.consented,
        "replies": None if one.replies is None else dict(one.replies),
        "pseudonymised": one.pseudonymised,
        "ordered_by": one.ordered_by,
        "counts": dict(one.counts),
        "erased_at": None if one.erased_at is None else one.erased_at.isoformat(),
        "bytes": sum(file.bytes for file in one.files),
        "files": [
            {"name": file.name, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
            for file in one.files
        ],
    }


def _job_json(job: ExportJob) -> Json:
    progress = job.progress
    return {
        "id": job.id,
        "state": job.state,
        "tables": list(job.order.tables),
        "form": job.order.form,
        "reason": job.reason,
        "progress": None
        if progress is None
        else {
            "table": progress.table,
            "read": progress.read,
            "total": progress.total,
            "written": progress.written,
        },
    }


def _report_json(report: ImportReport) -> Json:
    return {
        "read": report.read,
        "new": report.new,
        "known": report.known,
        "passed": report.passed,
        "bad": report.bad,
        "stored": report.stored,
        "faults": [
            {"line": one.line, "reason": one.reason} for one in report.faults[:_SHOWN_FAULTS]
        ],
    }
