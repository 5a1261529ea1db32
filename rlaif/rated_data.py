"""Rated dialogues from a file or folder, whatever its layout, and fair samples of them."""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from persona.errors import DataError
from persona.importers.formats import import_file
from persona.importers.report import ImportedRow, read_written
from persona.importers.tables import read_records
from rlaif.rated_dialogues import RatedDialogue, seat_raters

_WRITTEN = "imported"


def _imported(format: str) -> Callable[[Path], Sequence[ImportedRow]]:
    def read(path: Path) -> Sequence[ImportedRow]:
        report = import_file(format, path)
        if not report.rows:
            worst = report.refused[0]
            raise DataError(
                f"{path}: none of {report.read} rows of the format '{format}' can be used; most: "
                f"{worst.reason} (first: {worst.first})."
            )
        return report.rows

    return read


_READERS: Mapping[str, Callable[[Path], Sequence[ImportedRow]]] = {
    **{name: _imported(name) for name in ("realpersonachat", "jtransformer-eval", "rated")},
    _WRITTEN: read_written,
}
RATED_FORMATS = tuple(_READERS)
"""Formats whose rows may carry ratings; `imported` is what `yogeiko data import` wrote."""


def read_rated(path: Path, format: str | None = None) -> list[RatedDialogue]:
    """One `RatedDialogue` per rating; the format is told from the data when it is None.

    Raises DataError when the path is missing, holds another layout, or holds no rating.
    """
    if not path.exists():
        raise DataError(
            f"{path} does not exist; expected rated dialogues: a file or folder of the formats "
            f"{', '.join(RATED_FORMATS)}."
        )
    chosen = format or detect_format(path)
    reader = _READERS.get(chosen)
    if reader is None:
        raise DataError(
            f"{chosen!r} is no format of rated data; expected one of {', '.join(RATED_FORMATS)}."
        )
    rows = reader(path)
    data = [one for one in seat_raters(rows) if one.ratings]
    if not data:
        raise DataError(
            f"{path} holds {len(rows)} dialogues of the format '{chosen}' and no rating of any; an "
            "evaluator is measured against people's ratings: give rated data."
        )
    return data


def detect_format(path: Path) -> str:
    """The format that the names of fields tell; `rated` when they tell nothing else.

    Raises DataError when the file cannot be read.
    """
    if path.is_dir() or path.suffix == ".xz":
        return "realpersonachat"
    first = next((item for _, item in read_records(path) if item is not None), {})
    fields = {name.strip().lower() for name in first}
    if "interlocutors" in fields or fields >= {"speakers", "utterances"}:
        return "realpersonachat"
    if fields >= {"id", "messages", "licence", "ratings"}:
        return _WRITTEN
    return "jtransformer-eval" if "utterances" in fields else "rated"


def sample_dialogues(
    data: Sequence[RatedDialogue], count: int, seed: int = 20
) -> list[RatedDialogue]:
    """All rows of `count` dialogues, in the order of `data`; everything when it holds no more.

    Raters take turns in picking one of their dialogues, so that nobody fills the sample. A larger
    sample of one seed holds the smaller ones, so that what was computed for them stays of use.
    """
    rng = random.Random(seed)
    by_rater: dict[str, list[str]] = {}
    for one in data:
        by_rater.setdefault(one.rater, []).append(one.group)
    queues = []
    for rater in rng.sample(sorted(by_rater), len(by_rater)):
        groups = sorted(set(by_rater[rater]))
        queues.append(deque(rng.sample(groups, len(groups))))
    chosen = frozenset(islice(_picked(queues), count))
    return [one for one in data if one.group in chosen]


def _picked(queues: Sequence[deque[str]]) -> Iterator[str]:
    """One dialogue per queue in turn, each dialogue once, until all are empty."""
    taken: set[str] = set()
    while any(queues):
        for queue in queues:
            while queue and queue[0] in taken:
                queue.popleft()
            if queue:
                taken.add(queue[0])
                yield queue.popleft()
