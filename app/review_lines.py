"""Lines of exported reviews, read one by one; what is wrong with one is told with its number."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from store.export_files import csv_text
from store.night_records import NewReview
from store.operators import LONGEST_NAME
from store.reviews import REVIEW_KINDS
from store.turns import one_of

ReviewForm = Literal["jsonl", "csv"]
_LONGEST_CELL = 10_000_000
_SHOWN = 40
_NEEDED = ("operator", "kind")

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Line(BaseModel):
    """A line; columns that an export has beside these are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    review_id: int | None = None
    target_id: int | None = None
    operator: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    kind: str
    reply_id: Id | None = None
    pair_id: str | None = None
    metric: str | None = None
    value: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    text: Annotated[str, Field(max_length=8_000)] | None = None
    note: Annotated[str, Field(max_length=8_000)] | None = None
    at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    """A review as a file has it. `number`: of its line. `own_id`: in the file; `target_id`: the
    review of the file that it takes back or restores. `at` None: now."""

    number: int
    review: NewReview
    at: datetime | None
    own_id: int | None
    target_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFault:
    """What is wrong with a line."""

    line: int
    reason: str


def read_lines(form: ReviewForm, lines: Iterable[bytes]) -> Iterator[ReviewLine | LineFault]:
    """Yield what each line that is not empty says, or what is wrong with it."""
    for number, found in _csv_values(lines) if form == "csv" else _json_values(lines):
        yield found if isinstance(found, LineFault) else _read(number, found)


def _json_values(lines: Iterable[bytes]) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            yield number, LineFault(line=number, reason="it is not JSON; expected one object")


def _csv_values(lines: Iterable[bytes]) -> Iterator[tuple[int, object]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(_decoded(lines), strict=True)
    header: Sequence[str] | None = None
    number = 1
    while True:
        try:
            cells = next(reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            yield number, LineFault(line=number, reason=f"the rest is not CSV in UTF-8: {error}")
            return
        if cells is None:
            return
        if header is None:
            header = cells
            missing = [name for name in _NEEDED if name not in header]
            if missing:
                reason = f"the header has no column {', '.join(missing)}"
                yield number, LineFault(line=number, reason=reason)
                return
        elif cells:
            yield number, _cells(number, header, cells)
        number = reader.line_num + 1


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _cells(number: int, header: Sequence[str], cells: Sequence[str]) -> object:
    if len(cells) != len(header):
        reason = f"it has {len(cells)} cells; expected {len(header)}, as the header has"
        return LineFault(line=number, reason=reason)
    named = zip(header, cells, strict=True)
    return {name: csv_text(cell) for name, cell in named if cell != ""}


def _read(number: int, value: object) -> ReviewLine | LineFault:
    try:
        line = _Line.model_validate(value)
        review = NewReview(
            operator=line.operator,
            kind=one_of(line.kind, REVIEW_KINDS),
            reply_id=line.reply_id,
            pair_id=line.pair_id,
            metric=line.metric,
            value=line.value,
            text=line.text,
            note=line.note,
        )
    except ValidationError as error:
        return LineFault(line=number, reason=_sentence(error))
    except ValueError:
        return LineFault(
            line=number,
            reason=f"kind is {_short(line.kind)}; expected one of {', '.join(REVIEW_KINDS)}",
        )
    return ReviewLine(
        number=number,
        review=review,
        at=line.at,
        own_id=line.review_id,
        target_id=line.target_id,
    )


def _sentence(error: ValidationError) -> str:
    fault = error.errors()[0]
    if not fault["loc"]:
        return "it is no object; expected one with operator, kind and what is reviewed"
    name = fault["loc"][0]
    if fault["type"] == "missing":
        return f"{name} is missing"
    expected = fault["msg"].removeprefix("Input should ").removeprefix("be ")
    return f"{name} is {_short(fault['input'])}; expected {expected}"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
