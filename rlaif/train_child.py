"""The process that trains: `python -m rlaif.train_child JOB`, a file or /dev/stdin.

Standard output carries JSON lines (`rlaif.training_job.Event`) and nothing else. SIGTERM, or the
death of its parent, ends it after the present step with a checkpoint. Exit codes: 0 done, 1 failed,
3 stopped.
"""

import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from persona.base_model import LoadOptions, load_model
from persona.card import load_card
from persona.errors import PersonaError
from rlaif.errors import NightError, TrainingStoppedError
from rlaif.train import PreferenceRun, train_preferences
from rlaif.training_job import (
    ChildLimits,
    Done,
    Event,
    Failed,
    FailureKind,
    Loaded,
    Stepped,
    Stopped,
    TrainingJob,
    event_line,
    read_job,
    tells_of_no_memory,
)
from rlaif.training_watch import PreferenceProgress

STOPPED_CODE = 3
_FIRST_TO_GO = 900


class _StopRequest:
    """Whether somebody wants the child to end: a signal, or a parent that is no more."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked or os.getppid() != self._parent


def main(arguments: list[str]) -> int:
    """Run the job of the file and return the exit code."""
    say = _claim_standard_output()
    should_stop = _StopRequest()
    if len(arguments) != 1:
        say(Failed(kind="other", message="expected one argument: the file of a training job"))
        return 1
    try:
        job = read_job(Path(arguments[0]))
        say(Loaded())
        _keep(job.limits)
        manifest = _train(job, say, should_stop)
    except TrainingStoppedError as stop:
        say(Stopped(message=str(stop)))
        return STOPPED_CODE
    except (NightError, PersonaError, OSError, RuntimeError, MemoryError) as error:
        say(_failed(error))
        return 1
    say(Done(manifest=json.dumps(manifest, ensure_ascii=False)))
    return 0


def _train(
    job: TrainingJob, say: Callable[[Event], None], should_stop: Callable[[], bool]
) -> dict[str, object]:
    def report(progress: PreferenceProgress) -> None:
        say(Stepped(step=progress.step, steps=progress.steps, figures=progress.figures))

    loaded = load_model(
        job.model,
        job.models_folder,
        LoadOptions(quantization=job.quantization, threads=job.limits.threads),
    )
    return train_preferences(
        loaded,
        PreferenceRun(
            card=load_card(job.card_folder),
            anchor_folder=job.anchor_folder,
            pairs=job.pairs,
            replay_pairs=job.replay_pairs,
            work_folder=job.work_folder,
            adapters_folder=job.adapters_folder,
            lineage=job.lineage,
            settings=job.settings,
            report=report,
            should_stop=should_stop,
        ),
    )


def _claim_standard_output() -> Callable[[Event], None]:
    """Keep standard output for events; whatever a library prints goes to standard error."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: Event) -> None:
        try:
            events.write(event_line(event))
            events.flush()
        except BrokenPipeError:
            # The parent is gone; the stop request knows, and the checkpoint matters more.
            return

    return say


def _keep(limits: ChildLimits) -> None:
    os.nice(limits.nice)
    if limits.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    try:
        # When the machine itself runs out, training goes before chat does.
        Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO), encoding="ascii")
    except OSError:
        return  # not Linux, or not allowed: only a preference


def _failed(error: Exception) -> Failed:
    kind: FailureKind = "training" if isinstance(error, NightError | PersonaError) else "other"
    text = str(error) or type(error).__name__
    causes = (str(error), str(error.__cause__ or ""))
    if (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(tells_of_no_memory(cause) for cause in causes)
    ):
        kind = "memory"
    return Failed(kind=kind, message=text.splitlines()[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
