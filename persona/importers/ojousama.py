"""OjousamaTalkScriptDataset: about 200 questions to a young lady and her answers.

Published three ways, all read here:

- ojousamatalkscript200.csv: UTF-8, columns prompt, completion;
- ojousamatalkscript200.jsonl: {"prompt": "… ->", "completion": " …\\n"}, the arrow and the spaces
  being the marks of an older fine-tuning service, taken off;
- ojousamatalkscript200_gpt-3.5-1106ver.jsonl: {"messages": [system, user, assistant]}.

Source: https://github.com/matsuvr/OjousamaTalkScriptDataset
"""

from pathlib import Path

from persona.importers.plain import messages_of
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector
from persona.importers.tables import read_csv_records, read_json_objects

LICENCE = Licence(
    name="MIT (OjousamaTalkScriptDataset)",
    may_train=True,
    notice="Copyright (c) 2023 matsu_vr; keep the MIT notice with copies of the data.",
)


def import_ojousama(path: Path) -> ImportReport:
    """Read any of the three files. Raises DataError when it is none of them."""
    out = RowCollector(format="ojousama", path=path, licence=LICENCE)
    if path.suffix.lower() == ".csv":
        for number, record in read_csv_records(path, "prompt", "completion"):
            _keep(out, record.get("prompt"), record.get("completion"), f"{path.name}:{number}")
        return out.report()
    for number, item in read_json_objects(path):
        where = f"{path.name}:{number}"
        messages = messages_of(item["messages"]) if item and "messages" in item else None
        if messages is not None:
            out.keep(ImportedRow(id=where, messages=messages, licence=LICENCE))
        else:
            _keep(out, (item or {}).get("prompt"), (item or {}).get("completion"), where)
    return out.report()


def _keep(out: RowCollector, prompt: object, completion: object, where: str) -> None:
    if isinstance(prompt, str) and isinstance(completion, str):
        out.keep_pair(prompt.rstrip().removesuffix("->"), completion, where=where)
    else:
        out.refuse("no prompt and completion", where=where)
