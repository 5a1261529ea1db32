"""Rows per second and memory of an export: python -m tests.benchmarks.export_million.

Without --home a store with --rows replies is made first, in a folder that is removed afterwards. The
slope is that of a line through the resident memory of the second half of the export, in MiB per
million rows: what grows with the rows shows there.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
from sqlalchemy import insert
from sqlalchemy.orm import Session

from store.database import Database, open_database
from store.export_folder import new_export_id, write_export
from store.export_records import (
    EXPORT_FORMS,
    TABLE_NAMES,
    ExportFilter,
    ExportForm,
    ExportOrder,
    ExportPlace,
    TableName,
)
from store.tables import ConversationRow, ReplyRow, TurnRow, VisitorRow

_MIB = 1024 * 1024
_TURNS = 10
_BATCH = 500
_WORDS = "今日は雨でしたので、窓辺でヴァイオリンを弾いておりましたの。"


@dataclass
class Memory:
    """Resident memory as pages are written; never asks for a stop."""

    started: float = field(default_factory=time.monotonic)
    samples: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self) -> bool:
        rss = psutil.Process().memory_info().rss / _MIB
        self.samples.append((time.monotonic() - self.started, rss))
        return False


def fill(database: Database, replies: int) -> None:
    """Make conversations of ten turns each until there are so many replies."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    talks = range(replies // _TURNS)
    for first in range(0, len(talks), _BATCH):
        with database.session() as session:
            _talks(session, talks[first : first + _BATCH], start)


def _talks(session: Session, numbers: range, start: datetime) -> None:
    visitors, conversations, turns, replies = [], [], [], []
    for number in numbers:
        at = start + timedelta(minutes=number)
        visitor, talk = uuid4().hex, uuid4().hex
        visitors.append({"id": visitor, "consent": True, "consent_at": start, "created_at": at})
        conversations.append(
            {
                "id": talk,
                "visitor_id": visitor,
                "persona": "ayane",
                "created_at": at,
                "updated_at": at,
            }
        )
        for position in range(_TURNS):
            turn = uuid4().hex
            turns.append(
                {"id": turn, "conversation_id": talk, "position": position, "text": _WORDS,
                 "text_folded": _WORDS, "created_at": at}
            )  # fmt: skip
            replies.append(
                {"id": uuid4().hex, "turn_id": turn, "variant": 0, "text": _WORDS, "text_folded": _WORDS,
                 "status": "done", "origin": "live", "adapter_id": "v1", "facts": [_WORDS], "seed": 7,
                 "sampling": {"temperature": 0.25}, "created_at": at, "finished_at": at}
            )  # fmt: skip
    for table, rows in (
        (VisitorRow, visitors), (ConversationRow, conversations), (TurnRow, turns), (ReplyRow, replies),
    ):  # fmt: skip
        session.execute(insert(table), rows)


def measure(
    database: Database, out: Path, form: ExportForm, tables: tuple[TableName, ...]
) -> dict[str, object]:
    """Export and return the figures."""
    now = datetime.now(UTC)
    place = ExportPlace(
        folder=out / new_export_id(now),
        exports=out,
        software="benchmark",
        pseudonym=lambda one: one[::-1],
    )
    order = ExportOrder(tables=tables, form=form, filter=ExportFilter(consented=False))
    memory, before = Memory(), time.process_time()
    manifest = write_export(database, order, place, now=now, should_stop=memory)
    seconds, cpu = time.monotonic() - memory.started, time.process_time() - before
    rows = sum(manifest.counts.values())
    half = memory.samples[len(memory.samples) // 2 :]
    per_page = (
        np.polyfit(range(len(half)), [rss for _, rss in half], 1)[0] if len(half) > 1 else 0.0
    )
    return {
        "form": form,
        "rows": manifest.counts,
        "megabytes": round(sum(file.bytes for file in manifest.files) / 1e6, 1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "rows_per_second": round(rows / seconds),
        "rss_first_mib": round(memory.samples[0][1], 1),
        "rss_last_mib": round(memory.samples[-1][1], 1),
        "rss_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rss_slope_mib_per_million_rows": round(
            float(per_page) * len(memory.samples) * 1e6 / rows, 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, help="a home with a database of its own")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--form", choices=EXPORT_FORMS, default="jsonl")
    parser.add_argument("--tables", nargs="+", choices=TABLE_NAMES, default=["logs"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yogeiko-export-") as folder:
        home = asked.home or Path(folder)
        database = open_database(f"sqlite:///{home / 'yogeiko.db'}")
        if asked.home is None:
            fill(database, asked.rows)
        figures = measure(database, Path(folder) / "exports", asked.form, tuple(asked.tables))
        database.close()
    json.dump(figures, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
