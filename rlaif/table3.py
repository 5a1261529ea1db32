"""Table 3 of the seed: what DPO does to each impression and to perplexity, on held-out contexts.

AIF is the mean score that the evaluator gives to replies in held-out contexts. Candidates of the
anchor in training contexts become pairs by the reward, a policy is trained on them, and anchor and
policy answer the same held-out contexts with the same seeds. The seed trains one policy per metric;
here one policy on the mixture of all twelve is the default.

Source: "RLAIF for dialogue impressions" (NLP2025), Table 3. Ours differs in the pairs: they keep
the night's guards (dull and repetitive replies are never chosen) and are made of four candidates,
and a share of seed pairs is replayed.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from persona.card import Card
from persona.dialogues import DialogueRow
from persona.engine import Engine, Message, Sampling
from rlaif.errors import PairingError
from rlaif.evaluator import Assessment, Dialogue, Evaluator
from rlaif.gate_statistics import Case
from rlaif.make_candidates import (
    CandidateSettings,
    MadeCandidate,
    Prompt,
    Speaker,
    make_candidates,
)
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import MeasuredAdapter
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairHistory, PairSettings, make_pairs
from rlaif.penalties import PenaltySettings, text_facts
from rlaif.preference import Option, Preference, PromptGroup
from rlaif.reward import RewardSettings, reward_of
from rlaif.seed_pairs import replay_pool
from rlaif.table3_report import Answers, PolicyAnswers, Table3, table_rows
from rlaif.training_pairs import TrainingPair

_LABEL = "table 3"
_MIXTURE = "mixture"

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table3Settings:
    """How large the table is.

    contexts: training contexts, one per topic; held_out: contexts measured, None for all; draws:
    replies to each, 2 or more. per_metric: a policy for each metric instead of one for all. The
    caps are off: these are the card's contexts and nobody's talk.
    """

    contexts: int = 160
    held_out: int | None = None
    draws: int = 2
    per_metric: bool = False
    replay_share: float = 0.25
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    pairs: PairSettings = field(
        default_factory=lambda: PairSettings(caps=CapSettings(single_user=True))
    )
    chat: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.contexts < 1 or (self.held_out is not None and self.held_out < 2):
            raise ValueError(
                f"contexts is {self.contexts} and held_out {self.held_out}; expected 1 or more "
                "and 2 or more"
            )
        if self.draws < 2:
            raise ValueError(f"draws is {self.draws}; expected 2 or more")
        if not 0 <= self.replay_share < 1:
            raise ValueError(f"replay_share is {self.replay_share}; expected 0 up to below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOrder:
    """One policy to train: the name of its reward, its pairs and the seed pairs to draw from."""

    name: str
    pairs: tuple[TrainingPair, ...]
    replay_pairs: tuple[TrainingPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table3Parts:
    """What the table is made with. `train` publishes a policy; `nats` reads the rows' written
    replies with an adapter; the engine is closed before training to free its memory."""

    card: Card
    train_rows: Sequence[DialogueRow]
    test_rows: Sequence[DialogueRow]
    anchor: MeasuredAdapter
    evaluator: Evaluator
    engine: Callable[[], Engine]
    close_engine: Callable[[], None]
    train: Callable[[PolicyOrder, Report], MeasuredAdapter]
    nats: Callable[[MeasuredAdapter, Sequence[DialogueRow]], Sequence[Case]]
    report: Report


def make_table3(parts: Table3Parts, settings: Table3Settings) -> Table3:
    """Train and measure. Raises PairingError when a reward gives no pair, and what the parts raise.

    The same parts and settings give the same table.
    """
    contexts = training_contexts(parts.train_rows, settings.contexts)
    held_out = _held_out(parts.test_rows, settings.held_out)
    groups = _groups(parts, contexts, settings)
    before = _answers(parts, parts.anchor, held_out, settings)
    orders = [
        policy_order(parts, name, weights, groups, settings)
        for name, weights in _rewards(settings).items()
    ]
    parts.close_engine()
    trained = [(order, parts.train(order, parts.report)) for order in orders]
    policies = {
        order.name: PolicyAnswers(
            policy=adapter.id,
            pairs=len(order.pairs),
            answers=_answers(parts, adapter, held_out, settings),
        )
        for order, adapter in trained
    }
    parts.close_engine()
    return Table3(
        rows=table_rows(
            before,
            {key: policies[key if settings.per_metric else _MIXTURE] for key in METRIC_KEYS},
        ),
        anchor=parts.anchor.id,
        evaluator=parts.evaluator.id,
        per_metric=settings.per_metric,
        contexts=len(contexts),
        held_out=len(held_out),
        unscored=before.unscored + sum(one.answers.unscored for one in policies.values()),
    )


def training_contexts(rows: Sequence[DialogueRow], most: int) -> list[DialogueRow]:
    """One row of each topic, in an order that a digest decides; nothing about safety."""
    first: dict[str, DialogueRow] = {}
    for row in sorted(rows, key=lambda row: _digest(row.id)):
        if row.kind != "safety":
            first.setdefault(row.topic, row)
    return sorted(first.values(), key=lambda row: _digest(row.topic))[:most]


def _held_out(rows: Sequence[DialogueRow], most: int | None) -> list[DialogueRow]:
    """At most so many rows of any kind but safety, picked by a digest."""
    return sorted((row for row in rows if row.kind != "safety"), key=lambda row: _digest(row.id))[
        :most
    ]


def policy_order(
    parts: Table3Parts,
    name: str,
    weights: Mapping[str, float],
    groups: Sequence[PromptGroup],
    settings: Table3Settings,
) -> PolicyOrder:
    """The pairs of one reward. Raises PairingError when there is none."""
    rewarded = [_rewarded(parts.card, group, weights) for group in groups]
    rng = random.Random(int.from_bytes(_digest(name)[:8]))
    pairs = make_pairs(rewarded, settings.pairs, PairHistory(), rng).pairs
    if not pairs:
        raise PairingError(
            f"{len(groups)} contexts gave no pair by the reward {name}; expected some: "
            "give more with --contexts"
        )
    return PolicyOrder(
        name=name,
        pairs=tuple(TrainingPair(id=_pair_id(pair), preference=pair) for pair in pairs),
        replay_pairs=tuple(replay_pool(parts.train_rows, len(pairs), settings.replay_share, rng)),
    )


def _rewards(settings: Table3Settings) -> dict[str, dict[str, float]]:
    if settings.per_metric:
        return {key: {key: 1.0} for key in METRIC_KEYS}
    return {_MIXTURE: dict.fromkeys(METRIC_KEYS, 1.0)}


def _groups(
    parts: Table3Parts, rows: Sequence[DialogueRow], settings: Table3Settings
) -> list[PromptGroup]:
    """The anchor's candidates with their verdicts; rewards are given later."""
    made = _say(parts, parts.anchor, rows, settings.candidates, "candidates")
    verdicts = _assess(parts, rows, made)
    options: dict[str, list[Option]] = defaultdict(list)
    for one, verdict in zip(made, verdicts, strict=True):
        options[one.turn_id].append(
            Option(
                id=f"{one.turn_id}/{one.number}",
                kind="candidate",
                text=one.text,
                assessment=verdict,
                reward=None,
                flagged=one.flagged,
            )
        )
    return [
        PromptGroup(
            turn_id=row.id,
            visitor_id="",
            turns=_turns(row),
            facts=row.facts,
            options=tuple(options[row.id]),
        )
        for row in rows
    ]


