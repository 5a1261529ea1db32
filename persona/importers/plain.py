"""Plain JSON lines of one's own: {"prompt", "completion"} or {"messages": [{"role", "content"}]}.

A leading system message is kept; other fields are ignored. The licence is whatever the owner of
the file knows it to be, so it is tagged as unstated.
"""

from collections.abc import Mapping
from pathlib import Path

from persona.engine import Message
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector
from persona.importers.tables import read_json_objects

LICENCE = Licence(
    name="unstated",
    may_train=True,
    notice="The file states no licence; make sure that you may train on it.",
)


def import_plain(path: Path) -> ImportReport:
    """Read a JSON-lines file (or a JSON array) of either layout. Raises DataError."""
    return import_json_dialogues(path, RowCollector(format="plain", path=path, licence=LICENCE))


def import_json_dialogues(path: Path, out: RowCollector) -> ImportReport:
    """Read prompt/completion or messages objects into `out`; shared with published layouts."""
    for number, item in read_json_objects(path):
        where = f"{path.name}:{number}"
        if item is None:
            out.refuse("not a JSON object", where=where)
        elif "messages" in item:
            messages = messages_of(item["messages"])
            if messages is None:
                out.refuse("messages are not role and content", where=where)
            else:
                out.keep(ImportedRow(id=where, messages=messages, licence=out.licence))
        else:
            prompt, completion = item.get("prompt"), item.get("completion")
            if isinstance(prompt, str) and isinstance(completion, str):
                out.keep_pair(prompt, completion, where=where)
            else:
                out.refuse("neither messages nor prompt and completion", where=where)
    return out.report()


def messages_of(value: object) -> tuple[Message, ...] | None:
    """Messages as published, None when they have another shape."""
    if not isinstance(value, list):
        return None
    messages = []
    for item in value:
        if not isinstance(item, Mapping) or not isinstance(item.get("content"), str):
            return None
        role = item.get("role")
        if role not in ("system", "user", "assistant"):
            return None
        messages.append(Message(role=role, content=item["content"].strip()))
    return tuple(messages)
