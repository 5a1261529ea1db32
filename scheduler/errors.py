"""Errors of the scheduler; the message is one sentence an operator can act on."""


class SchedulerError(Exception):
    """Base of everything that goes wrong in this room."""


class ChildError(SchedulerError, RuntimeError):
    """The process of a night could not be started."""
