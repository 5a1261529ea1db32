"""One export of this installation: who orders it, where it goes, under which names."""

from collections.abc import Callable
from datetime import datetime, time
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from app.pseudonyms import pseudonyms
from app.settings import Settings
from store.audit import append_audit
from store.database import Database
from store.export_folder import write_export
from store.export_records import ExportManifest, ExportOrder, ExportPlace


def run_export(
    settings: Settings,
    database: Database,
    order: ExportOrder,
    folder: Path,
    now: datetime,
    should_stop: Callable[[], bool],
) -> ExportManifest:
    """Write an export into `folder` and note that in the log of deeds.

    Raises ConflictError, ExportStoppedError.
    """
    place = ExportPlace(
        folder=folder,
        exports=settings.exports_folder,
        software=f"yogeiko {version('yogeiko')}",
        pseudonym=str if order.real_ids else pseudonyms(settings.secrets_folder),
    )
    manifest = write_export(database, order, place, now=now, should_stop=should_stop)
    detail: dict[str, object] = {
        "tables": list(order.tables),
        "form": order.form,
        "rows": sum(manifest.counts.values()),
        "consented": order.filter.consented,
        "real_ids": order.real_ids,
    }
    with database.session() as session:
        append_audit(session, actor=order.ordered_by, action="export.write", detail=detail, now=now)
    return manifest


def day_begins(day: datetime, settings: Settings) -> datetime:
    """Return when a day begins where the nights are."""
    return datetime.combine(day.date(), time(), ZoneInfo(settings.night.zone))
