"""What a dry run says becomes a report, however it ends."""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.rehearsal_service import (
    RehearsalProgress,
    RehearsalReport,
    RehearsalService,
    read_report,
    rehearsal_settings,
)
from app.settings import load_settings
from scheduler.heard_process import Heard, HeardSettings

NOW = datetime(2026, 9, 24, 12, 0, tzinfo=UTC)
TRAINING = {
    "pairs": 90,
    "replay_pairs": 23,
    "seconds_per_pair": 3.0,
    "measured_nights": 2,
    "enough": True,
    "minutes": 5.7,
}
FOUND = {
    "date": "2026-09-25",
    "dry_run": True,
    "pairs": [{"turn": "t", "chosen": "a", "rejected": "b", "source": "score", "margin": 1.0}],
    "by_source": {"score": 1},
    "drops": {"margin": 3},
    "conflicts": 2,
    "training": TRAINING,
}
ENDED = {"date": "2026-09-25", "dry_run": True, "status": "skipped", "decision": "nobody talked"}
RUNNING = Heard(started_at=NOW, lines=("noise", "2/9 score 31/96"))


def _over(said: object, code: int = 0, **changes: object) -> RehearsalReport:
    heard = replace(RUNNING, output=json.dumps(said).encode(), code=code, ended_at=NOW)
    return read_report(replace(heard, **changes))  # type: ignore[arg-type]


def test_progress_is_the_last_that_was_told() -> None:
    told = read_report(RUNNING)
    assert told.state == "running"
    assert told.progress == RehearsalProgress(step="score", position=2, steps=9, done=31, total=96)
    unknown = read_report(replace(RUNNING, lines=("4/9 score_candidates 7",), asked=True))
    assert unknown.state == "stopping"
    assert unknown.progress == RehearsalProgress(
        step="score_candidates", position=4, steps=9, done=7, total=None
    )
    assert read_report(replace(RUNNING, lines=())).progress is None
    warned = ("1/9 collect 0", "2/9 score 31/96        a library warns: 3/4 done 5")
    assert read_report(replace(RUNNING, lines=warned)).progress == told.progress


def test_a_result_is_read_without_ids() -> None:
    told = _over(FOUND)
    assert told.state == "done"
    assert told.result is not None
    assert told.result.by_source == {"score": 1}
    assert told.result.training.minutes == 5.7
    assert "pairs" not in told.result.model_dump()


def test_endings_without_a_result() -> None:
    assert (_over(ENDED).state, _over(ENDED).ending) == ("ended", "nobody talked")
    assert _over(ENDED, asked=True).state == "stopped"
    assert _over("", code=-15, asked=True).state == "stopped"
    dead = _over("", code=1, lines=("1/9 collect 0", "Error: no model; run yogeiko model prepare"))
    assert (dead.state, dead.ending) == ("failed", "Error: no model; run yogeiko model prepare")
    assert _over("", code=-9, lines=()).ending == "exit code -9"
    assert _over({"date": "2026-09-25"}).state == "failed"


def test_the_process_is_a_bounded_dry_run(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    wanted = rehearsal_settings(settings)
    assert list(wanted.command)[:3] == [sys.executable, "-m", "app.cli"]
    assert "--dry-run" in wanted.command
    assert list(wanted.command)[-2:] == ["--home", str(settings.home)]
    assert wanted.nice > 0
    assert wanted.memory_bytes > 0


def test_one_at_a_time() -> None:
    program = f"import time; time.sleep(0.3); print({json.dumps(json.dumps(FOUND))})"
    service = RehearsalService(HeardSettings(command=[sys.executable, "-c", program], nice=0))
    assert service.report is None
    assert service.start()
    assert service.running
    assert not service.start()
    until = time.monotonic() + timedelta(seconds=30).total_seconds()
    while service.running and time.monotonic() < until:
        time.sleep(0.02)
    assert service.report is not None
    assert service.report.state == "done"
    service.close()
    assert not service.start()
