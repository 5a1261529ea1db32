"""Errors of the persona room; the message is one sentence a person can act on."""


class PersonaError(Exception):
    """Base of everything that goes wrong in this room."""


class CardError(PersonaError, ValueError):
    """A character card or one of its files is not what it should be."""


class DataError(PersonaError, ValueError):
    """A dialogue row or an imported file is not what it should be."""


class ModelError(PersonaError, RuntimeError):
    """A base model is missing, altered or does not fit this machine."""


class AdapterError(PersonaError, ValueError):
    """An adapter folder is missing, altered or made for another base model."""


class EngineError(PersonaError, RuntimeError):
    """The engine could not serve a request."""


class EngineBusyError(EngineError):
    """The queue is full; the caller may try again later."""


class TrainingError(PersonaError, RuntimeError):
    """A training run cannot start or had to stop."""
