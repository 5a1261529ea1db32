"""Fitting the heads of the embedded evaluator on spoilt and real replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from rlaif.embedded_heads import HeadWeights, member_logits, standardise
from rlaif.faults import LOWERED, Example
from rlaif.features import Features
from rlaif.metrics import METRIC_KEYS

RATED: Mapping[str, tuple[str, ...]] = {
    "agency": ("proactiveness",),
    "attentiveness": ("comprehension",),
    "ease": ("familiarity",),
    "enjoyability": ("interest", "satisfaction"),
    "respeak": ("satisfaction",),
    "topic": ("informativeness", "interest"),
}
"""Which published ratings of a partner speak for which impression (their mean)."""

_CLAIMS_CONSISTENCY = ("stood_by", "told_again")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """How heads are fitted. components: principal directions of the states that are kept.
    good and spoilt: targets as shares of the scale. opinion_points: points per standard deviation
    of a rater's expected score; opinion_ridge: its penalty per example.
    """

    members: int = 5
    components: int = 96
    hidden: int = 48
    steps: int = 800
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 2e-2
    dropout: float = 0.2
    good: float = 0.85
    spoilt: float = 0.1
    opinion_points: float = 1.0
    opinion_ridge: float = 3.0
    seed: int = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What is known of each reply. value, weight: [rows, 12]; weight 0 where nothing is known.
    opinion, has_opinion: [rows, 12], raters' deviations. groups: [rows] dialogue of each reply."""

    value: torch.Tensor
    weight: torch.Tensor
    opinion: torch.Tensor
    has_opinion: torch.Tensor
    groups: tuple[str, ...]


def make_targets(examples: Sequence[Example], settings: HeadSettings) -> Targets:
    """Targets with weights by which good replies and every fault of a metric count alike."""
    rows, width = len(examples), len(METRIC_KEYS)
    value, weight = torch.full((rows, width), settings.good), torch.zeros(rows, width)
    opinion, has_opinion = torch.zeros(rows, width), torch.zeros(rows, width)
    for column, key in enumerate(METRIC_KEYS):
        kinds = [kind for kind, keys in LOWERED.items() if key in keys]
        for row, example in enumerate(examples):
            if example.fault is None:
                weight[row, column] = float(_speaks_for(example, key))
            elif example.fault in kinds:
                value[row, column], weight[row, column] = settings.spoilt, 1.0
            given = [example.context.ratings.get(name) for name in RATED.get(key, ())]
            known = [one for one in given if one is not None]
            if known and example.maker == "given":
                opinion[row, column] = sum(known) / len(known)
                has_opinion[row, column] = 1.0
        _balance(weight[:, column], [example.fault for example in examples])
    return Targets(
        value=value,
        weight=weight,
        opinion=opinion,
        has_opinion=has_opinion,
        groups=tuple(example.context.group for example in examples),
    )


def _speaks_for(example: Example, key: str) -> bool:
    """An accepted reply speaks for every impression; a made one only for what it was made for."""
    return example.maker not in _CLAIMS_CONSISTENCY or key in LOWERED["contradiction"]


def _balance(weight: torch.Tensor, faults: Sequence[str | None]) -> None:
    """Scale in place: good replies together 1, all faults together 1, each kind alike."""
    kinds: dict[str | None, list[int]] = {}
    for row, fault in enumerate(faults):
        if weight[row] > 0:
            kinds.setdefault(fault, []).append(row)
    spoilt = sum(fault is not None for fault in kinds)
    for fault, rows in kinds.items():
        share = 1.0 if fault is None else 1.0 / spoilt
        weight[rows] = share * len(faults) / len(rows)


def fit_heads(features: Features, targets: Targets, settings: HeadSettings) -> HeadWeights:
    """Fit all members at once, each on dialogues drawn with replacement."""
    torch.manual_seed(settings.seed)
    states, figures = torch.from_numpy(features.states), torch.from_numpy(features.figures)
    state_map = _principal(states, settings.components)
    figure_map = (figures.mean(0), figures.std(0).clamp_min(1e-3))
    inputs = standardise(states, figures, state_map, figure_map)
    opinion, opinion_bias = _fit_opinion(inputs, targets, settings)
    weights = _start(inputs.shape[1], settings)
    trained = _train(weights, inputs, targets, settings)
    return HeadWeights(
        state_mean=state_map[0],
        state_basis=state_map[1],
        figure_mean=figure_map[0],
        figure_scale=figure_map[1],
        opinion=opinion,
        opinion_bias=opinion_bias,
        **trained,
    )


