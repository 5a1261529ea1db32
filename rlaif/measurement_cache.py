"""What measuring an adapter has cost so far, on disk, so that a killed night pays it once."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from persona.durable import write_file
from rlaif.evaluator import Assessment
from rlaif.gate_statistics import Case

_VERSION = 1


class MeasurementCache:
    """Replies by request, verdicts by evaluator and dialogue, perplexity by row, of one adapter.

    Keys are digests of everything the entry depends on, so that a changed probe, seed or evaluator
    finds nothing. A file that cannot be read counts as empty: it only saves work.
    """

    def __init__(self, folder: Path | None, adapter: str, probe_set: str) -> None:
        """Read the file of this adapter and set of probes, if there is one; without a folder nothing
        outlives the process."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        name = f"{_short(adapter)}-{_short(probe_set)}.json"
        self._path = None if folder is None else folder / name
        self._replies: dict[str, str] = {}
        self._verdicts: dict[str, Assessment] = {}
        self._nats: dict[str, tuple[Case, ...]] = {}
        self._read()

    def reply(self, key: str) -> str | None:
        """A reply given before."""
        return self._replies.get(key)

    def verdict(self, key: str) -> Assessment | None:
        """A complete verdict given before; failures are not kept."""
        return self._verdicts.get(key)

    def nats(self, key: str) -> tuple[Case, ...] | None:
        """The cases of perplexity over the rows that `key` names."""
        return self._nats.get(key)

    def add_replies(self, replies: Mapping[str, str]) -> None:
        """Keep replies, on disk before returning."""
        self._replies.update(replies)
        self._write()

    def add_verdicts(self, verdicts: Mapping[str, Assessment]) -> None:
        """Keep verdicts, on disk before returning."""
        self._verdicts.update(verdicts)
        self._write()

    def add_nats(self, key: str, cases: tuple[Case, ...]) -> None:
        """Keep the cases of perplexity, on disk before returning."""
        self._nats[key] = cases
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        content = {
            "version": _VERSION,
            "replies": self._replies,
            "verdicts": {
                key: [dict(one.values), dict(one.spread)] for key, one in self._verdicts.items()
            },
            "nats": {
                key: [[one.id, one.topic, one.value, one.weight] for one in cases]
                for key, cases in self._nats.items()
            },
        }
        write_file(self._path, json.dumps(content, ensure_ascii=False).encode())

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["version"] != _VERSION:
                return
            replies = {str(key): str(text) for key, text in content["replies"].items()}
            verdicts = {
                key: Assessment(values=values, spread=spread)
                for key, (values, spread) in content["verdicts"].items()
            }
            nats = {
                key: tuple(
                    Case(id=name, topic=topic, value=float(value), weight=float(weight))
                    for name, topic, value, weight in cases
                )
                for key, cases in content["nats"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        self._replies, self._verdicts, self._nats = replies, verdicts, nats


def forget_adapters(folder: Path, adapters: Collection[str]) -> None:
    """Remove what was kept of adapters, and files that do not tell of which adapter they are."""
    gone = {_short(one) for one in adapters}
    for path in folder.iterdir() if folder.is_dir() else ():
        owner, dash, _ = path.name.removeprefix(".partial-").partition("-")
        if owner in gone or not dash:
            path.unlink(missing_ok=True)


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def digest(*parts: object) -> str:
    """A key that changes when any part does; parts are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
