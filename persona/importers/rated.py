"""Rated replies or dialogues of one's own, with whatever figures one has.

CSV or TSV with a header, a JSON array or JSON lines, in UTF-8. Fields:

- what was said: `messages`, the list of turns, when the whole dialogue was rated; or `turns` and
  `reply` when the reply was, `turns` ending with the user's. A turn is {"role": …, "content": …} or
  [role, content], a role is user or assistant; `turns` may also be the user's one turn as text. In a
  table the lists stand as JSON;
- `ratings`, an object of figures by name; in a table every column that is not named here is a
  rating, and an empty cell is none. The twelve impressions are known by their English or Japanese
  names and must be from 0 to 10; others may have any name and scale;
- `rater`, `system` (who or what was rated, such as an adapter's version), `group` (rows of one
  dialogue share it): without them no split by rater or system can be made;
- `licence`, its name, and `may_train`, true when left out: false makes the row evaluation only.

Unknown fields of a JSON object end the import: a `may_train` that is misspelt must not be passed
over.
"""

from collections.abc import Mapping
from pathlib import Path

from persona.errors import DataError
from persona.importers.rated_fields import (
    UnusableRowError,
    impression_of,
    keep_rows,
    name_of,
    rename,
    score_of,
    turns_of,
)
from persona.importers.report import (
    ImportedRow,
    ImportReport,
    Licence,
    Rating,
    RowCollector,
    Spoken,
    as_spoken,
)

LICENCE = Licence(
    name="unstated",
    may_train=True,
    notice="The file states no licence; make sure that you may train on it.",
)
_FIELDS = (
    "messages", "turns", "reply", "ratings", "rater", "system", "group", "licence", "may_train",
)  # fmt: skip
_ALIASES = {name: name for name in _FIELDS}
_ROLES = {"user": "user", "assistant": "assistant"}
_KEYS = ("role", "content")
_TRUTH = {"true": True, "yes": True, "1": True, "": True, "false": False, "no": False, "0": False}
_LONGEST_NAME = 60


def import_rated(path: Path) -> ImportReport:
    """Read rated rows; those without any rating are refused. Raises DataError naming the row."""
    out = RowCollector(format="rated", path=path, licence=LICENCE)
    table = path.suffix.lower() in (".csv", ".tsv")
    keep_rows(out, lambda item, where: _row(_gathered(item) if table else item, where))
    return out.report()


def _gathered(cells: Mapping[str, object]) -> dict[str, object]:
    """A row of a table as an object: the columns that are no fields are the ratings.

    An empty cell is a field that is left out.
    """
    filled = {name: cell for name, cell in cells.items() if str(cell).strip()}
    own = {name: cell for name, cell in filled.items() if name.lower() in _ALIASES}
    own.pop("ratings", None)
    return {**own, "ratings": {name: cell for name, cell in filled.items() if name not in own}}


def _row(item: Mapping[str, object], where: str) -> ImportedRow:
    record = rename(item, _ALIASES, where)
    licence = _licence(record, where)
    spoken = _spoken(record)
    rater, system = name_of(record, "rater"), name_of(record, "system")
    if rater and rater == system:
        raise UnusableRowError("rater and system are the same", rater)
    return ImportedRow(
        id=where,
        messages=spoken.messages,
        licence=licence,
        speaker=system or None,
        ratings=(Rating(rater=rater, scores=_scores(record.get("ratings"))),),
        opening=spoken.opening,
        closing=spoken.closing,
        group=name_of(record, "group") or None,
        only_reply="reply" in record,
    )


def _spoken(record: Mapping[str, object]) -> Spoken:
    """What was said. Raises UnusableRowError."""
    if set(record) & {"messages", "turns", "reply"} == {"messages"}:
        return as_spoken(turns_of(record, "messages", _KEYS, _ROLES), "assistant")
    if set(record) & {"messages", "turns", "reply"} != {"turns", "reply"}:
        raise UnusableRowError("neither messages alone nor turns and reply")
    before, reply = record["turns"], record["reply"]
    if isinstance(before, str) and not before.lstrip().startswith("["):
        turns = [("user", before)]
    else:
        turns = turns_of(record, "turns", _KEYS, _ROLES)
    turns = [(role, text) for role, text in turns if text.strip()]
    if not turns or turns[-1][0] != "user":
        raise UnusableRowError("the turns do not end with the user's")
    if not isinstance(reply, str) or not reply.strip():
        raise UnusableRowError("the reply is empty or no text", reply)
    return as_spoken([*turns, ("assistant", reply)], "assistant")


def _scores(ratings: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(ratings, Mapping) or not ratings:
        raise UnusableRowError("no ratings")
    scores: dict[str, float] = {}
    for given, value in ratings.items():
        name = impression_of(given) or given.strip()
        if not 0 < len(name) <= _LONGEST_NAME:
            raise UnusableRowError(
                f"a rating's name is empty or above {_LONGEST_NAME} letters", name
            )
        if name in scores:
            raise UnusableRowError("a figure stands twice", given)
        scores[name] = score_of(name, value)
    return tuple(scores.items())


def _licence(record: Mapping[str, object], where: str) -> Licence:
    """The row's own terms. Raises DataError when they cannot be read: no guess is safe."""
    name, flag = record.get("licence", LICENCE.name), record.get("may_train", True)
    if isinstance(flag, str):
        flag = _TRUTH.get(flag.strip().lower())
    if not isinstance(flag, bool):
        raise DataError(
            f"{where}: may_train is {record.get('may_train')!r}; expected true or false."
        )
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where}: licence is {name!r}; expected its name.")
    stated = name.strip() != LICENCE.name
    notice = "As stated by the holder of the file." if stated else LICENCE.notice
    return Licence(name=name.strip(), may_train=flag, notice=notice)
