"""Errors of the app room; the message is one sentence a person can act on."""

from typing import Literal

ErrorCode = Literal[
    "bad_request",
    "bad_host",
    "forbidden",
    "not_found",
    "replying",
    "busy",
    "rate",
    "too_long",
    "too_large",
    "full",
    "failed",
]


class AppError(Exception):
    """Base of everything that goes wrong in this room."""


class SettingsError(AppError, ValueError):
    """A setting is unknown or out of range."""


class StartError(AppError, RuntimeError):
    """The server may not or cannot start."""


class ChatError(AppError):
    """A request that is refused; `code` names the sentence shown to the visitor."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code: ErrorCode = code


class ReplayRefusedError(AppError):
    """A reply cannot be said again; `code` names the sentence, `places` fill it."""

    def __init__(self, code: str, **places: str) -> None:
        super().__init__(code)
        self.code = code
        self.places = places
