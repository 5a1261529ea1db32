"""Operators' passwords: which are good enough, and their one-way hashes."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD = 12
_TOO_FEW_CHARACTERS = 5
_HASHER = PasswordHasher()
# Somebody whose name nobody has waits as long for the answer as an operator with a typo.
_NOBODY = _HASHER.hash(secrets.token_hex(16))


def password_fault(password: str) -> str | None:
    """Return what is wrong with a new password, None when it may be used."""
    if len(password) < SHORTEST_PASSWORD:
        return f"the password has {len(password)} characters; expected {SHORTEST_PASSWORD} or more"
    if len(set(password)) < _TOO_FEW_CHARACTERS:
        return "the password repeats the same few characters; expected at least 5 different ones"
    return None


def hash_password(password: str) -> str:
    """Return an argon2 hash."""
    return _HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Return whether `password` is right; as slow for a hash of None, which never is."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
