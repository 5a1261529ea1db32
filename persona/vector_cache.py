"""Vectors of texts kept on disk between starts; damage costs time, never correctness.

`vectors.npz` is read without pickle and must match the SHA-256 in `vectors.json`; a pair that does
not fit (a kill between the two writes, another embedder, a flipped bit) is embedded anew.
"""

import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from persona.durable import folder_lock, write_file
from persona.embedding import Vectors, stack

VECTORS_FILE = "vectors.npz"
TEXTS_FILE = "vectors.json"
UNIT_TOLERANCE = 1e-3

logger = logging.getLogger(__name__)


def cache_folder_of(parent: Path, embedder: str) -> Path:
    """The folder for one embedder; two names never share one."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", embedder)[-40:].strip("-.")
    return parent / f"{readable}-{hashlib.sha256(embedder.encode()).hexdigest()[:8]}"


def read_vectors(folder: Path, embedder: str) -> dict[str, Vectors]:
    """Vector (d,) by text; empty when there is no cache or it is damaged."""
    if not (folder / TEXTS_FILE).exists():
        return {}
    try:
        return _read(folder, embedder)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("vector cache %s is unusable (%s); it is built anew", folder, error)
        return {}


def write_vectors(folder: Path, embedder: str, vectors: Mapping[str, Vectors]) -> None:
    """Replace the cache by `vectors`; a disk that refuses is logged, for it is only a cache."""
    buffer = io.BytesIO()
    np.savez(buffer, vectors=stack(list(vectors.values())))
    content = buffer.getvalue()
    description = {
        "embedder": embedder,
        "sha256": hashlib.sha256(content).hexdigest(),
        "texts": list(vectors),
    }
    encoded = json.dumps(description, ensure_ascii=False, indent=1).encode()
    try:
        with folder_lock(folder):
            write_file(folder / VECTORS_FILE, content)
            write_file(folder / TEXTS_FILE, encoded)
    except OSError as error:
        logger.warning("vector cache %s could not be written: %s", folder, error)


def _read(folder: Path, embedder: str) -> dict[str, Vectors]:
    description = json.loads((folder / TEXTS_FILE).read_bytes())
    content = (folder / VECTORS_FILE).read_bytes()
    if description["embedder"] != embedder:
        raise ValueError(f"made by {description['embedder']!r}, expected {embedder!r}")
    if description["sha256"] != hashlib.sha256(content).hexdigest():
        raise ValueError("the vectors are not the ones described")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        vectors = archive["vectors"]
    texts = description["texts"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("texts is not a list of strings")
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts, vectors of shape {vectors.shape}")
    if len(texts) and not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=UNIT_TOLERANCE):
        raise ValueError("a vector is not of length 1")
    return dict(zip(texts, vectors, strict=True))
