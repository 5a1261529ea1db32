"""The evaluator `judge`: a language model behind an OpenAI-compatible endpoint reads the reply."""

import secrets
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from rlaif.evaluator import Assessment, Comparison, Dialogue, Preferred, Unscored
from rlaif.judge_client import Draw, JudgeClient
from rlaif.judge_prompt import (
    COMPARE_SCHEMA,
    SCORE_SCHEMA,
    CompareVerdict,
    ScoreVerdict,
    Winner,
    compare_messages,
    parse_compare,
    parse_score,
    prompt_hash,
    score_messages,
)
from rlaif.metrics import METRIC_KEYS

VerdictT = TypeVar("VerdictT")

_GIVE_UP_AFTER = 3
"""Replies in a row that meet a silent endpoint before the rest is not even tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingSettings:
    """samples: verdicts per reply, their mean is the value and their deviation the spread (none
    for one). malformed_retries: further answers asked for when one does not parse.
    sample_temperature: of every verdict but a first one, which is drawn at 0 when samples is 1.
    """

    samples: int = 1
    malformed_retries: int = 2
    sample_temperature: float = 0.7

    def __post_init__(self) -> None:
        if self.samples < 1 or self.malformed_retries < 0:
            raise EvaluatorError(
                f"samples is {self.samples} and malformed_retries {self.malformed_retries}; "
                "expected 1 or more, and 0 or more"
            )


def _nonce() -> str:
    return secrets.token_hex(16)


class JudgeEvaluator:
    """Asks the same questions of every reply; the persona's card is part of the rubric."""

    kind: Literal["judge"] = "judge"

    def __init__(
        self,
        client: JudgeClient,
        card: Card,
        settings: JudgingSettings | None = None,
        *,
        nonce: Callable[[], str] = _nonce,
    ) -> None:
        self._client = client
        self._card = card
        self._settings = settings or JudgingSettings()
        self._nonce = nonce
        self._hash = prompt_hash(card)

    @property
    def id(self) -> str:
        """Kind, model, hash of everything the judge is told, and the number of samples."""
        return f"judge:{self._client.settings.model}:{self._hash[:12]}:{self._settings.samples}"

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
        try:
            first = self._compare_once(context, reply_a, reply_b)
            second = self._compare_once(context, reply_b, reply_a)
        except VerdictError as error:
            return Unscored(reason=str(error))
        seen: Mapping[Winner, Preferred] = {"A": "a", "B": "b", "tie": "tie"}
        turned: Mapping[Winner, Preferred] = {"A": "b", "B": "a", "tie": "tie"}
        one, other = seen[first.winner], turned[second.winner]
        return Comparison(
            preferred=one if one == other else "tie",
            flipped=one != other,
            reasons=(first.reason, second.reason),
            orders=(one, other),
        )

    def _compare_once(self, context: Dialogue, first: str, second: str) -> CompareVerdict:
        dialogue = Dialogue(turns=context.turns, reply=first, facts=context.facts)
        return self._ask(
            lambda nonce: compare_messages(self._card, dialogue, second, nonce),
            COMPARE_SCHEMA,
            parse_compare,
            sample=0,
        )

    def _assess(self, dialogue: Dialogue) -> Assessment | Unscored:
        if not dialogue.reply.strip():
            return Unscored(reason="the reply is blank")
        verdicts: list[ScoreVerdict] = []
        try:
            for sample in range(self._settings.samples):
                verdict = self._ask(
                    lambda nonce: score_messages(self._card, dialogue, nonce),
                    SCORE_SCHEMA,
                    parse_score,
                    sample=sample,
                )
                verdicts.append(verdict)
        except VerdictError as error:
            return Unscored(reason=str(error))
        by_metric = {key: [verdict.values[key] for verdict in verdicts] for key in METRIC_KEYS}
        return Assessment(
            values={key: statistics.fmean(found) for key, found in by_metric.items()},
            spread=(
                {key: statistics.stdev(found) for key, found in by_metric.items()}
                if len(verdicts) > 1
                else {}
            ),
            reasons=tuple(verdict.reason for verdict in verdicts),
        )

    def _ask(
        self,
        make_messages: Callable[[str], tuple[Message, ...]],
        schema: Mapping[str, object],
        parse: Callable[[str], VerdictT],
        *,
        sample: int,
    ) -> VerdictT:
        """One parsed verdict. Raises VerdictError after the last malformed answer."""
        tries = self._settings.malformed_retries + 1
        for attempt in range(tries):
            calm = self._settings.samples == 1 and attempt == 0
            draw = Draw(
                temperature=0.0 if calm else self._settings.sample_temperature,
                seed=sample * tries + attempt,
            )
            answer = self._client.ask(make_messages(self._nonce()), schema, draw)
            try:
                if not answer.complete:
                    raise VerdictError("the judge's answer was cut off at its length bound")
                return parse(answer.text)
            except VerdictError:
                if attempt + 1 == tries:
                    raise
        raise AssertionError("the last try returns or raises")
