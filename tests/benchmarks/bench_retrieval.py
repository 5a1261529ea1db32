"""Queries per second of the fact index against embedding every fact again for every query.

Run: `python -m tests.benchmarks.bench_retrieval` (prints JSON; about ten seconds).
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from persona.card import SHIPPED_CARD, load_card
from persona.embedding import BUNDLED_EMBEDDER, Embedder, load_embedder
from persona.engine import Message
from persona.retrieval import FactIndex

QUERIES = (
    "お名前を教えてもらえますか？",
    "ペットは飼ってる？",
    "一番好きな食べ物は？",
    "お兄さんは何を勉強してるの？",
    "将来の夢は何？",
    "長野には何年いたの？",
)
HISTORY = (
    Message(role="user", content="ペットは飼ってる？"),
    Message(role="assistant", content="白い雄猫のメレンゲと暮らしておりますの。"),
)
ROUNDS = 5
NAIVE_ROUNDS = 1


def main() -> None:
    """Print milliseconds per query and the ratio."""
    facts = load_card(SHIPPED_CARD).facts
    embedder = load_embedder(BUNDLED_EMBEDDER)
    with tempfile.TemporaryDirectory() as folder:
        index = FactIndex(embedder, Path(folder))
        started = time.perf_counter()
        index.update(facts)
        build_seconds = time.perf_counter() - started
        started = time.perf_counter()
        warm = FactIndex(embedder, Path(folder))
        warm.update(facts)
        cached_start_seconds = time.perf_counter() - started
        single = measure(lambda query: index.search(query, []), ROUNDS)
        follow_up = measure(lambda query: index.search(query, HISTORY), ROUNDS)
        naive = measure(lambda query: search_naively(embedder, facts, query), NAIVE_ROUNDS)
    report = {
        "facts": len(facts),
        "build_seconds": round(build_seconds, 3),
        "start_from_cache_seconds": round(cached_start_seconds, 4),
        "single_ms_median": round(single * 1000, 2),
        "with_history_ms_median": round(follow_up * 1000, 2),
        "re_embedding_ms_median": round(naive * 1000, 2),
        "queries_per_second": round(1 / single, 1),
        "times_faster_than_re_embedding": round(naive / single, 1),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def measure(search: Callable[[str], object], rounds: int) -> float:
    """Median seconds of one search over all queries, `rounds` times."""
    seconds: list[float] = []
    for _ in range(rounds):
        for query in QUERIES:
            started = time.perf_counter()
            search(query)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def search_naively(embedder: Embedder, facts: Sequence[str], query: str) -> list[str]:
    """The three nearest facts without an index."""
    passages = embedder.embed_passages(list(facts))
    scores = passages @ embedder.embed_queries([query])[0]
    return [facts[row] for row in (-scores).argsort()[:3]]


if __name__ == "__main__":
    main()
