"""Asking a judge until an answer parses."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from persona.engine import Message
from rlaif.errors import NoFigureError, VerdictError
from rlaif.judge_client import AnswerShape, Draw, JudgeAnswer, JudgeClient

VerdictT = TypeVar("VerdictT")


def first_verdict(
    client: JudgeClient,
    messages: Sequence[Message],
    shape: AnswerShape,
    parse: Callable[[JudgeAnswer], VerdictT],
    draws: Sequence[Draw],
) -> tuple[VerdictT, Draw]:
    """The first answer of `draws` (one or more) that parses, and its draw.

    Raises VerdictError of the last one, at once where no further draw could help, and what
    `JudgeClient.ask` raises.
    """
    for attempt, draw in enumerate(draws, start=1):
        answer = client.ask(messages, shape, draw)
        try:
            return parse(answer), draw
        except VerdictError as error:
            if attempt == len(draws) or isinstance(error, NoFigureError):
                raise
    raise ValueError("draws is empty; expected one or more")
