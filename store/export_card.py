"""The card of an exported data set: what it is, under which licence and with whose consent."""

import json
from collections.abc import Mapping

from store.export_files import HF_DATA
from store.export_records import ColumnKind, ExportManifest

CARD = "README.md"
_DTYPES: Mapping[ColumnKind, str] = {
    "text": "string",
    "integer": "int64",
    "number": "float64",
    "truth": "bool",
}
_LISTS: Mapping[ColumnKind, str] = {
    "texts": "    list: string\n",
    "turns": (
        "    list:\n"
        "    - name: role\n      dtype: string\n"
        "    - name: content\n      dtype: string\n"
    ),
}
_CONSENTED = (
    "Only what visitors said while they let the night learn from it, and had neither withdrawn "
    "that nor excluded the turn by the time of the export."
)
_EVERYBODY = (
    "Also what visitors said who were never asked, or who do not let the night learn from it: "
    "do not train on it and do not pass it on."
)
_COPIES = "When a visitor asks to be erased, remove the lines with their ids from every copy."


def consent_statement(*, consented: bool) -> str:
    """Return whose words these are, and what whoever holds a copy owes them."""
    return f"{_CONSENTED if consented else _EVERYBODY} {_COPIES}"


def dataset_card(manifest: ExportManifest) -> str:
    """Return the README.md by which `datasets.load_dataset` finds files and types."""
    # A table without rows cannot be loaded at all, so it is not offered.
    filled = [table for table in manifest.tables if manifest.counts[table]]
    configs = "".join(
        f"- config_name: {table}\n  data_files: {HF_DATA}/{table}-*.jsonl\n" for table in filled
    )
    infos = "".join(
        f"- config_name: {table}\n  features:\n{_features(manifest.columns[table])}"
        for table in filled
    )
    configs = configs and f"configs:\n{configs}"
    infos = infos and f"dataset_info:\n{infos}"
    head = f"---\nlicense: other\nlanguage:\n- ja\n{configs}{infos}---\n"
    counts = "\n".join(f"- `{name}`: {rows} rows" for name, rows in manifest.counts.items())
    chosen = manifest.filter
    limits = json.dumps(
        {
            "since": None if chosen.since is None else chosen.since.isoformat(),
            "until": None if chosen.until is None else chosen.until.isoformat(),
            "adapter": chosen.adapter,
        },
        ensure_ascii=False,
    )
    named = "pseudonyms" if manifest.pseudonymised else "the ids of this installation"
    return (
        f"{head}\n# Export {manifest.id}\n\n"
        f"Made by {manifest.software} at {manifest.created_at.isoformat()}. `manifest.json` holds "
        "the digest of every file.\n\n"
        f"{counts}\n\nFilter: `{limits}`. Visitors stand by {named}.\n\n"
        f"## Licence\n\n{manifest.licence}\n\n## Consent\n\n{manifest.consent}\n"
    )


def _features(columns: Mapping[str, ColumnKind]) -> str:
    return "".join(
        f"  - name: {name}\n" + (_LISTS.get(kind) or f"    dtype: {_DTYPES[kind]}\n")
        for name, kind in columns.items()
    )
