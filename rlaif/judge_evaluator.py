"""The evaluator `judge`: a language model behind an OpenAI-compatible endpoint reads the reply."""

import hashlib
import secrets
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from persona.card import Card
from persona.engine import Message
from rlaif.errors import (
    EvaluatorError,
    JudgeBudgetError,
    JudgeCallError,
    JudgeUnreachableError,
    VerdictError,
)
from rlaif.evaluator import (
    Asked,
    AskedDraw,
    AskedPrompt,
    Assessment,
    Comparison,
    Dialogue,
    Pick,
    Preferred,
    Unscored,
)
from rlaif.judge_answer import (
    COMPARE_SCHEMA,
    CompareVerdict,
    Figures,
    parse_compare,
    parse_figures,
)
from rlaif.judge_client import AnswerShape, Draw, JudgeAnswer, JudgeClient
from rlaif.judge_draws import first_verdict
from rlaif.judge_fence import pair_record, reply_record
from rlaif.judge_preset_names import PresetName
from rlaif.judge_presets import STOCK_REPLY, preset_of
from rlaif.judge_prompt import judge_prompt, messages_digest
from rlaif.metrics import METRIC_KEYS, SCALE

VerdictT = TypeVar("VerdictT")

_GIVE_UP_AFTER = 3
"""Replies in a row that meet a silent endpoint before the rest is not even tried."""
_WON: Mapping[Pick, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingSettings:
    """samples: verdicts per reply, their mean is the value and their deviation the spread (none
    for one); None is the preset's own number. malformed_retries: further answers asked for when one
    does not parse. sample_temperature: of every verdict but a first one, which is drawn at 0 when
    samples is 1; None is the preset's own.
    """

    samples: int | None = None
    malformed_retries: int = 2
    sample_temperature: float | None = None

    def __post_init__(self) -> None:
        if (self.samples is not None and self.samples < 1) or self.malformed_retries < 0:
            raise EvaluatorError(
                f"samples is {self.samples} and malformed_retries {self.malformed_retries}; "
                "expected 1 or more, and 0 or more"
            )


@dataclass(frozen=True, slots=True)
class _Call:
    """One question as it is asked, its place in the prompt, and which sample this is."""

    messages: tuple[Message, ...]
    question: int
    sample: int
    shape: AnswerShape


def _nonce() -> str:
    return secrets.token_hex(16)


class JudgeEvaluator:
    """Asks the same questions of every reply; the persona's card is part of what is told."""

    kind: Literal["judge"] = "judge"

    def __init__(
        self,
        client: JudgeClient,
        card: Card,
        settings: JudgingSettings | None = None,
        *,
        preset: PresetName = "rubric",
        nonce: Callable[[], str] = _nonce,
    ) -> None:
        chosen, given = preset_of(preset), settings or JudgingSettings()
        self._client = client
        self._preset = chosen
        self._retries = given.malformed_retries
        self._samples = given.samples or chosen.samples
        self._temperature = (
            chosen.temperature if given.sample_temperature is None else given.sample_temperature
        )
        self._nonce = nonce
        self._prompt = judge_prompt(card, chosen, self._samples, self._temperature)

    @property
    def id(self) -> str:
        """Kind, preset, model, and hash of everything the judge is told and of how it is read."""
        told = f"{self._prompt.about_reply.sha256} {self._prompt.about_pair.sha256}"
        digest = hashlib.sha256(told.encode()).hexdigest()
        return f"judge:{self._preset.name}:{self._client.settings.model}:{digest[:12]}"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order.

        Raises EvaluatorError when not one could be scored because the endpoint is silent, refuses
        or is out of budget; replies after the first scored one become Unscored instead.
        """
        verdicts: list[Assessment | Unscored] = []
        stopped: EvaluatorError | None = None
        silent = 0
        for done, dialogue in enumerate(dialogues, start=1):
            if stopped is None:
                try:
                    verdicts.append(self._assess(dialogue))
                    silent = 0
                except JudgeUnreachableError as error:
                    silent += 1
                    verdicts.append(Unscored(reason=error.short))
                    stopped = error if silent >= _GIVE_UP_AFTER else None
                except (JudgeBudgetError, JudgeCallError) as error:
                    verdicts.append(Unscored(reason=error.short))
                    stopped = error
            else:
                verdicts.append(Unscored(reason=stopped.short))
            if report is not None:
                report(done)
        if stopped is not None and not any(isinstance(v, Assessment) for v in verdicts):
            raise stopped
        return verdicts

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        """Judge two replies to `context` (whose own reply is not looked at) in both orders.

        A judge that changes its mind with the order gives a tie; an answer that does not parse
        after its retries makes the pair unscored. Raises EvaluatorError as `JudgeClient.ask` does.
        """
        nonce, fill = self._nonce(), self._prompt.comparison.fill
        calls = [
            _Call(
                messages=fill(nonce, pair_record(replace(context, reply=one), other)),
                question=order,
                sample=0,
                shape=AnswerShape(schema=COMPARE_SCHEMA),
            )
            for order, (one, other) in enumerate(((reply_a, reply_b), (reply_b, reply_a)))
        ]
        draws: list[AskedDraw] = []
        try:
            first, second = [self._ask(call, parse_compare, draws) for call in calls]
        except VerdictError as error:
            return Unscored(reason=str(error))
        asked = _asked(self._prompt.about_pair, nonce, calls, draws)
        return _comparison(first, second, asked)

    def _assess(self, dialogue: Dialogue) -> Assessment | Unscored:
        if not dialogue.reply.strip():
            return Unscored(reason="the reply is blank")
        if not self._prompt.questions:
            return self._against_stock_reply(dialogue)
        nonce, record = self._nonce(), reply_record(dialogue)
        calls = [
            _Call(
                messages=question.template.fill(nonce, record),
                question=number,
                sample=0,
                shape=AnswerShape(
                    schema=question.form.schema,
                    max_tokens=question.form.max_tokens,
                    chances=question.form.style == "digit",
                ),
            )
            for number, question in enumerate(self._prompt.questions)
        ]
        draws: list[AskedDraw] = []
        samples: list[list[Figures]] = []
        try:
            for sample in range(self._samples):
                samples.append(
                    [self._figures(replace(call, sample=sample), draws) for call in calls]
                )
                if all(one.deviations is not None for one in samples[-1]):
                    break
        except VerdictError as error:
            return Unscored(reason=str(error))
        return self._assessment(
            samples, _asked(self._prompt.about_reply, nonce, calls, draws, samples[-1])
        )

    def _figures(self, call: _Call, draws: list[AskedDraw]) -> Figures:
        form = self._prompt.questions[call.question].form
        return self._ask(call, lambda answer: parse_figures(answer, form), draws)

    def _assessment(self, samples: Sequence[Sequence[Figures]], asked: Asked) -> Assessment:
        """The impressions that the figures of all samples stand for."""
        drawn = [self._impressions([one.values for one in answers]) for answers in samples]
        by_metric = {key: [one[key] for one in drawn] for key in METRIC_KEYS}
        own = [one.deviations for one in samples[-1] if one.deviations is not None]
        spread: Mapping[str, float] = {}
        if len(samples) > 1:
            spread = {key: statistics.stdev(found) for key, found in by_metric.items()}
        elif len(own) == len(samples[-1]):
            spread = self._impressions(own)
        return Assessment(
            values={key: statistics.fmean(found) for key, found in by_metric.items()},
            spread=spread,
            reasons=tuple(one.reason for answers in samples for one in answers if one.reason),
            asked=asked,
        )

    def _impressions(self, figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
        merged = {key: value for some in figures for key, value in some.items()}
        return {
            metric: statistics.fmean(merged[key] for key in keys)
            for metric, keys in self._preset.impressions.items()
        }

    def _against_stock_reply(self, dialogue: Dialogue) -> Assessment | Unscored:
        """Every impression alike: the share of orders won against a reply that fits anywhere."""
        found = self.compare(dialogue, dialogue.reply, STOCK_REPLY)
        if isinstance(found, Unscored):
            return found
        assert found.picks is not None
        assert found.asked is not None
        first, second = found.picks
        low, high = SCALE
        value = low + (high - low) * (_WON[first] + 1 - _WON[second]) / 2
        return Assessment(
            values=dict.fromkeys(METRIC_KEYS, value),
            spread={},
            reasons=found.reasons,
            asked=replace(found.asked, prompt=self._prompt.about_reply),
        )

    def _ask(
        self, call: _Call, parse: Callable[[JudgeAnswer], VerdictT], draws: list[AskedDraw]
    ) -> VerdictT:
        """One parsed verdict, whose draw is noted. Raises VerdictError after the last malformed
        answer."""
        tries = self._retries + 1
        calm = self._samples == 1
        planned = [
            Draw(
                temperature=0.0 if calm and attempt == 0 else self._temperature,
                seed=call.sample * tries + attempt,
            )
            for attempt in range(tries)
        ]
        verdict, draw = first_verdict(self._client, call.messages, call.shape, parse, planned)
        draws.append(
            AskedDraw(question=call.question, temperature=draw.temperature, seed=draw.seed)
        )
        return verdict


def _asked(
    prompt: AskedPrompt,
    nonce: str,
    calls: Sequence[_Call],
    draws: Sequence[AskedDraw],
    figures: Sequence[Figures] = (),
) -> Asked:
    from_chances = bool(figures) and all(one.deviations is not None for one in figures)
    return Asked(
        prompt=prompt,
        nonce=nonce,
        draws=tuple(draws),
        digest=messages_digest([call.messages for call in calls]),
        reading="probabilities" if from_chances else "text",
    )


def _comparison(first: CompareVerdict, second: CompareVerdict, asked: Asked) -> Comparison:
    seen: Mapping[Pick, Preferred] = {"first": "a", "second": "b", "tie": "tie"}
    turned: Mapping[Pick, Preferred] = {"first": "b", "second": "a", "tie": "tie"}
    one, other = seen[first.pick], turned[second.pick]
    return Comparison(
        preferred=one if one == other else "tie",
        flipped=one != other,
        reasons=(first.reason, second.reason),
        picks=(first.pick, second.pick),
        asked=asked,
    )
