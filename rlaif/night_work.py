"""What the steps of a night share: the ledger's claim, the store, the models and the clock."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy.orm import Session

from persona.card import Card
from persona.engine import Engine
from rlaif.evaluator import Assessment, Dialogue, Evaluator, PairJudge
from rlaif.gate_measurements import Measurements
from rlaif.gate_settings import GateSettings
from rlaif.make_candidates import CandidateSettings
from rlaif.pairs import PairSettings
from rlaif.penalties import PenaltySettings, text_facts
from rlaif.publish import ServedBase
from rlaif.report import Example
from rlaif.reward import RewardSettings, penalties_of, reward_of, reward_record, settings_digest
from rlaif.train import Lineage, PreferenceSettings
from rlaif.training_pairs import TrainingPair
from rlaif.trust import MetricTrust
from store.adapters import load_adapter
from store.database import Database
from store.night_records import NightClaim, NightEnd, RewardRecord, TrustRecord
from store.nights import check_fence, progress_step, renew_lease
from store.rewards import freeze_trust

Approval = Literal["auto", "required"]
Detail = dict[str, object]
"""What a step found, as JSON; holds no text and no id of a visitor."""


class NightEnds(Exception):
    """A step found that the night is over: how it ends, and the sentence that says why.

    `detail` is what the step found, which makes it complete; None: it has to be done again when
    the night goes on.
    """

    def __init__(self, status: NightEnd, decision: str, detail: Detail | None = None) -> None:
        super().__init__(decision)
        self.status = status
        self.decision = decision
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSettings:
    """How a night is run; saved in its row.

    retention: how far back may be learnt from. deadline: how long an inbox waits for operators.
    lease: how long a silent owner keeps the night. min_pairs: below this nothing is trained.
    max_turns: new turns read in one night, the oldest first; the next night begins with the others.
    """

    retention: timedelta = timedelta(days=90)
    approval: Approval = "auto"
    deadline: timedelta = timedelta(hours=12)
    lease: timedelta = timedelta(minutes=30)
    min_pairs: int = 64
    max_turns: int = 2000
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    reward: RewardSettings = field(default_factory=RewardSettings)
    penalties: PenaltySettings = field(default_factory=PenaltySettings)
    pairs: PairSettings = field(default_factory=PairSettings)
    training: PreferenceSettings = field(default_factory=PreferenceSettings)
    gates: GateSettings = field(default_factory=GateSettings)

    def __post_init__(self) -> None:
        if self.training.replay_share < 0.2:
            raise ValueError(
                f"training.replay_share is {self.training.replay_share}; expected 0.2 or more and "
                "below 1: the seed behaviour must stay in every training"
            )
        if self.min_pairs < 1 or self.max_turns < 1:
            raise ValueError(
                f"min_pairs is {self.min_pairs} and max_turns {self.max_turns}; expected 1 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """What tonight's training is made of; the rest of it is the same every night.

    `pairs` came from visitors, `replay_pairs` from the card. `work_folder` holds checkpoints.
    """

    anchor_folder: Path
    pairs: tuple[TrainingPair, ...]
    replay_pairs: tuple[TrainingPair, ...]
    work_folder: Path
    lineage: Lineage
    settings: PreferenceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredAdapter:
    """An adapter that the engine knows by this id, and its folder.

    `trust`: metric -> 0..1, how far the training evaluator's scores count; left out, fully.
    """

    id: str
    folder: Path
    trust: Mapping[str, float] = field(default_factory=dict)


Trainer = Callable[[TrainingOrder, Callable[[int, int | None], None]], Mapping[str, object]]
"""Trains and publishes the folder; tells steps done and in all; returns the adapter's manifest.

Raises TrainingStoppedError and TrainingDiedError where another call goes on from a checkpoint."""

Measurer = Callable[[Engine, MeasuredAdapter, Callable[[int, int | None], None]], Measurements]
"""Asks the frozen probes and measures the answers; tells what is done of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """Where a night is: `done` of `total` units of a step; total None when it cannot be known."""

    step: str
    position: int
    steps: int
    done: int
    total: int | None


