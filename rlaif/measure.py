"""Measuring an adapter for the gates: ask the probes, judge the replies, read held-out ones.

Replies are drawn as the chat draws them, each probe several times, with seeds that are the same for
every adapter. All that costs time is kept in a cache per adapter and set of probes.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from persona.card import Card
from persona.engine import Engine, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from rlaif.cached_verdicts import cached_verdicts, verdict_key
from rlaif.errors import GateError
from rlaif.evaluator import Assessment, Dialogue, Evaluator, Unscored
from rlaif.gate_measurements import IMPRESSIONS, Figure, Measurements
from rlaif.gate_statistics import Case
from rlaif.measurement_cache import MeasurementCache, digest
from rlaif.probe_figures import ProbeReply, as_shown, rule_cases
from rlaif.probes import GateProbe

_BATCH = 64


def mean_impression(dialogue: Dialogue, assessment: Assessment) -> float:
    """The mean of the twelve metrics, in points of 0..10; the same every night."""
    return sum(assessment.values.values()) / len(assessment.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """An evaluator and how its verdict becomes one number in points.

    The gate evaluator's `value` must stay the same from night to night, for the drift budget
    compares nights; the training evaluator's may follow the settings of the night.
    """

    evaluator: Evaluator
    value: Callable[[Dialogue, Assessment], float] = mean_impression


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out written replies: `key` names the rows (a digest), `nats` reads them with the adapter
    that is being measured."""

    key: str
    nats: Callable[[], Sequence[Case]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSetup:
    """What an adapter is measured with.

    `probes` are the frozen ones, `contradictions` those of operators. Every probe is answered
    `draws` (1 or more) times with `sampling`, the seed of which is the first of many. `report` is
    told a stage, what is done and the total.
    """

    card: Card
    probes: Sequence[GateProbe]
    training: Scorer
    gate: Scorer
    held_out: HeldOut
    cache_folder: Path
    contradictions: Sequence[GateProbe] = ()
    sampling: Sampling = field(default_factory=Sampling)
    draws: int = 2
    report: Callable[[str, int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}; expected 1 or more")
        if self.training.evaluator.kind == self.gate.evaluator.kind:
            raise GateError(
                f"training and gate evaluator are both of kind {self.gate.evaluator.kind!r}; "
                "expected two kinds, or the one learned from would judge its own pupil"
            )
        odd = [one.id for one in self.contradictions if one.kind != "contradiction"]
        if odd:
            raise GateError(f"the probe {odd[0]!r} is no contradiction; expected it in `probes`")

    def probe_set(self) -> str:
        """Names everything that makes figures of two nights comparable."""
        return digest(
            [asdict(probe) for probe in self.probes],
            asdict(self.sampling),
            self.draws,
            self.training.evaluator.id,
            self.gate.evaluator.id,
            self.held_out.key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    probe: GateProbe
    draw: int
    request: GenerationRequest
    key: str


def measure(engine: Engine, adapter: str, setup: MeasureSetup) -> Measurements:
    """All cases of an adapter that the engine knows.

    Work done before is taken from the cache, and every batch is kept as soon as it is done. Raises
    GateError, EngineError, AdapterError or EvaluatorError when a part cannot be measured at all.
    """
    probe_set = setup.probe_set()
    cache = MeasurementCache(setup.cache_folder, adapter, probe_set)
    replies = ask(engine, adapter, setup, cache)
    nats = cache.nats(setup.held_out.key)
    if nats is None:
        nats = tuple(setup.held_out.nats())
        cache.add_nats(setup.held_out.key, nats)
    judged = [reply for reply in replies if reply.probe.kind not in ("safety", "contradiction")]
    training, training_failures = _scored(judged, setup, setup.training, cache)
    gate, gate_failures = _scored(judged, setup, setup.gate, cache)
    cases: dict[Figure, tuple[Case, ...]] = {
        **rule_cases(replies, setup.card),
        "training_score": training,
        "gate_score": gate,
        **_impressions(judged, setup, cache),
        "perplexity": nats,
        "not_a_number": tuple(
            replace(one, value=float(not math.isfinite(one.value)), weight=1.0) for one in nats
        ),
    }
    return Measurements(
        adapter=adapter,
        probe_set=probe_set,
        cases=cases,
        unscored={
            setup.training.evaluator.id: training_failures,
            setup.gate.evaluator.id: gate_failures,
        },
    )


def ask(
    engine: Engine, adapter: str, setup: MeasureSetup, cache: MeasurementCache
) -> list[ProbeReply]:
    """Every probe's replies, probe by probe and draw by draw.

    Those to contradictions are not kept: they answer a visitor, who may be erased.
    """
    questions = [
        _question(probe, draw, adapter, setup)
        for draw in range(setup.draws)
        for probe in (*setup.probes, *setup.contradictions)
    ]
    # Neighbours share the beginning of their prompt and, by length, a batch.
    open_ones = [one for one in questions if cache.reply(one.key) is None]
    said: dict[str, str] = {}
    for start in range(0, len(open_ones), _BATCH):
        batch = open_ones[start : start + _BATCH]
        ended = engine.generate_batch([one.request for one in batch])
        made = {one.key: end.text.strip() for one, end in zip(batch, ended, strict=True)}
        said.update(made)
        cache.add_replies(
            {one.key: made[one.key] for one in batch if one.probe.kind != "contradiction"}
        )
        _tell(
            setup, "replies", len(questions) - len(open_ones) + start + len(batch), len(questions)
        )
    return [
        as_shown(
            one.probe,
            one.draw,
            said.get(one.key) or cache.reply(one.key) or "",
            one.request.sampling.seed,
        )
        for one in questions
    ]


def _question(probe: GateProbe, draw: int, adapter: str, setup: MeasureSetup) -> _Question:
    seed = int.from_bytes(hashlib.sha256(f"{probe.id}/{draw}".encode()).digest()[:4])
    sampling = replace(setup.sampling, seed=(setup.sampling.seed + seed) % 2**31)
    messages = build_messages(setup.card, probe.history, probe.user, probe.facts)
    return _Question(
        probe=probe,
        draw=draw,
        request=GenerationRequest(messages=messages, adapter=adapter, sampling=sampling),
        key=digest([[turn.role, turn.content] for turn in messages], asdict(sampling)),
    )


def _scored(
    replies: Sequence[ProbeReply], setup: MeasureSetup, scorer: Scorer, cache: MeasurementCache
) -> tuple[tuple[Case, ...], Mapping[str, int]]:
    """One case per reply that the evaluator could score, and how many it could not by reason.

    Those are asked again next time.
    """
    dialogues = [_dialogue(reply) for reply in replies]
    verdicts = cached_verdicts(
        scorer.evaluator,
        dialogues,
        cache,
        lambda done, total: _tell(setup, f"scores by {scorer.evaluator.kind}", done, total),
    )
    cases = tuple(
        reply.case(scorer.value(dialogue, verdict))
        for reply, dialogue, verdict in zip(replies, dialogues, verdicts, strict=True)
        if isinstance(verdict, Assessment)
    )
    return cases, Counter(one.reason for one in verdicts if isinstance(one, Unscored))


def _impressions(
    replies: Sequence[ProbeReply], setup: MeasureSetup, cache: MeasurementCache
) -> dict[Figure, tuple[Case, ...]]:
    """Every metric by itself, from the verdicts that the training evaluator gave."""
    evaluator = setup.training.evaluator.id
    verdicts = [(one, cache.verdict(verdict_key(evaluator, _dialogue(one)))) for one in replies]
    return {
        figure: tuple(
            reply.case(verdict.values[key]) for reply, verdict in verdicts if verdict is not None
        )
        for key, figure in IMPRESSIONS.items()
    }


def _dialogue(reply: ProbeReply) -> Dialogue:
    probe = reply.probe
    return Dialogue(
        turns=(*probe.history, Message(role="user", content=probe.user)),
        reply=reply.shown,
        facts=probe.facts,
    )


def _tell(setup: MeasureSetup, stage: str, done: int, total: int) -> None:
    if setup.report is not None:
        setup.report(stage, done, total)
