"""Attributions kept on disk, so that a table that was interrupted goes on where it was.

A file is named by a digest of all it depends on and holds figures and places, no text.
"""

from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from persona.durable import write_file
from rlaif.attribution import Attribution, AttributionSettings, Method
from rlaif.evaluator import Dialogue
from rlaif.measurement_cache import digest

_VERSION = 1
_KEPT = TypeAdapter(Attribution)


class AttributionStore:
    """What was attributed so far. A file that cannot be read is as good as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> Attribution | None:
        """Return what was kept under `key`."""
        try:
            return _KEPT.validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def save(self, key: str, attribution: Attribution) -> None:
        """Keep it, on disk before returning."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_file(self._path(key), _KEPT.dump_json(attribution))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key[:32]}.json"


def attribution_key(
    evaluator: str,
    dialogue: Dialogue,
    metric: str,
    method: Method,
    settings: AttributionSettings,
) -> str:
    """A digest that changes with anything the attribution depends on."""
    return digest(_VERSION, evaluator, asdict(dialogue), metric, method, asdict(settings))
