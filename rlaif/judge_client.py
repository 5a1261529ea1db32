"""Asks an OpenAI-compatible endpoint for one JSON answer, within bounds of time, tries and cost."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx
from pydantic import BaseModel, ValidationError

from persona.engine import Message
from rlaif.errors import EvaluatorError, JudgeBudgetError, JudgeCallError, JudgeUnreachableError

_log = logging.getLogger(__name__)

SchemaSupport = Literal["auto", "always", "never"]

_RETRIED = frozenset({408, 409, 425, 429})
_REFUSED_FORMAT = frozenset({400, 404, 415, 422, 501})
_MAX_ANSWER_BYTES = 1_000_000
_ALTERNATIVES = (20, 5)
"""How many likely tokens are asked for per position; fewer where an endpoint refuses so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """Which endpoint judges, and what it may cost.

    base_url up to and including /v1; api_key never appears in a repr, a log or an error.
    timeout_seconds bounds one whole call, attempts the calls per answer, backoff_seconds the first
    pause between them (doubled each time, with jitter, at most max_backoff_seconds).
    max_answer_tokens bounds one answer. max_total_tokens and max_cost bound everything one client
    ever asks; prices are per million tokens in the currency of max_cost.
    json_schema: `auto` offers the schema and stops offering it when the endpoint refuses it.
    probabilities: whether token probabilities are asked for where a preset reads them; an endpoint
    that refuses or leaves them out is not asked again.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout_seconds: float = 60.0
    attempts: int = 3
    backoff_seconds: float = 1.0
    max_backoff_seconds: float = 30.0
    max_answer_tokens: int = 400
    max_total_tokens: int = 2_000_000
    max_cost: float | None = None
    prompt_price: float = 0.0
    answer_price: float = 0.0
    json_schema: SchemaSupport = "auto"
    probabilities: bool = True

    def __post_init__(self) -> None:
        url = httpx.URL(self.base_url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            # Not shown: a key may have been written into it.
            raise EvaluatorError(
                "the judge's base_url is no plain address; expected http(s)://host[:port]/v1 "
                "without user, password or query"
            )
        bounds = {
            "timeout_seconds": self.timeout_seconds,
            "attempts": self.attempts,
            "max_answer_tokens": self.max_answer_tokens,
            "max_total_tokens": self.max_total_tokens,
        }
        for name, value in bounds.items():
            if value <= 0:
                raise EvaluatorError(f"{name} is {value}; expected a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChances:
    """One token of an answer, and the log-probabilities of the likeliest at its place, in nats."""

    token: str
    likely: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAnswer:
    """What the judge wrote, and whether it ended by itself.

    `chances`: its tokens in order; empty when they were not asked for or not offered.
    """

    text: str
    complete: bool
    chances: tuple[TokenChances, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShape:
    """What an answer is to look like. `schema`: of the JSON object, None for plain text.

    `max_tokens` None: the settings' bound. `chances`: ask for token probabilities.
    """

    schema: Mapping[str, object] | None = None
    max_tokens: int | None = None
    chances: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Calls answered, tokens and cost so far, calls that failed included where they were told."""

    calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and answer tokens together."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How an answer is drawn; a seed is a wish that some endpoints ignore."""

    temperature: float = 0.0
    seed: int = 0


class _Message(BaseModel):
    content: str | None = None


class _Likely(BaseModel):
    token: str
    logprob: float


class _Token(BaseModel):
    token: str
    top_logprobs: list[_Likely] = []


