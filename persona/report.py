"""The seed-001 report: retrieval x fine-tuning, and few facts against many, over frozen probes.

Every cell answers the same questions greedily. "Retrieval" is the one prompt with three facts
beside the user; without it every fact of the probe's world stands in the system turn.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, get_args

from persona.card import Card
from persona.dialogues import CardProbe, DialogueRow
from persona.engine import Engine, Finished, GenerationRequest, Message, Sampling
from persona.estimates import Estimate, mean, paired_difference, rate
from persona.prompt import build_messages, build_messages_without_retrieval
from persona.voice import says_unknown, voice_ok

Figure = Literal[
    "card_fact_accuracy",
    "fact_accuracy",
    "swapped_fact_accuracy",
    "loss_under_distractors",
    "refusal_when_absent",
    "ignored_context",
    "voice",
    "mean_length",
    "repetition",
]
FIGURES: tuple[Figure, ...] = get_args(Figure)
_REPEATED_CHARACTERS = 6
_MAX_NEW_TOKENS = 60
_FACTS_SHOWN = 3
_BATCH = 64


class FactSearch(Protocol):
    """What the report needs of an index over some facts."""

    def __call__(self, facts: Sequence[str], question: str) -> list[str]:
        """The best few of `facts` for `question`, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One probe's question, facts in front of the model, and what it said."""

    probe: str
    question: str
    facts: tuple[str, ...]
    reply: str
    right: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination; a figure is None where it has no meaning without retrieval."""

    name: str
    adapter: str | None
    retrieval: bool
    figures: dict[Figure, Estimate | None]
    answers: tuple[Answer, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactCount:
    """Card questions asked with the first `facts` facts of the card in the index."""

    facts: int
    adapter: str | None
    seed_questions: Estimate | None
    all_questions: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything `yogeiko persona report` prints."""

    card: str
    probes: dict[str, int]
    cells: tuple[Cell, ...]
    fact_counts: tuple[FactCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSetup:
    """What is measured: `rows` are the frozen test rows, `probes` the card's own questions."""

    card: Card
    rows: Sequence[DialogueRow]
    probes: Sequence[CardProbe]
    search: FactSearch
    progress: Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    probe: str
    history: tuple[Message, ...]
    user: str
    facts: tuple[str, ...]
    keys: tuple[str, ...]


def make_report(engine: Engine, setup: ReportSetup, adapter: str) -> Report:
    """Fill every cell for the bare base model and for `adapter`, an id the engine knows."""
    combinations = [(who, how) for who in (None, adapter) for how in (False, True)]
    cells = []
    for index, (who, retrieval) in enumerate(combinations):
        setup.progress(_cell_name(who, retrieval), index / (len(combinations) + 2))
        cells.append(_cell(engine, setup, who, retrieval))
    counts = []
    for index, who in enumerate((None, adapter)):
        setup.progress("11 against all facts", (len(cells) + index) / (len(cells) + 2))
        counts += [
            _fact_count(engine, setup, who, count)
            for count in (setup.card.seed_facts, len(setup.card.facts))
        ]
    setup.progress("done", 1.0)
    kinds = [row.kind for row in setup.rows]
    return Report(
        card=setup.card.id,
        probes={"card": len(setup.probes), **{kind: kinds.count(kind) for kind in set(kinds)}},
        cells=tuple(cells),
        fact_counts=tuple(counts),
    )


def _cell(engine: Engine, setup: ReportSetup, adapter: str | None, retrieval: bool) -> Cell:
    ask = _Asker(engine=engine, card=setup.card, adapter=adapter, retrieval=retrieval)
    card_answers = ask(_card_questions(setup, setup.card.facts, retrieval))
    by_kind = {
        kind: ask(_row_questions(setup.rows, kinds))
        for kind, kinds in (
            ("fact", ("fact",)),
            ("absent", ("absent",)),
            ("free", ("style", "multi")),
        )
    }
    facts, absent = by_kind["fact"], by_kind["absent"]
    figures: dict[Figure, Estimate | None] = {
        "card_fact_accuracy": rate([bool(answer.right) for answer in card_answers]),
        "fact_accuracy": rate([bool(answer.right) for answer in facts]),
        "swapped_fact_accuracy": rate(_both_twins_right(setup.rows, facts)),
        "loss_under_distractors": None,
        "refusal_when_absent": rate([says_unknown(answer.reply) for answer in absent]),
        "ignored_context": rate(
            [not answer.right and not says_unknown(answer.reply) for answer in facts]
        ),
    }
    if retrieval:
        gold_only = ask(_gold_only(setup.rows))
        figures["loss_under_distractors"] = paired_difference(
            [bool(answer.right) for answer in facts], [bool(answer.right) for answer in gold_only]
        )
    everything = [*card_answers, *facts, *absent, *by_kind["free"]]
    figures |= _manner(setup.card, [answer.reply for answer in everything])
    return Cell(
        name=_cell_name(adapter, retrieval),
        adapter=adapter,
        retrieval=retrieval,
        figures=figures,
        answers=tuple(everything),
    )


def _manner(card: Card, replies: Sequence[str]) -> dict[Figure, Estimate | None]:
    return {
        "voice": rate([voice_ok(reply, card) for reply in replies]),
        "mean_length": mean([len(reply) for reply in replies]),
        "repetition": rate([repeats_itself(reply) for reply in replies]),
    }


def repeats_itself(reply: str, characters: int = _REPEATED_CHARACTERS) -> bool:
    """Whether some run of `characters` characters stands in the reply more than once."""
    runs = [reply[i : i + characters] for i in range(len(reply) - characters + 1)]
    return len(set(runs)) < len(runs)


def _both_twins_right(rows: Sequence[DialogueRow], answers: Sequence[Answer]) -> list[bool]:
    """Per pair of rows with one question and two facts: did each answer follow its own fact?

    Following means naming a key of the own fact and none of the twin's.
    """
    reply_of = {answer.probe: answer.reply for answer in answers}
    twins: dict[str, list[DialogueRow]] = {}
    for row in rows:
        if row.kind == "fact" and row.twin is not None:
            twins.setdefault(row.twin, []).append(row)
    return [
        all(
            _names(reply_of[row.id], row.keys)
            and not _names(reply_of[row.id], _foreign(row, group))
            for row in group
        )
        for group in twins.values()
        if len(group) > 1
    ]


def _foreign(row: DialogueRow, group: Iterable[DialogueRow]) -> tuple[str, ...]:
    """Keys of the twins that are not part of the row's own fact."""
    own = "".join(row.facts)
    return tuple(key for other in group if other is not row for key in other.keys if key not in own)


def _names(reply: str, keys: Iterable[str]) -> bool:
    return any(key in reply for key in keys)


def _fact_count(engine: Engine, setup: ReportSetup, adapter: str | None, count: int) -> FactCount:
    ask = _Asker(engine=engine, card=setup.card, adapter=adapter, retrieval=True)
    facts = setup.card.facts[:count]
    known = replace(setup, probes=[probe for probe in setup.probes if probe.fact in facts])
    answers = ask(_card_questions(known, facts, retrieval=True))
    seeds = set(setup.card.facts[: setup.card.seed_facts])
    of_seed = {probe.id for probe in known.probes if probe.fact in seeds}
    return FactCount(
        facts=count,
        adapter=adapter,
        seed_questions=rate([bool(a.right) for a in answers if a.probe in of_seed]),
        all_questions=rate([bool(a.right) for a in answers]),
    )


def _card_questions(setup: ReportSetup, facts: Sequence[str], retrieval: bool) -> list[_Question]:
    return [
        _Question(
            probe=probe.id,
            history=(),
            user=probe.question,
            facts=tuple(setup.search(facts, probe.question)) if retrieval else tuple(facts),
            keys=probe.keys,
        )
        for probe in setup.probes
    ]


def _row_questions(rows: Sequence[DialogueRow], kinds: Sequence[str]) -> list[_Question]:
    return [
        _Question(probe=row.id, history=row.history, user=row.user, facts=row.facts, keys=row.keys)
        for row in rows
        if row.kind in kinds
    ]


def _gold_only(rows: Sequence[DialogueRow]) -> list[_Question]:
    return [
        _Question(
            probe=row.id,
            history=row.history,
            user=row.user,
            facts=(row.facts[row.gold],),
            keys=row.keys,
        )
        for row in rows
        if row.kind == "fact" and row.gold is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    engine: Engine
    card: Card
    adapter: str | None
    retrieval: bool

    def __call__(self, questions: Sequence[_Question]) -> list[Answer]:
        answers: list[Answer] = []
        for start in range(0, len(questions), _BATCH):
            part = questions[start : start + _BATCH]
            finished = self.engine.generate_batch([self._request(one) for one in part])
            answers += [self._answer(one, end) for one, end in zip(part, finished, strict=True)]
        return answers

    def _request(self, question: _Question) -> GenerationRequest:
        build = build_messages if self.retrieval else build_messages_without_retrieval
        return GenerationRequest(
            messages=build(self.card, question.history, question.user, question.facts),
            adapter=self.adapter,
            sampling=Sampling(temperature=0, repetition_penalty=1, max_new_tokens=_MAX_NEW_TOKENS),
        )

    def _answer(self, question: _Question, end: Finished) -> Answer:
        return Answer(
            probe=question.probe,
            question=question.user,
            facts=question.facts[:_FACTS_SHOWN],
            reply=end.text,
            right=_names(end.text, question.keys) if question.keys else None,
        )


def _cell_name(adapter: str | None, retrieval: bool) -> str:
    tuned = "fine-tuned" if adapter else "base"
    return f"{tuned} + retrieval" if retrieval else tuned
