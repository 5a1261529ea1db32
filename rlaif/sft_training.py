"""Training a regressor: first its head on the frozen base, then LoRA and head together.

The loop is ours and not a library's trainer's: what is kept of the frozen layers, the rows that
share their tokens and the members' weights are its whole content, and a step is a few lines.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from rlaif.errors import EvaluatorError
from rlaif.sft_checkpoint import (
    Checkpoint,
    Evaluation,
    Progress,
    read_checkpoint,
    write_checkpoint,
)
from rlaif.sft_head_start import HeadStart
from rlaif.sft_model import Regressor
from rlaif.sft_rows import FitRows, member_weights, rank_correlation
from rlaif.sft_settings import RegressorSettings, TrainingBounds


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressorRun:
    """What is trained on and how. `work_folder` holds what an interrupted run needs; it must be
    another one for other rows or settings. `report` is told the stage and its share, 0..1; `clock`
    gives seconds."""

    rows: FitRows
    validation: FitRows
    settings: RegressorSettings
    work_folder: Path
    report: Callable[[str, float], None]
    bounds: TrainingBounds = field(default_factory=TrainingBounds)
    clock: Callable[[], float] = time.monotonic


def train_regressor(regressor: Regressor, run: RegressorRun) -> Progress:
    """Train until steps, patience or bounds end it; leave the best weights in `regressor`.

    Called again with the same rows and settings it goes on where it was interrupted, and comes to
    the same weights. Raises EvaluatorError when there is nothing to learn from or the loss is no
    longer a number.
    """
    if not run.rows.readings or not run.validation.readings:
        raise EvaluatorError(
            f"{len(run.rows.readings)} rows to fit on and {len(run.validation.readings)} to stop "
            "by; expected both: give more dialogues"
        )
    loop = _Loop(regressor, run)
    loop.begin()
    while not loop.is_over():
        loop.step()
    loop.end()
    return loop.progress


def predict_rows(
    regressor: Regressor, rows: FitRows, report: Callable[[float], None] | None = None
) -> torch.Tensor:
    """[members, rows, 12] standardised, on the CPU; `report` is told the share that is done."""
    regressor.eval()
    answers = torch.zeros(*regressor.bias.shape[:1], len(rows.readings), regressor.bias.shape[1])
    with torch.no_grad():
        texts = rows.by_text()
        for done, own in enumerate(texts, start=1):
            answers[:, list(own)] = regressor([rows.readings[row] for row in own]).cpu()
            if report is not None:
                report(done / len(texts))
    return answers


class _Loop:
    """One run; everything that a step needs beside the rows."""

    def __init__(self, regressor: Regressor, run: RegressorRun) -> None:
        self.progress = Progress()
        self._regressor = regressor
        self._run = run
        self._texts = run.rows.by_text()
        settings = run.settings
        self._steps = settings.epochs * math.ceil(len(self._texts) / settings.batch_dialogues)
        self._value = torch.from_numpy(run.rows.targets.value).float()
        self._weight = torch.from_numpy(run.rows.targets.weight).float()
        drawn = member_weights(run.rows.groups, settings.members, settings.seed)
        self._drawn = torch.from_numpy(drawn).float()
        self._named = {n: p for n, p in regressor.named_parameters() if p.requires_grad}
        head = {"weight", "bias"}
        lora = [p for n, p in self._named.items() if n not in head]
        own = [p for n, p in self._named.items() if n in head]
        groups = [(lora, settings.learning_rate), (own, settings.head_learning_rate)]
        self._optimizer = torch.optim.AdamW(
            [{"params": part, "lr": rate, "top": rate} for part, rate in groups if part],
            weight_decay=0.0,
        )
        self._best: dict[str, torch.Tensor] = {}
        self._losses: list[float] = []
        self._since = run.clock()

    def begin(self) -> None:
        """Take up a checkpoint, else fit the head on the frozen base and evaluate that."""
        checkpoint = read_checkpoint(self._run.work_folder)
        if checkpoint is not None:
            self._take(checkpoint)
            return
        run = self._run
        start = HeadStart(regressor=self._regressor, folder=run.work_folder, report=run.report)
        penalty = start.fit(run.rows, run.validation, self._drawn, run.settings.ridges)
        self.progress = replace(self.progress, ridge=penalty)
        self._evaluate()

    def is_over(self) -> bool:
        """Whether steps, patience or bounds are used up, or nothing is there to be trained."""
        bounds, progress = self._run.bounds, self.progress
        return (
            progress.step >= self._steps
            or self._run.settings.layers_trained == 0
            or progress.since_best >= self._run.settings.patience
            or (bounds.steps is not None and progress.step >= bounds.steps)
            or (bounds.minutes is not None and self._minutes() >= bounds.minutes)
        )

    def step(self) -> None:
        """One optimiser step, and an evaluation when it is due."""
        settings, number = self._run.settings, self.progress.step
        # Draws depend on the step alone, so an interrupted run sees the same ones.
        torch.manual_seed(settings.seed * 100_003 + number)
        self._regressor.train()
        for group in self._optimizer.param_groups:
            group["lr"] = group["top"] * _rate(number, self._steps, settings.warmup_steps)
        loss = 0.0
        for rows in self._batch(number):
            part = self._loss(rows)
            loss += float(part.detach())
            part.backward()  # type: ignore[no-untyped-call]
        if not math.isfinite(loss):
            raise EvaluatorError(
                f"the loss became {loss} after step {number}; expected a finite number: fit again "
                "with a smaller learning rate"
            )
        torch.nn.utils.clip_grad_norm_(list(self._named.values()), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._losses.append(loss)
        self.progress = replace(self.progress, step=number + 1)
        self._tell()
        if (number + 1) % settings.steps_between == 0 or number + 1 == self._steps:
            self._evaluate()

    def end(self) -> None:
        """Evaluate what has not been, then put the best weights in place."""
        if self.progress.history[-1].step != self.progress.step:
            self._evaluate()
        self._regressor.take(self._best)

    def _batch(self, number: int) -> Iterator[tuple[int, ...]]:
        size = self._run.settings.batch_dialogues
        epoch, place = divmod(number, math.ceil(len(self._texts) / size))
        draw = torch.Generator().manual_seed(self._run.settings.seed * 7919 + epoch)
        order = torch.randperm(len(self._texts), generator=draw).tolist()
        for text in order[place * size : (place + 1) * size]:
            yield self._texts[text]

    def _loss(self, rows: tuple[int, ...]) -> torch.Tensor:
        """Weighted squared error of a text's rows; over a step about a mean of the known ones."""
        own = list(rows)
        predicted = self._regressor([self._run.rows.readings[row] for row in own])
        value, weight = self._value[own], self._weight[own] * self._drawn[:, own, None]
        error = (predicted - value.to(predicted.device)) ** 2
        batch = min(self._run.settings.batch_dialogues, len(self._texts))
        usual = self._weight.sum() * batch / len(self._texts) * len(self._drawn)
        total: torch.Tensor = (weight.to(predicted.device) * error).sum() / usual
        return total

    def _evaluate(self) -> None:
        """Measure on validation, keep the best weights, write a checkpoint."""
        table = predict_rows(self._regressor, self._run.validation).mean(0).double().numpy()
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        self._losses = []
        found = Evaluation(
            step=self.progress.step, loss=loss, rho=rank_correlation(table, self._run.validation)
        )
        now = self._regressor.learnt()
        self.progress = replace(
            self.progress, history=(*self.progress.history, found), minutes=self._minutes()
        )
        self._since = self._run.clock()
        if self.progress.best is found:
            self._best = {name: tensor.clone() for name, tensor in now.items()}
        write_checkpoint(
            self._run.work_folder,
            Checkpoint(progress=self.progress, now=now, best=self._best, moments=self._moments()),
        )
        self._tell()

    def _take(self, checkpoint: Checkpoint) -> None:
        self._regressor.take(checkpoint.now)
        self._best, self.progress = checkpoint.best, checkpoint.progress
        for name, parameter in self._named.items():
            own = {
                key.rpartition("/")[2]: tensor
                for key, tensor in checkpoint.moments.items()
                if key.rpartition("/")[0] == name
            }
            if own:
                self._optimizer.state[parameter] = {
                    key: tensor.to(parameter.device) if tensor.ndim else tensor
                    for key, tensor in own.items()
                }

    def _moments(self) -> dict[str, torch.Tensor]:
        return {
            f"{name}/{key}": tensor
            for name, parameter in self._named.items()
            for key, tensor in self._optimizer.state.get(parameter, {}).items()
        }

    def _minutes(self) -> float:
        return self.progress.minutes + (self._run.clock() - self._since) / 60

    def _tell(self) -> None:
        progress, last = self.progress, self.progress.history[-1]
        limit = min(self._run.bounds.steps or self._steps, self._steps)
        spent = self._minutes()
        left = spent / progress.step * (limit - progress.step) if progress.step else math.nan
        if self._run.bounds.minutes is not None:
            left = min(self._run.bounds.minutes - spent, left if progress.step else math.inf)
        loss = self._losses[-1] if self._losses else last.loss
        parts = [
            f"step {progress.step} of {limit}",
            "" if loss is None else f"loss {loss:.3f}",
            f"validation rho {last.rho:+.3f}",
            "" if math.isnan(left) else f"{max(left, 0):.0f} minutes left",
        ]
        text = ", ".join(part for part in parts if part)
        self._run.report(text, progress.step / limit if limit else 1.0)


def _rate(step: int, steps: int, warmup: int) -> float:
    """Share of the learning rate: a linear rise, then half a cosine down to a tenth."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.55 + 0.45 * math.cos(math.pi * (step - warmup) / max(1, steps - warmup))