def _nobody() -> None:
    """No evaluator that compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightParts:
    """Everything a night works with, bound by whoever starts it.

    The models load when they are first asked for; `close_engine` frees the memory of the speaking
    one before training. `prepare` brings what a first night on a fresh machine needs. `examples`
    are replies of two measured adapters side by side. `trust` says how far each metric counts as of
    now; the night asks once and keeps the answer. `pair_judge`: the training evaluator where it can
    compare two replies, else None.
    """

    database: Database
    card: Card
    training_evaluator: Callable[[], Evaluator]
    engine: Callable[[], Engine]
    close_engine: Callable[[], None]
    trust: Callable[[], Mapping[str, MetricTrust]]
    train: Trainer
    measure: Measurer
    examples: Callable[[Engine, str, str], Sequence[Example]]
    served_base: Callable[[], ServedBase]
    nights_folder: Path
    adapters_folder: Path
    now: Callable[[], datetime]
    should_stop: Callable[[], bool]
    report: Callable[[StepProgress], None]
    pair_judge: Callable[[], PairJudge | None] = _nobody
    prepare: Callable[[], None] = _nobody


_HOLD_EVERY = timedelta(seconds=10)


class NightWork:
    """A claimed night under way: what its steps read and write through.

    A rehearsal leaves no trace of its steps in the ledger.
    """

    def __init__(
        self,
        parts: NightParts,
        settings: NightSettings,
        claim: NightClaim,
        *,
        rehearsal: bool = False,
    ) -> None:
        self.parts = parts
        self._rehearsal = rehearsal
        self._held_at = parts.now()
        self.settings = settings
        self.claim = claim
        self.database = parts.database
        self.now = parts.now
        self.date = claim.date
        self.folder = parts.nights_folder / claim.date
        self._step = ("", 0, 0)
        self._details: dict[str, Mapping[str, object]] = {}
        self._trust: Mapping[str, float] | None = None
        self.settings_digest = settings_digest(settings.reward, settings.penalties)

    @property
    def step(self) -> str:
        """The step under way."""
        return self._step[0]

    def enter(self, step: str, position: int, steps: int) -> None:
        """Name the step that progress belongs to."""
        self._step = (step, position, steps)
        self._tell(0, None)

    def remember(self, step: str, detail: Mapping[str, object]) -> None:
        """Keep what a complete step found, for the steps after it."""
        self._details[step] = detail

    def detail(self, step: str) -> Mapping[str, object]:
        """What an earlier step found."""
        return self._details[step]

    def trust(self) -> Mapping[str, float]:
        """Metric -> 0..1 as the night was frozen with; the first call freezes it.

        Raises LeaseError.
        """
        if self._trust is None:
            asked = [trust_record(one) for one in self.parts.trust().values()]
            with self.writing() as session:
                frozen = freeze_trust(session, self.claim, asked)
            self._trust = {one.metric: one.weight for one in frozen}
        return self._trust

    def reward(self, dialogue: Dialogue, assessment: Assessment) -> RewardRecord:
        """The reward of a verdict under the night's settings and trust, with every part."""
        found = text_facts(dialogue, self.parts.card, self.settings.penalties)
        reward = reward_of(assessment, found, self.settings.reward, self.trust())
        return reward_record(reward, self.settings_digest)

    def penalties(self, dialogue: Dialogue) -> dict[str, float]:
        """What the guards find in a reply that nobody scored, in points."""
        found = text_facts(dialogue, self.parts.card, self.settings.penalties)
        return penalties_of(found, self.settings.reward)

    def speaking(self, adapter: str | None) -> Engine:
        """The engine, with `adapter` known to it. Raises AdapterError when it is damaged."""
        engine = self.parts.engine()
        if adapter is not None and adapter not in engine.adapters():
            with self.database.reading() as session:
                folder = load_adapter(session, adapter).folder
            engine.add_adapter(adapter, Path(folder))
        return engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that only the holder of the claim can commit. Raises LeaseError."""
        with self.database.session() as session:
            check_fence(session, self.claim)
            yield session

    def progress(self, done: int, total: int | None) -> None:
        """Store and tell how far the step is, and hold the lease.

        Raises LeaseError when the night was taken over, NightEnds when it is to stop.
        """
        step, _, _ = self._step
        self._hold(done, total)
        if self.parts.should_stop():
            raise NightEnds(
                "stopped",
                f"stopped during {step}; yogeiko night run --date {self.date} --resume goes on",
            )

    def still_at(self, done: int, total: int | None) -> None:
        """As `progress`, for the middle of something that is lost when it is broken off: stops
        nothing, and writes only every few seconds. Raises LeaseError."""
        if self.now() - self._held_at >= _HOLD_EVERY:
            self._hold(done, total)

    def _hold(self, done: int, total: int | None) -> None:
        step, _, _ = self._step
        self._held_at = self.now()
        with self.writing() as session:
            renew_lease(session, self.claim, lease=self.settings.lease, now=self._held_at)
            if not self._rehearsal:
                progress_step(session, self.claim, step, done, total)
        self._tell(done, total)

    def _tell(self, done: int, total: int | None) -> None:
        step, position, steps = self._step
        self.parts.report(
            StepProgress(step=step, position=position, steps=steps, done=done, total=total)
        )


def trust_record(trust: MetricTrust) -> TrustRecord:
    """A metric's trust as a night is frozen with it."""
    kappa = trust.kappa
    return TrustRecord(
        metric=trust.metric,
        weight=trust.weight,
        kappa=None if kappa is None else kappa.value,
        low=None if kappa is None else kappa.low,
        high=None if kappa is None else kappa.high,
        reviews=trust.reviews,
    )
