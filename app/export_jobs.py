"""Exports that operators order in the console, each in a process of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Literal

from pydantic import TypeAdapter

from app.clock import utc_now
from app.export_child import STOPPED_CODE
from app.settings import Settings
from scheduler.bounded_process import Bounds, start_bounded
from store.export_folder import new_export_id, read_progress, remove_abandoned
from store.export_records import ExportOrder, ExportProgress

ExportState = Literal["running", "done", "failed", "stopped"]
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """The newest export as it stands. `progress` None: not begun. `reason`: why it failed."""

    id: str
    state: ExportState
    order: ExportOrder
    progress: ExportProgress | None = None
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class _Running:
    id: str
    order: ExportOrder
    process: "subprocess.Popen[bytes]"
    said: IO[bytes]
    stopped: bool = False


class ExportJobs:
    """At most one export at a time. Safe from any thread."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._ended: ExportJob | None = None

    def tidy(self) -> None:
        """Remove what dead processes left half written."""
        remove_abandoned(self._settings.exports_folder)

    def start(self, order: ExportOrder) -> ExportJob | None:
        """Begin an export, after removing what dead processes left; None while one runs."""
        with self._lock:
            if self._look() is not None:
                return None
            exports = self._settings.exports_folder
            exports.mkdir(parents=True, exist_ok=True, mode=0o700)
            remove_abandoned(exports)
            self._running = self._spawn(order)
            return ExportJob(id=self._running.id, state="running", order=order)

    def look(self) -> ExportJob | None:
        """Return the newest export that was ordered here, None without any."""
        with self._lock:
            running = self._look()
            if running is None:
                return self._ended
            return ExportJob(
                id=running.id,
                state="running",
                order=running.order,
                progress=read_progress(self._settings.exports_folder, running.id),
            )

    def stop(self) -> bool:
        """Ask the running export to end; False without one."""
        with self._lock:
            running = self._look()
            if running is None:
                return False
            running.stopped = True
            os.killpg(running.process.pid, signal.SIGTERM)
            return True

    def close(self) -> None:
        """End what runs and remove what it left."""
        if not self.stop():
            return
        with self._lock:
            running = self._running
        if running is None:
            return
        try:
            running.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
        self.look()

    def _look(self) -> _Running | None:
        """The living process; of one that has ended it is noted how."""
        running = self._running
        if running is None or running.process.poll() is None:
            return running
        self._running = None
        self._ended = self._end_of(running)
        running.said.close()
        remove_abandoned(self._settings.exports_folder)
        return None

    def _end_of(self, running: _Running) -> ExportJob:
        code = running.process.returncode
        running.said.seek(0)
        lines = running.said.read().decode("utf-8", "replace").splitlines()
        state: ExportState = "done" if code == 0 else "failed"
        if code == STOPPED_CODE or (code and running.stopped):
            state = "stopped"
        reason = (lines[-1] if lines else f"exit {code}") if state == "failed" else ""
        return ExportJob(id=running.id, state=state, order=running.order, reason=reason)

    def _spawn(self, order: ExportOrder) -> _Running:
        export_id = new_export_id(self._now())
        said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", "app.export_child", str(self._settings.home), export_id]
        bounds = Bounds(environment={"YOGEIKO_SERVER_HOST": self._settings.server.host})
        with tempfile.TemporaryFile() as given:
            given.write(TypeAdapter(ExportOrder).dump_json(order))
            given.seek(0)
            process = start_bounded(command, said, bounds, given=given)
        return _Running(id=export_id, order=order, process=process, said=said)
