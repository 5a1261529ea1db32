"""The one door to all importers: a format's name and a path."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from persona.errors import DataError
from persona.importers.jempathetic import import_jempathetic
from persona.importers.jtransformer_eval import import_jtransformer_eval
from persona.importers.ojousama import import_ojousama
from persona.importers.plain import import_plain
from persona.importers.rated import import_rated
from persona.importers.realpersonachat import import_realpersonachat
from persona.importers.report import ImportReport
from persona.importers.rosebleu import import_rosebleu
from persona.importers.tsukuyomi import import_tsukuyomi
from persona.importers.zundamon import import_zundamon

FORMATS: Mapping[str, Callable[[Path], ImportReport]] = MappingProxyType(
    {
        "ojousama": import_ojousama,
        "zundamon": import_zundamon,
        "tsukuyomi": import_tsukuyomi,
        "rosebleu": import_rosebleu,
        "realpersonachat": import_realpersonachat,
        "jempathetic": import_jempathetic,
        "jtransformer-eval": import_jtransformer_eval,
        "rated": import_rated,
        "plain": import_plain,
    }
)


def import_file(format: str, path: Path) -> ImportReport:
    """Read published or own data: rows kept, rows refused and why, the licence.

    Raises DataError when the format is unknown, the path is missing or holds another layout.
    """
    reader = FORMATS.get(format)
    if reader is None:
        raise DataError(f"{format!r} is not a known format; expected one of {', '.join(FORMATS)}.")
    if not path.exists():
        raise DataError(f"{path} does not exist; expected data of the format '{format}'.")
    return reader(path)
