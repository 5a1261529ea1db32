"""What is exported, in which form, and what the manifest beside the files says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from store.reply_filter import ReplyFilter

TableName = Literal["logs", "scores", "reviews", "pairs"]
ExportForm = Literal["jsonl", "csv", "hf"]
ColumnKind = Literal["text", "integer", "number", "truth", "texts", "turns"]
"""`texts` is a list of texts, `turns` a list of {role, content}."""
Row = tuple[object, ...]

TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)
EXPORT_FORMS: tuple[ExportForm, ...] = get_args(ExportForm)
NO_LICENCE = (
    "No licence to pass this on is given. The words are the visitors' and the operator's; replies "
    "were made by a base model whose own terms apply."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an exported table."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """Which turns count. `since` and `until` (not included): when the visitor spoke. `adapter`:
    whose reply it is; of pairs, who replied to their turn. `consented`: only what the visitor lets
    the night learn from, as of the moment of the export."""

    since: datetime | None = None
    until: datetime | None = None
    adapter: str | None = None
    consented: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """What somebody wants. `real_ids`: visitors by their ids instead of pseudonyms. `replies`: only
    these replies, their scores and reviews, and the pairs of what they answer."""

    tables: tuple[TableName, ...]
    form: ExportForm
    filter: ExportFilter = field(default_factory=ExportFilter)
    replies: ReplyFilter | None = None
    real_ids: bool = False
    licence: str = NO_LICENCE
    ordered_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """A file of an export. `name` is its path inside the folder, with slashes."""

    name: str
    table: TableName
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportManifest:
    """What lies in an export's folder; written last.

    `columns`: table -> column -> kind. `counts`: table -> rows. `erased_at`: when an erasure took
    lines out of it last; counts and digests are those of what is left. `replies`: what the replies
    were narrowed to, see `store.reply_filter.public_filter`.
    """

    format: str
    id: str
    created_at: datetime
    software: str
    form: ExportForm
    tables: tuple[TableName, ...]
    filter: ExportFilter
    pseudonymised: bool
    licence: str
    consent: str
    ordered_by: str
    columns: Mapping[TableName, Mapping[str, ColumnKind]]
    counts: Mapping[TableName, int]
    files: tuple[ExportFile, ...]
    erased_at: datetime | None = None
    replies: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is. `read` of `total` rows of all its tables were looked at."""

    table: TableName
    read: int
    total: int
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPlace:
    """Where an export is written and by what. `exports`: the folder that erasures look through.

    `pseudonym`: visitor id -> the name in the files, 32 hexadecimal digits.
    """

    folder: Path
    exports: Path
    software: str
    pseudonym: Callable[[str], str]
