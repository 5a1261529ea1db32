"""Errors of the store room; the message is one sentence a person can act on."""

from typing import Literal


class StoreError(Exception):
    """Base of everything that goes wrong in this room."""


class DatabaseError(StoreError, RuntimeError):
    """The database cannot be opened, migrated or scrubbed."""


class NotFoundError(StoreError, LookupError):
    """No such row, or it belongs to someone else: callers cannot tell the two apart."""


class ConflictError(StoreError, ValueError):
    """The row exists but its state does not allow the change."""


FactFault = Literal[
    "empty",
    "long",
    "known",
    "retired",
    "stale",
    "is_retired",
    "is_known",
    "decided",
    "gone",
    "reason",
]


class FactError(ConflictError):
    """A fact cannot be changed like that; `fault` says why in a word."""

    def __init__(self, fault: FactFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class NothingToUndoError(ConflictError):
    """Whoever asks has no deed left that could be taken back."""


class DecidedSinceError(ConflictError):
    """`operator` has decided since, so an earlier verdict is not taken back."""

    def __init__(self, message: str, operator: str) -> None:
        super().__init__(message)
        self.operator = operator


class LeaseError(StoreError, RuntimeError):
    """The night belongs to another process by now, or is over: nothing was written."""
