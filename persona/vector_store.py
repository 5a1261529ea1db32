"""Exact nearest-neighbour search with FAISS behind LangChain's vector-store interface.

The FAISS store of langchain-community loads its texts with pickle and its package is being sunset;
this one keeps nothing on disk at all.
"""

import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import faiss
import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from numpy.typing import NDArray

from persona.embedding import Embedder, EmbeddingError, Vectors

# LangChain's signatures carry **kwargs: Any; an override has to accept them.


class LangChainEmbeddings(Embeddings):
    """An Embedder as LangChain wants to see it."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text, as plain lists."""
        rows: list[list[float]] = self.embedder.embed_passages(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """One vector as a plain list."""
        row: list[float] = self.embedder.embed_queries([text])[0].tolist()
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What a search sees; replaced as a whole, so that a reader never meets a half-made change."""

    documents: tuple[Document, ...]
    vectors: Vectors  # (n, d)
    index: Any  # faiss.IndexFlatIP, None when there are no documents


class FaissStore(VectorStore):
    """Documents and their unit vectors in memory; scores are cosines, best first.

    Readers may search while another thread adds or deletes.
    """

    def __init__(self, embedding: Embeddings) -> None:
        self._embedding = embedding
        self._write_lock = threading.Lock()
        self._content = _content((), np.zeros((0, 0), dtype=np.float32))

    @property
    def embeddings(self) -> Embeddings:
        """What turns texts into vectors here."""
        return self._embedding

    @property
    def documents(self) -> tuple[Document, ...]:
        """All documents, in the order of the columns of `score_all`."""
        return self._content.documents

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store of `texts`, embedded now."""
        store = cls(embedding)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def from_vectors(cls, texts: Sequence[str], vectors: Vectors, embedding: Embeddings) -> Self:
        """A store of `texts` whose unit vectors (n, d) are known. Raises EmbeddingError."""
        store = cls(embedding)
        store._append([Document(page_content=text, id=uuid.uuid4().hex) for text in texts], vectors)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Embed and add; a known id is replaced. Returns the ids in the order of the texts."""
        contents = list(texts)
        known_ids = ids or [uuid.uuid4().hex for _ in contents]
        details: list[dict[str, Any]] = metadatas or [{} for _ in contents]
        documents = [
            Document(page_content=content, metadata=detail, id=identifier)
            for content, detail, identifier in zip(contents, details, known_ids, strict=True)
        ]
        if documents:
            vectors = np.array(self._embedding.embed_documents(contents), dtype=np.float32)
            self._append(documents, vectors)
        return known_ids

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Remove documents by id, all of them when `ids` is None. Whether every id was known."""
        with self._write_lock:
            content = self._content
            gone = {document.id for document in content.documents} if ids is None else set(ids)
            keep = [row for row, item in enumerate(content.documents) if item.id not in gone]
            removed = len(content.documents) - len(keep)
            self._content = _content(
                tuple(content.documents[row] for row in keep), content.vectors[keep]
            )
        return removed == len(gone)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The `k` documents nearest to `query`, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The `k` nearest documents and their cosines, best first."""
        content = self._content
        if content.index is None or k < 1:
            return []
        vector = np.array([self._embedding.embed_query(query)], dtype=np.float32)
        scores, rows = content.index.search(vector, min(k, len(content.documents)))
        return [
            (content.documents[row], float(score))
            for row, score in zip(rows[0], scores[0], strict=True)
        ]

    def score_all(self, queries: Vectors) -> NDArray[np.float32]:
        """Cosines (m, n) of m query vectors (m, d) with all n documents, in their order."""
        content = self._content
        if content.index is None:
            return np.zeros((len(queries), 0), dtype=np.float32)
        scores, rows = content.index.search(queries, len(content.documents))
        ordered = np.empty_like(scores)
        np.put_along_axis(ordered, rows, scores, axis=1)
        return np.asarray(ordered, dtype=np.float32)

    def _append(self, documents: list[Document], vectors: Vectors) -> None:
        if not documents:
            return
        if vectors.ndim != 2 or len(vectors) != len(documents):
            raise EmbeddingError(
                f"got vectors of shape {vectors.shape} for {len(documents)} documents; "
                "expected one row each"
            )
        with self._write_lock:
            content = self._content
            new_ids = {document.id for document in documents}
            keep = [row for row, item in enumerate(content.documents) if item.id not in new_ids]
            kept = tuple(content.documents[row] for row in keep)
            together = np.concatenate([content.vectors[keep], vectors]) if keep else vectors
            self._content = _content((*kept, *documents), together)


def _content(documents: tuple[Document, ...], vectors: Vectors) -> _Content:
    index = None
    if documents:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
    return _Content(documents=documents, vectors=vectors, index=index)
