"""Kinds of settings that need more than a type: each says in a few words what it expects."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from rlaif.metrics import METRIC_KEYS


def _time_of_day(value: object) -> object:
    if isinstance(value, time) and value.tzinfo is None:
        return value
    try:
        return datetime.strptime(str(value), "%H:%M").time()
    except ValueError as error:
        raise PydanticCustomError("time_of_day", 'a time of day such as "03:00"') from error


def _zone_name(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PydanticCustomError("zone", 'a time zone such as "Asia/Tokyo"') from error
    return value


def _metric_weights(weights: dict[str, float]) -> dict[str, float]:
    known = set(weights) <= set(METRIC_KEYS)
    if not known or min(weights.values(), default=0) < 0 or not any(weights.values()):
        raise PydanticCustomError(
            "metrics", f"weights of 0 or more, one above 0, of {', '.join(METRIC_KEYS)}"
        )
    return weights


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
MetricWeights = Annotated[
    dict[str, Annotated[float, Field(allow_inf_nan=False)]], AfterValidator(_metric_weights)
]
