"""The parent's side, against children that behave as scripted."""

import os
import stat
import sys
import textwrap
import time
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD
from rlaif import run_child
from rlaif.errors import (
    PreferenceTrainingError,
    TrainingDiedError,
    TrainingMemoryError,
    TrainingStoppedError,
)
from rlaif.train import Lineage
from rlaif.training_job import (
    ChildLimits,
    Done,
    Failed,
    Loaded,
    Stepped,
    Stopped,
    TrainingJob,
    event_line,
    job_json,
    read_event,
    read_job,
)
from rlaif.training_watch import PreferenceProgress
from tests.rlaif.pair_fixtures import asking_pairs, seed_pairs

_STEP = event_line(Stepped(step=1, steps=2, figures={"loss": 0.5, "kl": 0.0}))
_LOADED = event_line(Loaded())


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    return TrainingJob(
        model="embedded:gemma-3-270m",
        models_folder=tmp_path / "models",
        card_folder=SHIPPED_CARD,
        anchor_folder=tmp_path / "anchor",
        pairs=tuple(asking_pairs(3)),
        replay_pairs=tuple(seed_pairs(2, safety=1)),
        work_folder=tmp_path / "work",
        adapters_folder=tmp_path / "adapters",
        lineage=Lineage(date="2025-09-24", details={"evaluator": "planted"}),
        limits=ChildLimits(stop_seconds=1, silence_seconds=5),
    )


def _child(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Put a script in the place of the Python that would train; argv[3] is where to read the job."""
    script = folder / "child.py"
    head = f"#!{sys.executable}\nimport os, signal, sys, time\njob = sys.argv[3]\n"
    script.write_text(
        head + "def say(line):\n    sys.stdout.write(line)\n    sys.stdout.flush()\n"
        + textwrap.dedent(body),
        encoding="utf-8",
    )  # fmt: skip
    script.chmod(stat.S_IRWXU)
    monkeypatch.setattr(run_child.sys, "executable", str(script))


def _train(job: TrainingJob, told: list[PreferenceProgress] | None = None) -> dict[str, object]:
    told = [] if told is None else told
    return run_child.run_training_child(job, told.append, lambda: False)


def test_a_job_and_its_events_survive_the_journey(job: TrainingJob, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(job_json(job), encoding="utf-8")
    assert read_job(path) == job
    for event in (
        Loaded(),
        Stepped(step=1, steps=9, figures={"kl": 0.1}),
        Done(manifest="{}"),
        Stopped(message="m"),
        Failed(kind="memory", message="m"),
    ):
        assert read_event(event_line(event)) == event
    assert read_event("a library's greeting\n") is None


def test_a_file_that_is_no_job_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    for content in (None, "", "{}", '{"model": 1}'):
        if content is not None:
            path.write_text(content)
        with pytest.raises(PreferenceTrainingError, match="cannot be read as a training job"):
            read_job(path)


@pytest.mark.parametrize(("nice", "threads"), [(-1, 1), (20, 1), (5, 0)])
def test_limits_out_of_range_are_refused(nice: int, threads: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to 19"):
        ChildLimits(nice=nice, threads=threads)


def test_progress_and_manifest_come_through(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = event_line(Done(manifest='{"id": "名"}'))
    _child(
        monkeypatch,
        tmp_path,
        f"""
        assert open(job, encoding="utf-8").read().startswith("{{")
        say({_LOADED!r}); say("noise\\n"); say({_STEP!r})
        print(os.environ["OMP_NUM_THREADS"], file=sys.stderr)
        say({done!r})
        """,
    )
    told: list[PreferenceProgress] = []
    words = job.pairs[0].preference.chosen.encode()

    def progress(one: PreferenceProgress) -> None:
        told.append(one)
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not [one for one in files if words in one], "what visitors said stays in memory"

    assert run_child.run_training_child(job, progress, lambda: False) == {"id": "名"}
    assert [(one.step, one.steps, one.figures["loss"]) for one in told] == [(1, 2, 0.5)]
    assert (job.work_folder / "child.log").read_text() == "1\n"


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (
            f"say({event_line(Failed(kind='memory', message='1 TB'))!r}); sys.exit(1)",
            TrainingMemoryError,
            r"more than the 8\.0 GiB it may use \(1 TB\)",
        ),
        (
            f"say({event_line(Failed(kind='training', message='diverged'))!r}); sys.exit(1)",
            PreferenceTrainingError,
            "^diverged$",
        ),
        (
            f"say({event_line(Failed(kind='other', message='odd'))!r}); sys.exit(1)",
            TrainingDiedError,
            r"^odd; see .*child\.log$",
        ),
        (
            f"say({event_line(Stopped(message='later'))!r}); sys.exit(3)",
            TrainingStoppedError,
            "^later$",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", TrainingDiedError, "killed .*want of memory"),
        (
            "print('memory allocation of 98304 bytes failed', file=sys.stderr, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGABRT)",
            TrainingMemoryError,
            r"it may use \(was ended by SIGABRT\)",
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", TrainingDiedError, "was ended by SIGSEGV"),
        ("sys.exit(7)", TrainingDiedError, "ended with code 7 without a word"),
        ("sys.exit(0)", TrainingDiedError, "ended with code 0 without a word"),
    ],
)
def test_every_end_has_its_error(
    job: TrainingJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    error: type[Exception],
    message: str,
) -> None:
    _child(monkeypatch, tmp_path, f"say({_LOADED!r}); say({_STEP!r})\n{body}")
    with pytest.raises(error, match=message) as caught:
        _train(job)
    assert type(caught.value) is error


def test_a_child_that_does_not_stop_is_killed(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _child(
        monkeypatch,
        tmp_path,
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN); say({_STEP!r}); time.sleep(60)",
    )
    told: list[PreferenceProgress] = []
    began = time.monotonic()
    with pytest.raises(TrainingStoppedError, match="stopped as asked, between checkpoints"):
        run_child.run_training_child(job, told.append, lambda: bool(told))
    assert time.monotonic() - began < 30


def test_a_silent_child_counts_as_hung(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _child(monkeypatch, tmp_path, "time.sleep(60)")
    with pytest.raises(TrainingDiedError, match="said nothing for 5 s and was killed"):
        _train(job)


def test_no_child_outlives_an_error_of_the_parent(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tmp_path / "pid"
    _child(
        monkeypatch,
        tmp_path,
        f"open({str(number)!r}, 'w').write(str(os.getpid())); say({_STEP!r}); time.sleep(60)",
    )

    def fail(_progress: PreferenceProgress) -> None:
        raise KeyError("lease")

    with pytest.raises(KeyError):
        run_child.run_training_child(job, fail, lambda: False)
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)