def _principal(states: torch.Tensor, components: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean [S] and basis [S, K] onto whitened principal directions of standardised columns."""
    mean, scale = states.mean(0), states.std(0).clamp_min(1e-3)
    standard = (states - mean) / scale
    kept = min(components, *standard.shape)
    # The smaller of the two products has the same spectrum.
    if len(standard) < standard.shape[1]:
        values, left = torch.linalg.eigh(standard @ standard.T / max(len(standard) - 1, 1))
        vectors = standard.T @ left
        vectors = vectors / vectors.norm(dim=0).clamp_min(1e-6)
    else:
        values, vectors = torch.linalg.eigh(standard.T @ standard / max(len(standard) - 1, 1))
    values, vectors = values[-kept:].flip(0), vectors[:, -kept:].flip(1)
    # A direction in which nothing varies would only be blown up.
    return mean, vectors / scale[:, None] / values.clamp_min(1e-3).sqrt()


def _start(width: int, settings: HeadSettings) -> dict[str, torch.Tensor]:
    members, hidden, metrics = settings.members, settings.hidden, len(METRIC_KEYS)
    return {
        "hidden": torch.randn(members, width, hidden) / width**0.5,
        "hidden_bias": torch.zeros(members, hidden),
        "out": torch.randn(members, hidden, metrics) / hidden**0.5,
        "skip": torch.zeros(members, width, metrics),
        "out_bias": torch.zeros(members, metrics),
    }


def _train(
    start: dict[str, torch.Tensor], inputs: torch.Tensor, targets: Targets, settings: HeadSettings
) -> dict[str, torch.Tensor]:
    parameters = {name: tensor.requires_grad_() for name, tensor in start.items()}
    drawn = _drawn_groups(targets.groups, settings.members)
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    nothing = torch.zeros(0)
    for _ in range(settings.steps):
        rows = torch.randint(len(inputs), (settings.batch,))
        kept = (torch.rand(settings.batch, inputs.shape[1]) > settings.dropout).float()
        members = HeadWeights(
            state_mean=nothing,
            state_basis=nothing,
            figure_mean=nothing,
            figure_scale=nothing,
            opinion=nothing,
            opinion_bias=nothing,
            **parameters,
        )
        logits = member_logits(members, inputs[rows] * kept / (1 - settings.dropout))
        value = targets.value[rows].expand_as(logits)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, value, reduction="none")
        weight = targets.weight[rows] * drawn[:, rows, None]
        (loss * weight).sum().div(settings.batch * len(METRIC_KEYS)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return {name: tensor.detach() for name, tensor in parameters.items()}


def _drawn_groups(groups: Sequence[str], members: int) -> torch.Tensor:
    """[M, rows]: how often each member's sample with replacement holds the dialogue of the row."""
    names = {name: n for n, name in enumerate(dict.fromkeys(groups))}
    index = torch.tensor([names[group] for group in groups])
    counts = torch.stack(
        [
            torch.bincount(torch.randint(len(names), (len(names),)), minlength=len(names))
            for _ in range(members)
        ]
    )
    return counts[:, index].float()


def _fit_opinion(
    inputs: torch.Tensor, targets: Targets, settings: HeadSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ridge from features to raters' deviations, in points; zero for metrics nobody rated."""
    width, metrics = inputs.shape[1], len(METRIC_KEYS)
    slopes, bias = torch.zeros(width, metrics), torch.zeros(metrics)
    for column in range(metrics):
        rows = targets.has_opinion[:, column] > 0
        if int(rows.sum()) < 30:
            continue
        x, y = inputs[rows], targets.opinion[rows, column]
        centred = x - x.mean(0)
        penalty = settings.opinion_ridge * len(x) * torch.eye(width)
        slope = torch.linalg.solve(centred.T @ centred + penalty, centred.T @ (y - y.mean()))
        slopes[:, column] = settings.opinion_points * slope
        bias[column] = -x.mean(0) @ slopes[:, column]
    return slopes, bias
