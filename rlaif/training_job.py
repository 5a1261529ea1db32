"""What a training child is told to do, as JSON, and what it answers, as JSON lines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from persona.base_model import Quantization
from rlaif.errors import PreferenceTrainingError
from rlaif.train import Lineage, PreferenceSettings
from rlaif.training_pairs import TrainingPair

GIBIBYTE = 1 << 30

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "memory allocation of",
    "bad_alloc",
    "out of memory",
    "memoryerror",
)

FailureKind = Literal["memory", "training", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What the child may take of the machine.

    nice: 0..19, the higher the more it gives way. threads: of torch. memory_bytes: writable memory
    of its own (RLIMIT_DATA: mapped files and libraries do not count), None for no bound.
    stop_seconds: how long a stop may take before the child is killed. silence_seconds: how long it
    may say nothing before it counts as hung.
    """

    nice: int = 10
    threads: int = 1
    memory_bytes: int | None = 8 * GIBIBYTE
    stop_seconds: float = 300.0
    silence_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not 0 <= self.nice <= 19 or self.threads < 1:
            raise ValueError(
                f"nice is {self.nice} and threads {self.threads}; expected 0 to 19 and at least 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """A `PreferenceRun` in names and paths, with the model to load and the limits to keep."""

    model: str
    models_folder: Path
    card_folder: Path
    anchor_folder: Path
    pairs: tuple[TrainingPair, ...]
    replay_pairs: tuple[TrainingPair, ...]
    work_folder: Path
    adapters_folder: Path
    lineage: Lineage
    settings: PreferenceSettings = field(default_factory=PreferenceSettings)
    limits: ChildLimits = field(default_factory=ChildLimits)
    quantization: Quantization = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The child has read its job."""

    event: Literal["loaded"] = "loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One optimiser step was done."""

    step: int
    steps: int
    figures: Mapping[str, float]
    event: Literal["stepped"] = "stepped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The adapter is published; JSON of its manifest."""

    manifest: str
    event: Literal["done"] = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """It was asked to stop, and did."""

    message: str
    event: Literal["stopped"] = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Nothing was published, and why."""

    kind: FailureKind
    message: str
    event: Literal["failed"] = "failed"


Event = Loaded | Stepped | Done | Stopped | Failed


def job_json(job: TrainingJob) -> str:
    """The job as one text. It holds what visitors said: it belongs in a pipe, not on a disk."""
    return TypeAdapter(TrainingJob).dump_json(job).decode()


def read_job(path: Path) -> TrainingJob:
    """Raises PreferenceTrainingError when the file is missing or no job."""
    try:
        return TypeAdapter(TrainingJob).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise PreferenceTrainingError(
            f"{path} cannot be read as a training job ({reason}); expected a file that "
            "`yogeiko night run` wrote"
        ) from error


def event_line(event: Event) -> str:
    """One line of JSON."""
    return TypeAdapter(Event).dump_json(event).decode() + "\n"


def read_event(line: str) -> Event | None:
    """The event of a line, None when the line is none."""
    try:
        found: Event = TypeAdapter(Event).validate_json(line)
    except ValidationError:
        return None
    return found


def manifest_of(done: Done) -> dict[str, object]:
    """The manifest that the child published."""
    manifest: dict[str, object] = json.loads(done.manifest)
    return manifest


def tells_of_no_memory(text: str) -> bool:
    """Whether an error or its output says that an allocation failed, in any library's words."""
    lowered = text.lower()
    return any(sign in lowered for sign in _OUT_OF_MEMORY)
