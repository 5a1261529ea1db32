"""Which facts about the persona matter to this turn.

A fact's score is the sum of how far it stands out for the bare query and, weighted by how much
the query leans on the conversation, for the query read together with the turns before it. Cosines
of E5 crowd between 0.78 and 0.88 whatever the question, so they are compared as deviations from
the mean over all facts, never with a fixed threshold.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from persona.embedding import Embedder, load_embedder, stack
from persona.engine import Message
from persona.query_reading import Dependence, LexicalIndex, build_lexical_index, dependence
from persona.vector_cache import cache_folder_of, read_vectors, write_vectors
from persona.vector_store import FaissStore, LangChainEmbeddings

__all__ = ["FactIndex", "RetrievalSettings", "RetrievedFact", "load_embedder"]

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedFact:
    """A fact and its standing: standard deviations above the average fact, higher is better."""

    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSettings:
    """Weights, all >= 0, chosen on the "tune" half of tests/persona/retrieval_cases.jsonl.

    `lexical` is per unit of `LexicalIndex` score of the query, `history_lexical` of the turns
    before. The contexts are the weight of the conversation for each kind of query; a query whose
    best lexical score is below `names_a_fact` names nothing on the card and leans on what was
    said. `reply_discount` (standard deviations) puts the user's words before her own.
    """

    lexical: float = 1.7
    history_lexical: float = 0.43
    elliptic_context: float = 2.0
    short_context: float = 1.5
    complete_context: float = 0.5
    unnamed_context: float = 2.0
    names_a_fact: float = 0.47
    reply_discount: float = 0.3
    max_user_turns: int = 2

    def context_weight(self, kind: Dependence, best_lexical: float) -> float:
        """How much the conversation counts beside the bare query."""
        if kind == "new_topic":
            return 0.0
        if kind == "elliptic":
            return self.elliptic_context
        if best_lexical < self.names_a_fact:
            return self.unnamed_context
        return self.short_context if kind == "short" else self.complete_context


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """All a search needs, replaced as a whole."""

    facts: tuple[str, ...]
    store: FaissStore
    lexical: LexicalIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """Words of the turns before; `discount` in standard deviations."""

    text: str
    discount: float


class FactIndex:
    """Searchable facts of one persona. All methods are safe to call from any thread."""

    def __init__(
        self, embedder: Embedder, cache_folder: Path, settings: RetrievalSettings | None = None
    ) -> None:
        self._embedder = embedder
        self._embeddings = LangChainEmbeddings(embedder)
        self._folder = cache_folder_of(cache_folder, embedder.name)
        self._settings = settings or RetrievalSettings()
        self._update_lock = threading.Lock()
        self._vectors = read_vectors(self._folder, embedder.name)
        self._snapshot = _Snapshot(
            facts=(), store=FaissStore(self._embeddings), lexical=build_lexical_index(())
        )

    @property
    def facts(self) -> tuple[str, ...]:
        """What is searched now."""
        return self._snapshot.facts

    def update(self, facts: Sequence[str]) -> None:
        """Search exactly these facts from now on; only texts never seen are embedded.

        Searches under way finish on the old facts. When embedding fails the old facts stay.
        Raises EmbeddingError.
        """
        wanted = tuple(dict.fromkeys(facts))
        if wanted == self._snapshot.facts:
            return
        with self._update_lock:
            known = dict(self._vectors)
            new = [fact for fact in wanted if fact not in known]
            if new:
                known.update(zip(new, self._embedder.embed_passages(new), strict=True))
            kept = {fact: known[fact] for fact in wanted}
            snapshot = _Snapshot(
                facts=wanted,
                store=FaissStore.from_vectors(wanted, stack(list(kept.values())), self._embeddings),
                lexical=build_lexical_index(wanted),
            )
            if kept.keys() != self._vectors.keys():
                write_vectors(self._folder, self._embedder.name, kept)
            self._vectors, self._snapshot = kept, snapshot

    def search(self, query: str, history: Sequence[Message], k: int = 3) -> list[RetrievedFact]:
        """The `k` facts that matter most to `query` after `history` (oldest first, without the
        query), best first; fewer when there are fewer, none for a blank query.

        Raises EmbeddingError.
        """
        snapshot = self._snapshot
        if not snapshot.facts or not query.strip() or k < 1:
            return []
        scores = self._scores(snapshot, query, history)
        best = np.argsort(-scores, kind="stable")[:k]
        return [RetrievedFact(text=snapshot.facts[row], score=float(scores[row])) for row in best]

    def _scores(self, snapshot: _Snapshot, query: str, history: Sequence[Message]) -> Scores:
        """(n,) for the n facts of the snapshot."""
        settings = self._settings
        shared = snapshot.lexical.scores(query)
        weight = settings.context_weight(dependence(query), float(shared.max()))
        contexts = _contexts(history, settings) if weight > 0 else []
        texts = [query, *(f"{context.text} {query}" for context in contexts)]
        cosines = snapshot.store.score_all(self._embedder.embed_queries(texts))
        alone = _standard(cosines[0]) + settings.lexical * shared
        if not contexts:
            return alone
        dense = [
            _standard(row) - context.discount
            for context, row in zip(contexts, cosines[1:], strict=True)
        ]
        before = [snapshot.lexical.scores(context.text) for context in contexts]
        together = np.maximum.reduce(dense) + settings.history_lexical * np.maximum.reduce(before)
        combined: Scores = alone + weight * together
        return combined


def _contexts(history: Sequence[Message], settings: RetrievalSettings) -> list[_Context]:
    """What the query may refer to: the user's words and her last reply."""
    said = [message.content for message in history if message.role == "user"]
    replies = [message.content for message in history if message.role == "assistant"]
    contexts = [
        _Context(text=_leading_user_text(said, settings.max_user_turns), discount=0.0),
        _Context(text="".join(replies[-1:]), discount=settings.reply_discount),
    ]
    return [context for context in contexts if context.text.strip()]


def _leading_user_text(said: list[str], max_turns: int) -> str:
    """The user's last message, with those before it while it does not stand alone itself."""
    taken: list[str] = []
    for text in reversed(said[-max_turns:]):
        taken.insert(0, text)
        if dependence(text) in ("complete", "new_topic"):
            break
    return " ".join(taken)


def _standard(values: NDArray[np.float32]) -> Scores:
    """Deviations from the mean in standard deviations; all 0 when nothing stands out."""
    wide = values.astype(np.float64)
    spread = float(wide.std())
    return (wide - wide.mean()) / spread if spread > 1e-6 else np.zeros_like(wide)
