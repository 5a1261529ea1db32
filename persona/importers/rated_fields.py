"""Fields that the formats of rated dialogues share: names, numbers, texts, lists of turns."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping

from persona.errors import DataError
from persona.importers.report import ImportedRow, RowCollector
from persona.importers.tables import read_records

IMPRESSIONS: Mapping[str, str] = {
    "agency": "主体性",
    "attentiveness": "傾聴",
    "consistency": "一貫性",
    "ease": "話しやすさ",
    "empathetic": "共感",
    "emotion": "感情",
    "enjoyability": "楽しさ",
    "humanness": "人間らしさ",
    "personality": "個性",
    "respeak": "再対話",
    "topic": "話題",
    "trust": "信頼",
}
"""The twelve impressions, 0 to 10, with their Japanese names."""
LOWEST, HIGHEST = 0.0, 10.0

_SHOWN_LETTERS = 20

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_IMPRESSION_OF = {**{key: key for key in IMPRESSIONS}, **{ja: k for k, ja in IMPRESSIONS.items()}}


class UnusableRowError(ValueError):
    """Why one row is left out, and the beginning of the value that is to blame, if it is one."""

    def __init__(self, reason: str, value: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.shown = "" if value is None else repr(str(value)[:_SHOWN_LETTERS])


def impression_of(name: str) -> str | None:
    """The impression that a column names, in English of any case or in Japanese; None otherwise."""
    return _IMPRESSION_OF.get(name.strip().lower())


def rename(
    record: Mapping[str, object], aliases: Mapping[str, str], where: str
) -> dict[str, object]:
    """The record with every field under the name that `aliases` (lower case -> name) gives it.

    Raises DataError when a field is unknown, or two mean the same.
    """
    renamed: dict[str, object] = {}
    for given, value in record.items():
        name = aliases.get(given.strip().lower())
        if name is None:
            known = ", ".join(dict.fromkeys(aliases.values()))
            raise DataError(f"{where}: the field {given!r} is unknown; expected {known}.")
        if name in renamed:
            raise DataError(f"{where}: the field {given!r} gives {name} a second time; keep one.")
        renamed[name] = value
    return renamed


def score_of(name: str, value: object) -> float:
    """A figure, also written as text; from 0 to 10 where `name` is one of the twelve impressions.

    Raises UnusableRowError.
    """
    number = _number_of(value)
    if name not in IMPRESSIONS:
        if number is None:
            raise UnusableRowError("a figure is no number", f"{name}: {value}")
        return number
    if number is None or not LOWEST <= number <= HIGHEST:
        raise UnusableRowError(f"{name} is no number from {LOWEST:g} to {HIGHEST:g}", value)
    return number


def _number_of(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def name_of(record: Mapping[str, object], field: str) -> str:
    """A name as text, "" when it is left out. Raises UnusableRowError."""
    value = record.get(field)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnusableRowError(f"{field} is neither text nor a whole number", value)
    return str(value).strip()


def turns_of(
    record: Mapping[str, object], field: str, keys: tuple[str, str], roles: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Turns as (role, text); the field is a list, or the JSON text of one, of objects with `keys`
    or of [speaker, text]. `roles` gives the role of a speaker in lower case.

    Raises UnusableRowError.
    """
    value = record[field]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise UnusableRowError(f"{field} is no JSON list of turns", record[field]) from error
    if not isinstance(value, list):
        raise UnusableRowError(f"{field} is no list of turns", value)
    return [_turn_of(item, field, keys, roles) for item in value]


def _turn_of(
    item: object, field: str, keys: tuple[str, str], roles: Mapping[str, str]
) -> tuple[str, str]:
    if isinstance(item, Mapping) and set(item) == set(keys):
        speaker, text = item[keys[0]], item[keys[1]]
    elif isinstance(item, list) and len(item) == 2:
        speaker, text = item
    else:
        raise UnusableRowError(f"{field} holds what is no turn of {keys[0]} and {keys[1]}", item)
    role = roles.get(speaker.strip().lower()) if isinstance(speaker, str) else None
    if role is None:
        raise UnusableRowError(f"{field} name a speaker who is none of {', '.join(roles)}", speaker)
    if not isinstance(text, str):
        raise UnusableRowError(f"{field} hold a turn that is no text", text)
    return role, text


def require_fields(record: Mapping[str, object], wanted: Iterable[str], where: str) -> None:
    """Pass when all are there. Raises DataError naming the first that is missing."""
    for name in wanted:
        if name not in record:
            raise DataError(
                f"{where}: the field '{name}' is missing; add it, or rename its column."
            )


def keep_rows(out: RowCollector, read: Callable[[Mapping[str, object], str], ImportedRow]) -> None:
    """Gather what `read` makes of each record of the file and its place; what it finds unusable is
    refused by itself, with the value."""
    for number, item in read_records(out.path):
        where = f"{out.path.name} row {number}"
        if item is None:
            out.refuse("no JSON object, or not as many cells as the header", where=where)
            continue
        try:
            out.keep(read(item, where))
        except UnusableRowError as error:
            out.refuse(error.reason, where=where if not error.shown else f"{where}, {error.shown}")
