"""The process that writes an export: `python -m app.export_child HOME ID`, the order as its input.

Exit codes: 0 done, 1 failed with a sentence as the last line, 3 stopped by SIGTERM or because the
process that started it is no more.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from pydantic import TypeAdapter

from app.clock import utc_now
from app.export_run import run_export
from app.settings import load_settings
from store.database import open_database
from store.errors import StoreError
from store.export_folder import ExportStoppedError
from store.export_records import ExportOrder

STOPPED_CODE = 3


class _StopRequest:
    """Whether somebody wants the end."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked or os.getppid() != self._parent


def main(arguments: list[str]) -> int:
    """Write the export ID under the exports of HOME."""
    should_stop = _StopRequest()
    order = TypeAdapter(ExportOrder).validate_json(sys.stdin.buffer.read())
    settings = load_settings(Path(arguments[0]))
    folder = settings.exports_folder / arguments[1]
    try:
        database = open_database(settings.database_url)
        run_export(settings, database, order, folder, utc_now(), should_stop)
    except ExportStoppedError:
        return STOPPED_CODE
    except (StoreError, OSError) as error:
        sys.stdout.write(f"\n{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
