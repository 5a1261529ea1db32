"""The morning report of a night, also of one that was skipped, refused, stopped or failed."""

from pathlib import Path

from rlaif.report import summarise_night, with_files
from rlaif.report_html import write_report
from store.database import Database


def write_morning_report(nights_folder: Path, database: Database, day: str) -> Path:
    """Write JSON, Markdown and HTML into the night's folder and return the folder."""
    folder = nights_folder / day
    with database.reading() as session:
        summary = with_files(summarise_night(session, day), folder)
    return write_report(summary, folder)[0].parent
