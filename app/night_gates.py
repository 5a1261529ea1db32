"""The frozen probes, asked and judged with the night's models."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.clock import utc_now
from app.composition import chosen_card
from app.night_models import NightModels
from app.night_plan import night_settings
from app.settings import Settings
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.engine import Engine
from persona.sft import data_sha256
from rlaif.contradiction_probes import list_contradiction_probes
from rlaif.evaluator import Assessment, Dialogue
from rlaif.gate_measurements import Measurements
from rlaif.measure import HeldOut, MeasureSetup, Scorer, ask, measure
from rlaif.measurement_cache import MeasurementCache
from rlaif.night_work import MeasuredAdapter, NightSettings
from rlaif.penalties import PenaltySettings, text_facts
from rlaif.perplexity import reply_nats
from rlaif.probe_figures import ProbeReply
from rlaif.probes import read_gate_probes, standing_probes
from rlaif.report import Example
from rlaif.reward import RewardSettings, reward_of
from store.database import Database
from store.facts import current_facts

_EXAMPLES = 5


class NightGates:
    """Measures adapters for the gates; what was measured once is kept under the cache folder."""

    def __init__(self, settings: Settings, database: Database, models: NightModels) -> None:
        self._settings = settings
        self._database = database
        self._card = chosen_card(settings)
        self._models = models

    def measure(
        self,
        engine: Engine,
        adapter: MeasuredAdapter,
        progress: Callable[[int, int | None], None],
    ) -> Measurements:
        """Every figure of an adapter that the engine knows."""
        return measure(engine, adapter.id, self.setup(adapter, progress))

    def examples(self, engine: Engine, before: str, after: str) -> list[Example]:
        """A few probes that the two answer differently; both were measured before."""
        pairs = [
            (one, other)
            for one, other in zip(
                self._replies(engine, before), self._replies(engine, after), strict=True
            )
            if one.shown != other.shown and not one.deflected and not other.deflected
        ]
        # The same probes every night would hide what they do not ask.
        chosen = random.Random(after).sample(pairs, min(_EXAMPLES, len(pairs)))
        return [
            Example(
                kind=one.probe.kind, question=one.probe.user, before=one.shown, after=other.shown
            )
            for one, other in chosen
        ]

    def _replies(self, engine: Engine, adapter: str) -> list[ProbeReply]:
        setup = self.setup(MeasuredAdapter(id=adapter, folder=Path()), lambda _done, _total: None)
        cache = MeasurementCache(setup.cache_folder, adapter, setup.probe_set())
        frozen = replace(setup, contradictions=())
        return [reply for reply in ask(engine, adapter, frozen, cache) if reply.draw == 0]

    def setup(
        self, adapter: MeasuredAdapter, progress: Callable[[int, int | None], None]
    ) -> MeasureSetup:
        """How `adapter` is measured."""
        rows = read_card_rows(self._card.folder, "validation")
        plan = night_settings(self._settings)
        with self._database.reading() as session:
            contradictions = list_contradiction_probes(session, now=utc_now())
            known = current_facts(session, self._card.id, self._card.facts)
        frozen = read_gate_probes(self._card.folder)
        return MeasureSetup(
            card=self._card,
            probes=standing_probes(frozen, self._card.facts, known),
            training=Scorer(
                evaluator=self._models.training_evaluator(),
                value=partial(_reward_total, self._card, plan, adapter.trust),
            ),
            gate=Scorer(
                evaluator=self._models.gate_evaluator(), value=partial(_guarded_mean, self._card)
            ),
            held_out=HeldOut(
                key=data_sha256(rows),
                nats=lambda: reply_nats(self._models.frozen_base, adapter.folder, self._card, rows),
            ),
            contradictions=contradictions,
            cache_folder=self._settings.measurements_folder,
            sampling=self._settings.chat.sampling(0),
            report=lambda _stage, done, total: progress(done, total),
        )


def _reward_total(
    card: Card,
    plan: NightSettings,
    trust: Mapping[str, float],
    dialogue: Dialogue,
    assessment: Assessment,
) -> float:
    """What the night would reward, guards included."""
    found = text_facts(dialogue, card, plan.penalties)
    return reward_of(assessment, found, plan.reward, trust).total


def _guarded_mean(card: Card, dialogue: Dialogue, assessment: Assessment) -> float:
    """The mean impression less what the rules object to; the same every night, whatever the
    settings: the drift budget compares nights."""
    found = text_facts(dialogue, card, PenaltySettings())
    return reward_of(assessment, found, RewardSettings(), {}).total
