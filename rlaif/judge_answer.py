"""What counts as a judge's answer: one strict JSON object, or one digit."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictInt, ValidationError

from rlaif.errors import NoFigureError, VerdictError
from rlaif.evaluator import Pick
from rlaif.judge_client import JudgeAnswer, TokenChances
from rlaif.metrics import SCALE

Style = Literal["reasoned", "flat", "digit"]

REASON_CHARACTERS = 200
_FEW_POINTS = 12
"""Up to so many points a schema names each, because not every endpoint knows bounds."""
_DIGIT_TOKENS = 4
_LEAST_CHANCE = 0.1
"""A judge that leaves the digits less than this together is not answering with a figure."""

_REASON: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": REASON_CHARACTERS}

COMPARE_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"reason": _REASON, "winner": {"type": "string", "enum": ["A", "B", "tie"]}},
    "required": ["reason", "winner"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """How figures are written: `keys` of them, each a whole number from `low` to `high`.

    reasoned: a reason, then the figures, as JSON. flat: the figures alone, as JSON. digit: one
    figure and nothing else, so that one token is one figure in every vocabulary.
    """

    style: Style
    keys: tuple[str, ...]
    low: int
    high: int

    @property
    def schema(self) -> Mapping[str, object] | None:
        """Of the JSON; None for a digit."""
        if self.style == "digit":
            return None
        figures = _object({key: self._figure() for key in self.keys})
        # The order is the order of writing: the reason comes before the figures it explains.
        return (
            _object({"reason": _REASON, "scores": figures}) if self.style == "reasoned" else figures
        )

    @property
    def max_tokens(self) -> int | None:
        """Bound on a digit's answer; JSON has the settings' bound."""
        return _DIGIT_TOKENS if self.style == "digit" else None

    def points(self, figure: float) -> float:
        """A figure on the scale of all evaluators."""
        bottom, top = SCALE
        return bottom + (figure - self.low) * (top - bottom) / (self.high - self.low)

    def _figure(self) -> Mapping[str, object]:
        if self.high - self.low < _FEW_POINTS:
            return {"type": "integer", "enum": list(range(self.low, self.high + 1))}
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One answer: figures by key, 0..10, and the reason written before them, if any.

    `deviations`: of the judge's own token probabilities, in points; None when the figures were
    read from the text.
    """

    values: Mapping[str, float]
    reason: str = ""
    deviations: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareVerdict:
    """Which of two replies a judge prefers in the order shown."""

    reason: str
    pick: Pick


_Reason = Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS)]
_STRICT = ConfigDict(extra="forbid", strict=True)


class _CompareAnswer(BaseModel):
    model_config = _STRICT

    reason: _Reason
    winner: Literal["A", "B", "tie"]


class _ReasonedAnswer(BaseModel):
    model_config = _STRICT

    reason: _Reason
    scores: dict[str, StrictInt]


class _FlatAnswer(RootModel[dict[str, StrictInt]]):
    pass


AnswerT = TypeVar("AnswerT", bound=BaseModel)


def parse_figures(answer: JudgeAnswer, form: AnswerForm) -> Figures:
    """Read an answer in its form. Raises VerdictError; see `_strict`.

    A digit is read from token probabilities where they came along: the mean of the figures,
    each weighed by its probability.
    """
    if form.style == "digit":
        return _digit(answer, form)
    if not answer.complete:
        raise VerdictError("the judge's answer was cut off at its length bound")
    if form.style == "flat":
        return Figures(values=_points(_strict(answer.text, _FlatAnswer).root, form))
    reasoned = _strict(answer.text, _ReasonedAnswer)
    return Figures(values=_points(reasoned.scores, form), reason=reasoned.reason)


def parse_compare(answer: JudgeAnswer) -> CompareVerdict:
    """Read an answer to a comparison. Raises VerdictError; see `_strict`."""
    if not answer.complete:
        raise VerdictError("the judge's answer was cut off at its length bound")
    parsed = _strict(answer.text, _CompareAnswer)
    picks: Mapping[str, Pick] = {"A": "first", "B": "second", "tie": "tie"}
    return CompareVerdict(reason=parsed.reason, pick=picks[parsed.winner])


def _object(properties: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _points(figures: Mapping[str, int], form: AnswerForm) -> dict[str, float]:
    if set(figures) != set(form.keys):
        raise VerdictError("the judge's answer lacks figures or names unknown ones")
    if not all(form.low <= figure <= form.high for figure in figures.values()):
        raise VerdictError("the judge's answer does not fit the schema at 'scores'")
    return {key: form.points(figures[key]) for key in form.keys}


def _digit(answer: JudgeAnswer, form: AnswerForm) -> Figures:
    (key,) = form.keys
    text = answer.text.strip()
    place = next((one for one in answer.chances if one.token.strip()), None)
    if place is not None and place.likely:
        return _expected(place, form, key)
    if not re.fullmatch("[0-9]", text) or not form.low <= int(text) <= form.high:
        raise VerdictError("the judge's answer is not one digit of the scale")
    return Figures(values={key: form.points(int(text))})


def _expected(place: TokenChances, form: AnswerForm, key: str) -> Figures:
    """Mean and deviation of the figure whose digit stands at a place."""
    digits = {str(figure): figure for figure in range(form.low, form.high + 1)}
    found: list[tuple[float, float]] = [
        (form.points(digits[token.strip()]), math.exp(log_p))
        for token, log_p in place.likely
        if token.strip() in digits
    ]
    mass = sum(chance for _, chance in found)
    if mass < _LEAST_CHANCE:
        raise NoFigureError("the judge was not about to answer with a digit of the scale")
    mean = sum(value * chance for value, chance in found) / mass
    variance = sum((value - mean) ** 2 * chance for value, chance in found) / mass
    return Figures(values={key: mean}, deviations={key: math.sqrt(variance)})


def _strict(text: str, model: type[AnswerT]) -> AnswerT:
    """The one JSON object that the whole of `text` is.

    Raises VerdictError, whose message quotes nothing of the answer, for anything else: words
    around it, a key twice, missing or unknown, a figure outside the scale or written as text, a
    blank reason or one written after the verdict.
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice)
    except (json.JSONDecodeError, RecursionError) as error:
        raise VerdictError("the judge's answer is not one JSON object") from error
    try:
        answer = model.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"] if part in _KNOWN_KEYS)
        raise VerdictError(
            f"the judge's answer does not fit the schema at '{place or 'the top'}'"
        ) from error
    reasoned = "reason" in model.model_fields
    if reasoned and (next(iter(document)) != "reason" or not document["reason"].strip()):
        raise VerdictError("the judge's answer does not begin with a reason")
    return answer


_KNOWN_KEYS = frozenset({"reason", "scores", "winner"})


def _no_key_twice(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise VerdictError("the judge's answer holds a key twice")
    return found
