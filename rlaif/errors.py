"""Errors of the night; the message is one sentence an operator can act on."""


class NightError(Exception):
    """Base of everything that goes wrong in this room."""


class EvaluatorError(NightError, RuntimeError):
    """An evaluator cannot be made or used at all; single failures are Unscored instead.

    `short` is one of few texts, so that a report can count them.
    """

    short = "the evaluator could not be used"


class PairingError(NightError, ValueError):
    """Settings or inputs of pairing contradict each other."""


class PreferenceTrainingError(NightError, RuntimeError):
    """A preference training run cannot start or had to stop."""


class GateError(NightError, RuntimeError):
    """A gate could not be measured; the old adapter stays."""


class TrainingStoppedError(PreferenceTrainingError):
    """A preference training run was asked to stop; its checkpoint waits to be resumed."""


class TrainingMemoryError(PreferenceTrainingError):
    """The training child reached its memory bound or was killed for want of memory."""


class TrainingDiedError(PreferenceTrainingError):
    """The training child ended without saying how it went."""


class PublishError(NightError, RuntimeError):
    """An adapter cannot be put into production; what was there stays."""


class JudgeCallError(EvaluatorError):
    """One call of a judge's endpoint failed for good; the message holds no key and no text."""

    short = "the judge refused the call"


class JudgeUnreachableError(JudgeCallError):
    """The endpoint did not answer in time, or with errors of its own, in every attempt."""

    short = "the judge did not answer"


class JudgeBudgetError(EvaluatorError):
    """The cap on tokens or cost leaves no room for another call."""

    short = "the judge's budget is used up"


class VerdictError(EvaluatorError, ValueError):
    """A judge's answer is not the verdict that was asked for."""


class NoFigureError(VerdictError):
    """By its token probabilities a judge was not about to give a figure; asked again it would not
    be either."""


class RankingError(EvaluatorError, ValueError):
    """A person's ranking does not fit the sheet it was given for."""


class ArenaError(NightError, ValueError):
    """An arena cannot be held as it was asked for."""


class WordListError(NightError, ValueError):
    """A list of words is not what it should be."""
