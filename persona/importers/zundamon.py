"""Zundamon's instruction data: what one asks and how Zundamon answers.

Layouts read, by their columns:

- databricks-dolly-15k-ja-zundamon.json: a JSON array of {"instruction", "input", "output", …};
- a CSV with the columns instruction, output (and input, if there is one);
- JSON lines of either of these, or of {"messages": …}.

Text in `input` belongs to the question and follows it after a line break.

Source: https://huggingface.co/datasets/takaaki-inada/databricks-dolly-15k-ja-zundamon and
https://github.com/takaaki-inada/rinna-3.6b-hello-zundamon-ai (datasets/*.csv)
"""

from collections.abc import Mapping
from pathlib import Path

from persona.importers.plain import messages_of
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector
from persona.importers.tables import read_csv_records, read_json_objects

LICENCE = Licence(
    name="CC BY-SA 3.0 and the Zundamon character guidelines",
    may_train=True,
    notice=(
        "Name the makers and share alike; the character's own terms are at "
        "https://zunko.jp/guideline.html."
    ),
)


def import_zundamon(path: Path) -> ImportReport:
    """Read a CSV, JSON array or JSON-lines file. Raises DataError."""
    out = RowCollector(format="zundamon", path=path, licence=LICENCE)
    if path.suffix.lower() == ".csv":
        for number, record in read_csv_records(path, "instruction", "output"):
            _keep(out, record, f"{path.name}:{number}")
        return out.report()
    for number, item in read_json_objects(path):
        where = f"{path.name}:{number}"
        if item is None:
            out.refuse("not a JSON object", where=where)
            continue
        messages = messages_of(item.get("messages"))
        if messages is not None:
            out.keep(ImportedRow(id=where, messages=messages, licence=LICENCE))
        else:
            _keep(out, item, where)
    return out.report()


def _keep(out: RowCollector, record: Mapping[str, object], where: str) -> None:
    instruction, given, output = (record.get(key) for key in ("instruction", "input", "output"))
    if not isinstance(instruction, str) or not isinstance(output, str):
        out.refuse("no instruction and output", where=where)
        return
    question = (
        f"{instruction}\n{given}" if isinstance(given, str) and given.strip() else instruction
    )
    out.keep_pair(question, output, where=where)
