"""A filter of replies as query parameters and as the JSON that screens send and keep."""

from typing import Literal
from urllib.parse import parse_qs

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.console.errors import ConsoleError
from app.console.messages import refusal
from store.reply_filter import LONGEST_TEXT, MEASURES, MetricRange, ReplyFilter, is_visitor_prefix

_HIGHEST = 10.0


class ReplyQuery(BaseModel):
    """Which replies are wanted; see `store.reply_filter`.

    `range`: any number of `measure:low:high`, where low and high may be left out (`trust::4.5`).
    Times carry their zone; `until` is exclusive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    range: list[str] = Field(default=[], max_length=30)
    adapter: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    visitor: str | None = None
    thumb: Literal["up", "down", "none"] | None = None
    regenerated: bool | None = None
    unscored: bool | None = None
    conflict: bool | None = None
    personal: bool | None = None
    safety: bool | None = None
    reviewed: bool | None = None
    text: str = ""
    on_screen: bool = True

    def filter(self) -> ReplyFilter:
        """Return it as the store takes it. Raises ConsoleError."""
        if self.visitor is not None and not is_visitor_prefix(self.visitor):
            raise ConsoleError("filter_visitor", value=self.visitor)
        if len(self.text) > LONGEST_TEXT:
            raise ConsoleError("filter_text", longest=LONGEST_TEXT, length=len(self.text))
        return ReplyFilter(
            ranges=tuple(_range(one) for one in self.range),
            adapter=self.adapter,
            since=self.since,
            until=self.until,
            visitor=self.visitor,
            thumb=self.thumb,
            regenerated=self.regenerated,
            unscored=self.unscored,
            conflict=self.conflict,
            personal=self.personal,
            safety=self.safety,
            reviewed=self.reviewed,
            text=self.text,
            on_screen=self.on_screen,
        )


def read_query(text: str) -> ReplyFilter:
    """Return the filter that `text` says as query parameters, such as `range=trust:5:&thumb=down`.

    Raises ValueError, a sentence.
    """
    asked = parse_qs(text.removeprefix("?"), keep_blank_values=True, strict_parsing=bool(text))
    given = {name: values if name == "range" else values[-1] for name, values in asked.items()}
    try:
        return ReplyQuery.model_validate(given).filter()
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        known = ", ".join(ReplyQuery.model_fields)
        name = ".".join(str(part) for part in fault["loc"])
        raise ValueError(f"{name}: {fault['msg']}; known are {known}") from error
    except ConsoleError as error:
        raise ValueError(refusal("en", error.code, error.places)) from error


def _range(words: str) -> MetricRange:
    measure, *bounds = words.split(":")
    try:
        low, high = (float(bound) if bound else None for bound in bounds)
    except ValueError as error:
        raise ConsoleError("filter_range", value=words) from error
    fits = all(bound is None or 0 <= bound <= _HIGHEST for bound in (low, high))
    if measure not in MEASURES or not fits:
        raise ConsoleError("filter_range", value=words)
    return MetricRange(metric=measure, low=low, high=high)