def _rewarded(card: Card, group: PromptGroup, weights: Mapping[str, float]) -> PromptGroup:
    reward = RewardSettings(weights=weights)

    def option(one: Option) -> Option:
        if one.assessment is None:
            return one
        dialogue = Dialogue(turns=group.turns, reply=one.text, facts=group.facts)
        found = text_facts(dialogue, card, PenaltySettings())
        return replace(one, reward=reward_of(one.assessment, found, reward, {}))

    return replace(group, options=tuple(map(option, group.options)))


def _answers(
    parts: Table3Parts,
    adapter: MeasuredAdapter,
    rows: Sequence[DialogueRow],
    settings: Table3Settings,
) -> Answers:
    chat = settings.chat
    drawing = CandidateSettings(
        temperatures=(chat.temperature,) * settings.draws,
        top_p=chat.top_p,
        top_k=chat.top_k,
        repetition_penalty=chat.repetition_penalty,
        max_new_tokens=chat.max_new_tokens,
    )
    made = _say(parts, adapter, rows, drawing, f"replies of {adapter.id}")
    verdicts = _assess(parts, rows, made)
    topics = {row.id: row.topic for row in rows}
    return Answers(
        scores={
            key: tuple(
                Case(
                    id=f"{one.turn_id}/{one.number}",
                    topic=topics[one.turn_id],
                    value=verdict.values[key],
                )
                for one, verdict in zip(made, verdicts, strict=True)
                if verdict is not None
            )
            for key in METRIC_KEYS
        },
        nats=tuple(parts.nats(adapter, rows)),
        unscored=sum(verdict is None for verdict in verdicts),
    )


def _say(
    parts: Table3Parts,
    adapter: MeasuredAdapter,
    rows: Sequence[DialogueRow],
    settings: CandidateSettings,
    stage: str,
) -> list[MadeCandidate]:
    engine = parts.engine()
    if adapter.id not in engine.adapters():
        engine.add_adapter(adapter.id, adapter.folder)
    prompts = [Prompt(turn_id=row.id, turns=_turns(row), facts=row.facts) for row in rows]
    speaker = Speaker(card=parts.card, adapter=adapter.id, night=_LABEL)
    said: list[MadeCandidate] = []
    for lot in make_candidates(engine, speaker, prompts, settings):
        said.extend(lot)
        parts.report(stage, len(said) / (len(rows) * len(settings.temperatures)))
    return said


def _assess(
    parts: Table3Parts, rows: Sequence[DialogueRow], made: Sequence[MadeCandidate]
) -> list[Assessment | None]:
    by_id = {row.id: row for row in rows}
    dialogues = [
        Dialogue(turns=_turns(by_id[one.turn_id]), reply=one.text, facts=by_id[one.turn_id].facts)
        for one in made
    ]
    verdicts = parts.evaluator.assess(
        dialogues, lambda done: parts.report("scores", done / len(dialogues))
    )
    return [verdict if isinstance(verdict, Assessment) else None for verdict in verdicts]


def _turns(row: DialogueRow) -> tuple[Message, ...]:
    return (*row.history, Message(role="user", content=row.user))


def _pair_id(pair: Preference) -> str:
    return f"{pair.chosen_id}>{pair.rejected_id}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
