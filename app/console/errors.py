"""What the console refuses, and with which status."""

from app.errors import AppError


class ConsoleError(AppError):
    """A refusal; `code` names its sentence in messages.py, `places` fill it."""

    def __init__(self, code: str, *, status: int = 400, **places: object) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.places = places