class _Tokens(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Tokens | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


class JudgeClient:
    """One endpoint and its budget. For one thread."""

    def __init__(
        self,
        settings: JudgeSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or random.Random()
        self._spent = Spent()
        self._offers_schema = settings.json_schema != "never"
        self._alternatives = list(_ALTERNATIVES) if settings.probabilities else []
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        # Proxies and .netrc of the environment would see the visitors' words, or replace the key.
        self._http = httpx.Client(
            headers=headers, timeout=settings.timeout_seconds, trust_env=False
        )

    @property
    def spent(self) -> Spent:
        """Everything asked of this client so far."""
        return self._spent

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def ask(
        self,
        messages: Sequence[Message],
        shape: AnswerShape | Mapping[str, object],
        draw: Draw,
    ) -> JudgeAnswer:
        """Return the answer to `messages`; a mapping is a shape's schema.

        Raises JudgeBudgetError before a call that could pass the cap, JudgeUnreachableError when
        every attempt met silence or an error of the server, JudgeCallError when it refuses.
        """
        wanted = shape if isinstance(shape, AnswerShape) else AnswerShape(schema=shape)
        problem = ""
        for attempt in range(self.settings.attempts):
            self._check_budget(messages)
            try:
                status, body, wanted_pause = self._exchange(messages, wanted, draw)
            except (httpx.TransportError, TimeoutError) as error:
                problem, wanted_pause = type(error).__name__, None
            else:
                if status == httpx.codes.OK:
                    return self._read(body, messages, wanted)
                problem = f"status {status}"
                if status not in _RETRIED and status < 500:
                    raise JudgeCallError(
                        f"the judge {self._name()} refused with {problem}; expected 200: check its "
                        "address, model name and key"
                    )
            if attempt + 1 < self.settings.attempts:
                _log.warning("judge %s: %s, attempt %d", self._name(), problem, attempt + 1)
                self._sleep(self._pause(attempt, wanted_pause))
        raise JudgeUnreachableError(
            f"the judge {self._name()} failed {self.settings.attempts} times, lastly with {problem};"
            " expected an answer: check that the server runs and is not overloaded"
        )

    def _exchange(
        self, messages: Sequence[Message], shape: AnswerShape, draw: Draw
    ) -> tuple[int, bytes, float | None]:
        """As `_post`, again without what the endpoint may not take: probabilities, then a schema."""
        answered = self._post(messages, shape, draw)
        asked_for = list(self._alternatives)
        while answered[0] in _REFUSED_FORMAT and shape.chances and self._alternatives:
            del self._alternatives[0]
            answered = self._post(messages, shape, draw)
        if answered[0] in _REFUSED_FORMAT:
            # It was something else that was refused.
            self._alternatives = asked_for
            if shape.schema is not None and self._stop_offering():
                return self._post(messages, shape, draw)
        return answered

    def _post(
        self, messages: Sequence[Message], shape: AnswerShape, draw: Draw
    ) -> tuple[int, bytes, float | None]:
        """Status, body and the pause the server asks for. Raises TimeoutError, TransportError."""
        body: dict[str, object] = {
            "model": self.settings.model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "temperature": draw.temperature,
            "seed": draw.seed,
            "max_tokens": shape.max_tokens or self.settings.max_answer_tokens,
        }
        if shape.chances and self._alternatives:
            body |= {"logprobs": True, "top_logprobs": self._alternatives[0]}
        if shape.schema is not None and self._offers_schema:
            named = {"name": "verdict", "strict": True, "schema": shape.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        deadline = self._clock() + self.settings.timeout_seconds
        url = f"{self.settings.base_url.rstrip('/')}/chat/completions"
        with self._http.stream("POST", url, json=body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                # httpx times single reads: a server that drips would hold us for ever.
                if self._clock() > deadline:
                    raise TimeoutError
                if size > _MAX_ANSWER_BYTES:
                    raise JudgeCallError(
                        f"the judge {self._name()} sent more than {_MAX_ANSWER_BYTES} bytes; "
                        "expected one short verdict"
                    )
                parts.append(part)
            return response.status_code, b"".join(parts), _retry_after(response)

    def _stop_offering(self) -> bool:
        """Give the schema up after a refusal; False when it was not offered or is required."""
        if not self._offers_schema or self.settings.json_schema == "always":
            return False
        self._offers_schema = False
        _log.info("judge %s takes no json_schema; answers are parsed as strictly", self._name())
        return True

    def _read(self, body: bytes, messages: Sequence[Message], shape: AnswerShape) -> JudgeAnswer:
        try:
            completion = _Completion.model_validate_json(body)
            choice = completion.choices[0]
        except (ValidationError, IndexError) as error:
            self._count(_Usage(prompt_tokens=_token_bound(messages)))
            raise JudgeCallError(
                f"the judge {self._name()} answered something else than a chat completion; "
                "expected an OpenAI-compatible server under base_url"
            ) from error
        text = choice.message.content or ""
        self._count(
            completion.usage
            or _Usage(prompt_tokens=_token_bound(messages), completion_tokens=len(text))
        )
        tokens = choice.logprobs.content or [] if choice.logprobs else []
        chances = tuple(
            TokenChances(
                token=one.token, likely=tuple((it.token, it.logprob) for it in one.top_logprobs)
            )
            for one in tokens
        )
        if shape.chances and text and not any(one.likely for one in chances):
            self._alternatives.clear()
        return JudgeAnswer(text=text, complete=choice.finish_reason != "length", chances=chances)

    def _count(self, usage: _Usage) -> None:
        asked, answered = max(usage.prompt_tokens, 0), max(usage.completion_tokens, 0)
        self._spent = Spent(
            calls=self._spent.calls + 1,
            prompt_tokens=self._spent.prompt_tokens + asked,
            answer_tokens=self._spent.answer_tokens + answered,
            cost=self._spent.cost + self._price(asked, answered),
        )

    def _price(self, asked: int, answered: int) -> float:
        return (asked * self.settings.prompt_price + answered * self.settings.answer_price) / 1e6

    def _check_budget(self, messages: Sequence[Message]) -> None:
        asked, answered = _token_bound(messages), self.settings.max_answer_tokens
        tokens = self._spent.tokens + asked + answered
        if tokens > self.settings.max_total_tokens:
            raise JudgeBudgetError(
                f"the judge has used {self._spent.tokens} tokens; another call could pass "
                f"max_total_tokens {self.settings.max_total_tokens}: raise it to go on"
            )
        cost = self._spent.cost + self._price(asked, answered)
        if self.settings.max_cost is not None and cost > self.settings.max_cost:
            raise JudgeBudgetError(
                f"the judge has cost {self._spent.cost:.4f}; another call could pass max_cost "
                f"{self.settings.max_cost}: raise it to go on"
            )

    def _pause(self, attempt: int, wanted: float | None) -> float:
        grown = self.settings.backoff_seconds * 2.0**attempt * self._rng.uniform(0.5, 1.5)
        return min(max(grown, wanted or 0.0), self.settings.max_backoff_seconds)

    def _name(self) -> str:
        url = httpx.URL(self.settings.base_url)
        return f"'{self.settings.model}' at {url.host}:{url.port or ''}"


def _token_bound(messages: Sequence[Message]) -> int:
    """No tokenizer makes more tokens of Japanese than there are bytes; two a character is ample."""
    return sum(2 * len(m.content) + 8 for m in messages)


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
