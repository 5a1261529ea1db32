"""Small rows on which a tiny model learns a planted sign."""

import random
from collections.abc import Callable
from pathlib import Path

from persona.engine import Message
from persona.importers.report import Licence
from rlaif.rated_dialogues import RatedDialogue
from rlaif.sft_plan import rated_rows
from rlaif.sft_rows import FitRows
from rlaif.sft_settings import RegressorSettings
from rlaif.sft_targets import scale_of
from rlaif.sft_training import RegressorRun
from tests.persona.tiny_model import tiny_tokenizer

LICENCE = Licence(name="own", may_train=True, notice="")
QUICK = RegressorSettings(
    max_tokens=60, layers_read=2, layers_trained=1, rank=4, alpha=8, members=2, target="raw",
    ridges=(0.1, 1.0), learning_rate=5e-3, head_learning_rate=1e-3, warmup_steps=2,
    batch_dialogues=6, epochs=2, steps_between=3, patience=50,
)  # fmt: skip
SIGN = "ほん"
"""The more often the rated one says it, the better they are liked."""


def planted(count: int, seed: int) -> list[RatedDialogue]:
    """Dialogues of two turns; ratings rise with how often the sign was said; six raters."""
    rng = random.Random(seed)
    data = []
    for number in range(count):
        said = rng.randrange(4)
        other = "".join(rng.choice("あいうかきくさしすたちつ") for _ in range(2 * (4 - said)))
        data.append(
            RatedDialogue(
                group=f"{seed}-{number}",
                messages=(
                    Message(role="user", content="やあ" * rng.randint(1, 3)),
                    Message(role="assistant", content=f"{SIGN * said}{other}。"),
                ),
                rater=f"rater-{number % 6}",
                system=f"system-{number % 7}",
                ratings={"satisfaction": 1.0 + said, "familiarity": float(1 + number % 5)},
                licence=LICENCE,
            )
        )
    return data


def fit_rows(data: list[RatedDialogue], settings: RegressorSettings = QUICK) -> FitRows:
    return rated_rows(data, scale_of(data, settings.target), settings, tiny_tokenizer())


def quiet(_stage: str, _share: float) -> None:
    return None


def regressor_run(
    folder: Path,
    settings: RegressorSettings = QUICK,
    report: Callable[[str, float], None] = quiet,
    rows: int = 18,
) -> RegressorRun:
    return RegressorRun(
        rows=fit_rows(planted(rows, 1), settings),
        validation=fit_rows(planted(12, 2), settings),
        settings=settings,
        work_folder=folder,
        report=report,
    )
