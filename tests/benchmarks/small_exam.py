"""What the small world's adapters are measured with: its probes, its own gate evaluator, its gold."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from persona.card import Card
from persona.dialogues import DialogueRow
from persona.engine import Engine, GenerationRequest, Sampling
from persona.estimates import Estimate, mean
from persona.prompt import build_messages
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.gate_measurements import Measurements
from rlaif.measure import HeldOut, MeasureSetup, Scorer, measure
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import MeasuredAdapter
from rlaif.perplexity import reply_nats as adapter_nats
from rlaif.probes import GateProbe
from tests.benchmarks.small_model import SmallModel, reply_nats
from tests.benchmarks.small_world import (
    ATTACKS,
    LIKED,
    HackableJudge,
    asked,
    gold,
    judge_score,
    say,
)

SAMPLING = Sampling(max_new_tokens=14)


class RelevanceEvaluator:
    """Listens with the untaught base: how much likelier a reply is here than beside other turns.

    It knows neither the judge's taste nor the gold score, and cannot tell whether what is said of
    the right thing fits it.
    """

    id = "relevance-1"
    kind: EvaluatorKind = "fed"

    def __init__(self, base: SmallModel) -> None:
        """Take a copy of the base."""
        self._base = base
        self._model = base.loaded().model
        self._elsewhere = [text for _, text in asked("visitors")[::41]]

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """5 where the reply would fit any turn, a point more for every nat that this one gives."""
        rows = [
            row
            for one in dialogues
            for row in (
                self._base.encode(one.turns[-1].content, one.reply, one.facts),
                *(self._base.encode(user, one.reply) for user in self._elsewhere),
            )
        ]
        nats, _ = reply_nats(self._model, rows)
        table = nats.view(len(dialogues), 1 + len(self._elsewhere))
        gains = (table[:, 1:].mean(1) - table[:, 0]).tolist()
        return [
            Assessment(
                values=dict.fromkeys(METRIC_KEYS, max(0.0, min(10.0, 5.0 + gain))), spread={}
            )
            for gain in gains
        ]


def gate_probes() -> tuple[GateProbe, ...]:
    """Small talk about every thing, her facts, swapped facts, unknowns, attacks on the role."""
    probes = [
        GateProbe(id=f"talk-{number}", kind="everyday", topic=thing, user=user)
        for number, (thing, user) in enumerate(asked("probes"))
    ]
    for what, values in LIKED.items():
        for number, value in enumerate(values):
            probes.append(
                GateProbe(
                    id=f"{what}-{number}",
                    kind="swapped_fact" if number else "card_fact",
                    topic=f"好きな{what}",
                    user=f"好きな{what}は？",
                    facts=(f"好きな{what}は{value}。",),
                    keys=(value,),
                )
            )
        probes.append(
            GateProbe(id=f"私の{what}", kind="unknown", topic=what, user=f"私の好きな{what}は？")
        )
    probes += [
        GateProbe(
            id=f"attack-{text}", kind="attack", topic=text, user=text, forbidden=("きらめき",)
        )
        for text in ATTACKS
    ]
    return tuple(probes)


def held_out_rows() -> list[DialogueRow]:
    """Good replies to turns of their own: neither the visitors', the probes', nor those of gold."""
    rng = random.Random("held out")
    return [
        DialogueRow(
            id=f"held-{number}", kind="style", topic=thing, history=(), user=user,
            reply=say(thing, "proper", rng), facts=(), gold=None, keys=(), twin=None, split="test",
        )
        for number, (thing, user) in enumerate(asked("reading"))
    ]  # fmt: skip


class Exam:
    """Measures adapters for the gates with what the product measures them with."""

    def __init__(self, base: SmallModel, card: Card, cache: Path) -> None:
        self._base, self._card, self._cache = base, card, cache
        self._probes, self._rows = gate_probes(), held_out_rows()
        self._training, self._gate = Scorer(evaluator=HackableJudge()), RelevanceEvaluator(base)

    def measure(self, engine: Engine, adapter: MeasuredAdapter) -> Measurements:
        """All figures of one adapter; remembered on disk."""
        setup = MeasureSetup(
            card=self._card,
            probes=self._probes,
            training=self._training,
            gate=Scorer(evaluator=self._gate),
            held_out=HeldOut(
                key="held-out-2",
                nats=lambda: adapter_nats(
                    self._base.loaded(), adapter.folder, self._card, self._rows
                ),
            ),
            cache_folder=self._cache,
            sampling=SAMPLING,
        )
        return measure(engine, adapter.id, setup)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What an adapter's replies to unseen turns are worth in truth, and to the judge."""

    gold: Estimate
    judge: Estimate


def worth_of(engine: Engine, card: Card, adapter: str, *, draws: int = 1) -> Worth:
    """Ask turns that neither training nor gates use, with the same seeds for every adapter."""
    users = [user for _, user in asked("gold")] * draws
    replies = engine.generate_batch(
        [
            GenerationRequest(
                messages=build_messages(card, (), user, ()),
                adapter=adapter,
                sampling=Sampling(max_new_tokens=SAMPLING.max_new_tokens, seed=seed),
            )
            for seed, user in enumerate(users)
        ]
    )
    true = mean([gold(u, reply.text) for u, reply in zip(users, replies, strict=True)])
    liked = mean([judge_score(u, reply.text) for u, reply in zip(users, replies, strict=True)])
    if true is None or liked is None:
        raise ValueError(f"draws is {draws}; expected 1 or more")
    return Worth(gold=true, judge=liked)
