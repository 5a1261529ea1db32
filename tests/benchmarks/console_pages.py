"""How long the list of replies takes over HTTP in a store of a million:
python -m tests.benchmarks.console_pages [--replies N --database FILE --rounds N --json]."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from fastapi.testclient import TestClient

from app.clock import utc_now
from tests.app.console.seed_console import ADMIN, PASSWORD, seed_operators
from tests.app.house import open_house
from tests.benchmarks.many_replies import (
    BEGAN,
    DAYS,
    RARE,
    adapter_name,
    make_store,
    visitor_name,
)
from tests.fakes import FakeEngine

BOUND_MS = 300
_DEEP_PAGES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of one question; `count`: of the replies it found, `+` for more.

    `processor`: the median of what the process computed for it, which other processes do not
    lengthen; the others are by the clock.
    """

    question: str
    count: str
    p50: float
    p95: float
    highest: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    seconds: float
    processor_seconds: float
    body: dict


def questions() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what people ask, with its query parameters."""
    middle = BEGAN + timedelta(days=DAYS // 2)
    week = {"since": middle.isoformat(), "until": (middle + timedelta(days=7)).isoformat()}
    yield "everything, newest first", {}
    yield "everything, oldest first", {"sort": "oldest"}
    yield "lowest trust first", {"sort": "trust_up"}
    yield "widest spread first", {"sort": "spread_down"}
    yield "also what was put aside", {"on_screen": False}
    yield "trust 3 to 4", {"range": "trust:3:4"}
    yield "trust at most 2.5, lowest first", {"range": "trust::2.5", "sort": "trust_up"}
    yield "trust low but empathetic high", {"range": ["trust::3", "empathetic:8:"]}
    yield "all twelve from 5 to 9, by mean", {"range": _all_twelve(), "sort": "mean_down"}
    yield "one version of 40", {"adapter": adapter_name(20)}
    yield "the oldest version, by mean", {"adapter": adapter_name(0), "sort": "mean_up"}
    yield "one week", week
    yield "one visitor", {"visitor": visitor_name(0)[:8]}
    yield "thumbs down", {"thumb": "down"}
    yield "regenerated", {"regenerated": True}
    yield "unscored", {"unscored": True}
    yield "open conflicts", {"conflict": True}
    yield "personal data", {"personal": True}
    yield "safety events", {"safety": True}
    yield "reviewed, by trust", {"reviewed": True, "sort": "trust_down"}
    yield "thumbs up against a low mean", {"thumb": "up", "range": "mean::4"}
    yield (
        "week, version, thumb, safety, range: nothing",
        week | {"adapter": adapter_name(3), "thumb": "up", "safety": True, "range": "trust::2"},
    )
    yield "a rare word", {"text": RARE}
    yield "a word of two characters", {"text": "紅茶"}
    yield "one character, common", {"text": "の"}
    yield "one character, rarer", {"text": "鳥"}
    yield "a common ending", {"text": "ますわ"}
    yield "a common ending, by trust", {"text": "ますわ", "sort": "trust_up"}
    yield "a long phrase", {"text": "少しお休みになってくださいませ"}
    yield "two words", {"text": "水族館 約束"}
    yield "a common word, thumbs down, low", {"text": "猫", "thumb": "down", "range": "trust::4"}
    yield "a common ending, a rare filter", {"text": "ますわ", "conflict": True}
    yield "a common ending in an old version", {"text": "ますわ", "adapter": adapter_name(0)}
    yield "half kana, half width", {"text": "ﾋﾟｱﾉ"}


def _all_twelve() -> list[str]:
    names = "agency attentiveness consistency ease empathetic emotion enjoyability humanness "
    names += "personality respeak topic trust"
    return [f"{name}:5:9" for name in names.split()]


def measure(client: TestClient, rounds: int) -> list[Timing]:
    """Ask everything `rounds` times, and go deep into three lists."""
    found = [
        _timed(client, name, [dict(asked) for _ in range(rounds)]) for name, asked in questions()
    ]
    deep: list[tuple[str, dict[str, object]]] = [
        ("page 40, newest first", {}),
        ("page 40, lowest trust first", {"sort": "trust_up"}),
        ("page 40, a common ending", {"text": "ますわ"}),
    ]
    for name, asked in deep:
        cursor = None
        for _ in range(_DEEP_PAGES - 1):
            cursor = _ask(client, asked | ({"cursor": cursor} if cursor else {})).body["next"]
        found.append(_timed(client, name, [asked | {"cursor": cursor}] * rounds))
    return found


def _timed(client: TestClient, name: str, asked: list[dict[str, object]]) -> Timing:
    _ask(client, asked[0])  # the first one reads the disk
    answers = [_ask(client, one) for one in asked]
    times = sorted(one.seconds * 1000 for one in answers)
    count = answers[-1].body["count"]
    return Timing(
        question=name,
        count=f"{count['value']:,}{'+' if count['more'] else ''}",
        p50=statistics.median(times),
        p95=times[min(len(times) - 1, round(0.95 * (len(times) - 1)))],
        highest=times[-1],
        processor=statistics.median(one.processor_seconds * 1000 for one in answers),
    )


def _ask(client: TestClient, asked: dict[str, object]) -> _Answer:
    began, computed = time.perf_counter(), time.process_time()
    answer = client.get("/api/console/replies", params=asked)
    seconds, processor = time.perf_counter() - began, time.process_time() - computed
    assert answer.status_code == 200, answer.text
    return _Answer(seconds=seconds, processor_seconds=processor, body=answer.json())


def markdown(timings: list[Timing], replies: int) -> str:
    """Return the table with where and when it was made."""
    memory = psutil.virtual_memory().total / 1024**3
    lines = [
        f"{replies:,} replies, SQLite, {utc_now():%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores "
        f"({platform.machine()}), {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}.",
        "",
        "| what is asked | found | p50 ms | p95 ms | max ms | computed ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.question} | {one.count} | {one.p50:.0f} | {one.p95:.0f} | {one.highest:.0f} "
        f"| {one.processor:.0f} |"
        for one in timings
    ]
    worst = max(timings, key=lambda one: one.p95)
    lines += ["", f"Slowest p95: {worst.p95:.0f} ms ({worst.question}); bound {BOUND_MS} ms."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--database", type=Path, help="kept and used again")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.database or Path(folder) / "yogeiko.db"
        if not path.exists():
            make_store(path, asked.replies)
        os.environ["DATABASE_URL"] = f"sqlite:///{path.resolve()}"
        with open_house(Path(folder) / "home", FakeEngine()) as house:
            seed_operators(house.database)
            client = house.client()
            login = {"name": ADMIN, "password": PASSWORD}
            assert client.post("/api/console/login", json=login).status_code == 200
            timings = measure(client, asked.rounds)
    told = [asdict(one) for one in timings]
    as_json = json.dumps(told, ensure_ascii=False, indent=2)
    sys.stdout.write((as_json if asked.json else markdown(timings, asked.replies)) + "\n")


if __name__ == "__main__":
    main()
