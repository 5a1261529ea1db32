"""The names under which visitors stand in exports: the same in every export of an installation."""

import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.identity import ensure_key

_PURPOSE = b"yogeiko.export"
_DIGITS = 32


def pseudonyms(secrets_folder: Path) -> Callable[[str], str]:
    """Return visitor id -> pseudonym, which only the holder of the installation's key can make."""
    key = hmac.digest(ensure_key(secrets_folder).encode(), _PURPOSE, "sha256")
    return partial(_pseudonym, key)


def _pseudonym(key: bytes, visitor_id: str) -> str:
    return hmac.digest(key, visitor_id.encode(), "sha256").hex()[:_DIGITS]
