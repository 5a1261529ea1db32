"""The morning report's content: one value built from the ledger, for nights of every ending.

Whatever is counted here is counted from rows, so that the figures equal SQL; the training curve
and the example replies come from the night's folder and may be missing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from persona.durable import write_file
from persona.estimates import Estimate
from rlaif.errors import NightError
from store.gate_results import list_gate_results
from store.night_counts import NightCounts, count_night
from store.night_records import GateRecord, Night, NightStatus, RewardPair, TrustRecord
from store.nights import load_night
from store.rewards import list_reward_pairs, list_trust

EXAMPLES_FILE = "examples.json"
STEPS_PATTERN = "training/*/steps.jsonl"
EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """A step; `seconds` None while it is not finished, `total` None when it was never known."""

    step: str
    seconds: float | None
    done: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPoint:
    """One optimiser step. `margin`: implicit reward of chosen over rejected; `kl`: nats per token
    from the anchor; `accuracy`: share of pairs told apart."""

    step: int
    loss: float
    margin: float | None
    kl: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A probe answered by the adapter in production and by the candidate; no visitor said it."""

    kind: str
    question: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorHealth:
    """Both evaluators on one adapter's replies to the probes.

    `adapter` is "candidate" or "active". `correlation`: Spearman's, of their two scores, None where
    it cannot be told. `unscored`: evaluator's id -> reason -> replies.
    """

    adapter: str
    correlation: Estimate | None
    unscored: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSummary:
    """Everything a morning report tells; what never ran is None or 0.

    `skipped_for`: "known" pairs or a "bare" model where nothing was lacking. `read_again`: turns of
    earlier nights with newer verdicts of people. `left_out`: pairs of all nights that a cap kept out
    of the training, by its name.
    """

    date: str
    status: NightStatus
    decision: str | None
    adapter: str | None
    active_before: str | None
    candidate: str | None
    started_at: datetime
    finished_at: datetime | None
    skipped_for: str | None
    replay_pairs: int | None
    read_again: int | None
    left_out: Mapping[str, int]
    counts: NightCounts
    trust: tuple[TrustRecord, ...]
    health: tuple[EvaluatorHealth, ...]
    reward_pairs: tuple[RewardPair, ...]
    gates: tuple[GateRecord, ...]
    steps: tuple[StepTime, ...]
    curve: tuple[TrainingPoint, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def turns(self) -> int:
        """How many of the day's turns the night read."""
        return self.counts.turns

    @property
    def visitors(self) -> int:
        """Of how many visitors they are."""
        return self.counts.visitors

    @property
    def trained_pairs(self) -> int:
        """How many pairs of visitors it trained on, of all nights."""
        return self.counts.trained_pairs

    @property
    def pairs(self) -> int:
        """How many pairs the night proposed."""
        return sum(self.counts.pairs_by_source.values())

    @property
    def scored(self) -> int:
        """How many verdicts were written."""
        return sum(one.replies + one.candidates for one in self.counts.evaluators)

    @property
    def unscored(self) -> int:
        """How many subjects an evaluator could not score."""
        return sum(sum(one.failures.values()) for one in self.counts.evaluators)

    @property
    def seconds(self) -> float | None:
        """How long the night took from beginning to end, None before its end."""
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class _Health:
    correlation: Estimate | None
    unscored: dict[str, dict[str, int]]


_EXAMPLES = TypeAdapter(tuple[Example, ...])
_EVALUATORS = TypeAdapter(dict[str, _Health])


def summarise_night(session: Session, date: str) -> NightSummary:
    """Return what the store knows of a night. Raises NightError when there was none."""
    night = load_night(session, date)
    if night is None:
        raise NightError(f"there was no night on {date}; see yogeiko night status")
    collect, train = _detail(night, "collect"), _detail(night, "train")
    return NightSummary(
        date=night.date,
        status=night.status,
        decision=night.decision,
        adapter=night.adapter,
        active_before=_text(collect.get("adapter")),
        candidate=_text(train.get("adapter")) or night.adapter,
        started_at=night.started_at,
        finished_at=night.finished_at,
        replay_pairs=_count(train.get("replay")),
        read_again=_count(collect.get("read_again")),
        skipped_for=_text(night.steps[-1].detail.get("skipped_for")) if night.steps else None,
        left_out=_counts(train.get("left_out")),
        counts=count_night(session, date),
        trust=tuple(list_trust(session, date)),
        health=_health(_detail(night, "gate")),
        reward_pairs=_a_few(list_reward_pairs(session, date)),
        gates=tuple(list_gate_results(session, date)),
        steps=tuple(
            StepTime(
                step=step.step,
                seconds=None
                if step.finished_at is None
                else (step.finished_at - step.started_at).total_seconds(),
                done=step.done,
                total=step.total,
            )
            for step in night.steps
        ),
    )


def with_files(summary: NightSummary, folder: Path) -> NightSummary:
    """Add what lies in the night's folder; what is missing or unreadable is left out."""
    logs = sorted(folder.glob(STEPS_PATTERN), key=lambda path: path.stat().st_mtime)
    own = [path for path in logs if (summary.candidate or "").endswith(path.parent.name)]
    chosen = own or logs
    return replace(
        summary,
        curve=_read_curve(chosen[-1]) if chosen else (),
        examples=_read_examples(folder / EXAMPLES_FILE),
    )


def write_examples(folder: Path, examples: Sequence[Example]) -> None:
    """Keep the example replies of a night for its report."""
    content = [asdict(example) for example in examples]
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    write_file(folder / EXAMPLES_FILE, text.encode())


def report_json(summary: NightSummary) -> dict[str, object]:
    """The report as plain JSON values."""
    content: dict[str, object] = json.loads(json.dumps(asdict(summary), default=_plain))
    totals = {
        "turns": summary.turns,
        "visitors": summary.visitors,
        "trained_pairs": summary.trained_pairs,
        "unexplained_turns": summary.counts.unexplained_turns,
        "pairs": summary.pairs,
        "scored": summary.scored,
        "unscored": summary.unscored,
        "seconds": summary.seconds,
    }
    return {**content, **totals}


def _a_few(pairs: Sequence[RewardPair]) -> tuple[RewardPair, ...]:
    """The widest margin, the one in the middle and the narrowest; `pairs` widest first."""
    places = dict.fromkeys((0, len(pairs) // 2, len(pairs) - 1)) if pairs else {}
    return tuple(pairs[at] for at in places)


def _health(gate: Mapping[str, object]) -> tuple[EvaluatorHealth, ...]:
    found = _EVALUATORS.validate_python(gate.get("evaluators", {}))
    return tuple(
        EvaluatorHealth(adapter=role, correlation=one.correlation, unscored=one.unscored)
        for role, one in found.items()
    )


def _detail(night: Night, step: str) -> Mapping[str, object]:
    return next((one.detail for one in night.steps if one.step == step), {})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _counts(value: object) -> dict[str, int]:
    found = value if isinstance(value, Mapping) else {}
    return {str(name): count for name, count in found.items() if isinstance(count, int)}


def _read_curve(path: Path) -> tuple[TrainingPoint, ...]:
    points: list[TrainingPoint] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            loss = float(entry["loss"])
        except (ValueError, KeyError, TypeError):
            continue  # A line that was being written when the machine stopped.
        points.append(
            TrainingPoint(
                step=int(entry.get("step", number)),
                loss=loss,
                margin=entry.get("rewards/margins"),
                kl=entry.get("kl"),
                accuracy=entry.get("rewards/accuracies"),
            )
        )
    return tuple(points)


def _read_examples(path: Path) -> tuple[Example, ...]:
    try:
        return _EXAMPLES.validate_json(path.read_bytes())[:EXAMPLES]
    except (OSError, ValidationError):
        return ()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} has no form in JSON")
