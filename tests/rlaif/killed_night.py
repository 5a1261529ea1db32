"""A night on the tiny model that kills itself: `python -m tests.rlaif.killed_night URL HOME [POINT]`.

POINT is where SIGKILL strikes, without any farewell: `before STEP`, `in score`, `in candidates`,
`in train`, `deployed` (the adapter is in production, its step not complete) or `complete` (all steps
are, the night is not). Without one the night runs to its end.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rlaif import adapter_steps, learning_steps, night, night_ledger, scoring
from rlaif.night_ledger import NightOrder
from rlaif.night_work import StepProgress
from store.database import open_database
from store.owners import this_process
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench

_BATCH = 4
"""Replies per batch, so that there are several."""


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _second_time(call: Callable[..., object]) -> Callable[..., object]:
    """The call, which strikes instead when it is made again."""
    made: list[bool] = []

    def counted(*arguments: object, **named: object) -> object:
        if made:
            _die()
        made.append(True)
        return call(*arguments, **named)

    return counted


def _arm(point: Sequence[str]) -> None:
    """Put the trap where it belongs; `in train` is seen in what the night tells."""
    match point:
        case ["before", step]:
            begin = night.begin_step

            def begin_or_die(*arguments: object) -> object:
                if arguments[2] == step:
                    _die()
                return begin(*arguments)  # type: ignore[arg-type]

            night.begin_step = begin_or_die  # type: ignore[assignment]
        case ["in", "score"]:
            scoring._save = _second_time(scoring._save)  # type: ignore[assignment]
        case ["in", "candidates"]:
            append = _second_time(learning_steps.append_candidates)
            learning_steps.append_candidates = append  # type: ignore[assignment]
        case ["deployed"]:
            publish = adapter_steps.publish

            def publish_and_die(work: night.NightWork) -> None:
                publish(work)
                _die()

            steps = (*night.STEPS[:-1], ("publish", publish_and_die))
            night.STEPS = steps  # type: ignore[assignment]
        case ["complete"]:
            night_ledger.finish_night = _die


def main() -> int:
    """Run the night and return 0 when it was published."""
    url, home, *point = sys.argv[1:]
    torch.set_num_threads(1)
    scoring.BATCH = _BATCH
    _arm(point)
    bench = Bench(open_database(url), Path(home))

    def told(progress: StepProgress) -> None:
        if point == ["in", "train"] and progress.step == "train" and progress.done == 2:
            _die()

    settings = night_kit.settings()
    # Several steps with a checkpoint after each, so that a killed training has something to go on.
    training = replace(settings.training, batch_pairs=2, checkpoint_steps=1)
    outcome = night.run_night(
        replace(bench.parts(), report=told),
        replace(settings, training=training),
        NightOrder(date=DATE, owner=this_process()),
        {},
    )
    sys.stdout.write(f"{outcome}\n")
    return 0 if outcome.status == "published" else 1


if __name__ == "__main__":
    sys.exit(main())
