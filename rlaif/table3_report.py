"""The figures of Table 3 from scored replies, and the table in the seed's layout."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rlaif.gate_statistics import Case, Clustered, difference, estimate
from rlaif.metrics import METRIC_KEYS, metric_of

_TWO_SIDED = 0.025
MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """An adapter in the held-out contexts.

    scores: metric -> one case per reply that was scored, in points. nats: per context the negative
    log-likelihood of the written reply (value) and its tokens (weight).
    """

    scores: Mapping[str, tuple[Case, ...]]
    nats: tuple[Case, ...]
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswers:
    """A trained policy, the number of pairs it learnt from (seed pairs aside), its answers."""

    policy: str
    pairs: int
    answers: Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity:
    """Of written replies in the held-out contexts; `ratio` is after over before."""

    before: float
    after: float
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table3Row:
    """One impression: AIF before and after, and the perplexity of the policy it was read from.

    `change` is paired by context and draw. Intervals are of 95 %, clustered by topic.
    """

    metric: str
    before: Clustered
    after: Clustered
    change: Clustered
    perplexity: Perplexity
    policy: str
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table3:
    """Twelve rows and, last, their mean; the perplexity of the mean is the geometric one."""

    rows: tuple[Table3Row, ...]
    anchor: str
    evaluator: str
    per_metric: bool
    contexts: int
    held_out: int
    unscored: int


def table_rows(before: Answers, policies: Mapping[str, PolicyAnswers]) -> tuple[Table3Row, ...]:
    """The rows in the order of the metrics and their mean; `policies` by metric.

    Raises GateError when no reply was scored both before and after.
    """
    rows = [
        _row(key, (before.scores[key], policies[key].answers.scores[key]), before, policies[key])
        for key in METRIC_KEYS
    ]
    both = (
        _averaged([before.scores[key] for key in METRIC_KEYS]),
        _averaged([policies[key].answers.scores[key] for key in METRIC_KEYS]),
    )
    different = {one.policy: one for one in policies.values()}
    together = PolicyAnswers(
        policy=", ".join(different),
        pairs=sum(one.pairs for one in different.values()),
        answers=Answers(
            scores={},
            nats=_averaged([policies[key].answers.nats for key in METRIC_KEYS]),
            unscored=0,
        ),
    )
    return (*rows, _row(MEAN, both, before, together))


def table3_markdown(table: Table3) -> str:
    """The table as the seed prints it: a line per impression, AIF and perplexity side by side."""
    trained = "one policy per metric" if table.per_metric else "one policy on the mixture"
    lines = [
        f"Table 3: {trained}, {table.contexts} training contexts, {table.held_out} held-out ones; "
        f"evaluator {table.evaluator}, before: {table.anchor}",
        "",
        "| Metric | AIF before | AIF after DPO | Change (95 %) | PPL before | PPL after DPO |",
        "|---|---|---|---|---|---|",
        *map(_line, table.rows),
    ]
    if table.unscored:
        lines += ["", f"{table.unscored} replies could not be scored and are left out."]
    return "\n".join(lines) + "\n"


def table3_json(table: Table3) -> dict[str, object]:
    """All figures as one JSON value."""
    return asdict(table)


def _line(row: Table3Row) -> str:
    name = "Mean" if row.metric == MEAN else metric_of(row.metric).english
    change, ppl = row.change, row.perplexity
    cells = [
        name,
        f"{row.before.value:.2f}",
        f"{row.after.value:.2f}",
        f"{change.value:+.2f} ({change.low:+.2f} to {change.high:+.2f})",
        f"{ppl.before:.2f}",
        f"{ppl.after:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _row(
    metric: str,
    scores: tuple[Sequence[Case], Sequence[Case]],
    before: Answers,
    policy: PolicyAnswers,
) -> Table3Row:
    first, second = _both(*scores)
    return Table3Row(
        metric=metric,
        before=estimate(first, alpha=_TWO_SIDED),
        after=estimate(second, alpha=_TWO_SIDED),
        change=difference(second, first, alpha=_TWO_SIDED),
        perplexity=_perplexity(before.nats, policy.answers.nats),
        policy=policy.policy,
        pairs=policy.pairs,
    )


def _perplexity(before: Sequence[Case], after: Sequence[Case]) -> Perplexity:
    level = estimate(before, alpha=_TWO_SIDED).value
    rise = difference(after, before, alpha=_TWO_SIDED)
    return Perplexity(
        before=math.exp(level),
        after=math.exp(level + rise.value),
        ratio=math.exp(rise.value),
        ratio_low=math.exp(rise.low),
        ratio_high=math.exp(rise.high),
    )


def _both(first: Sequence[Case], second: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """The cases that were scored on both sides."""
    shared = {case.id for case in first} & {case.id for case in second}
    return (
        [case for case in first if case.id in shared],
        [case for case in second if case.id in shared],
    )


def _averaged(sides: Sequence[Sequence[Case]]) -> tuple[Case, ...]:
    """The mean value of each case over all sides; cases that a side lacks are left out."""
    shared = set.intersection(*({case.id for case in side} for side in sides))
    values: dict[str, float] = dict.fromkeys(shared, 0.0)
    for side in sides:
        for case in side:
            if case.id in shared:
                values[case.id] += case.value / len(sides)
    return tuple(
        Case(id=case.id, topic=case.topic, value=values[case.id], weight=case.weight)
        for case in sides[0]
        if case.id in shared
    )
