"""What an evaluator must beat: how much was said, how varied its letters are, who rated and whom.

The first three never look at a rating. The habit of a rater, or the fame of a system, is the mean of
their ratings among the rows to fit on: on a random split it says much of a rating without a look at
the dialogue, which is why splits are reported that put raters and systems aside.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from persona.query_reading import bigrams, letters
from rlaif.agreement_statistics import Floats
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_predictor import Predictions
from rlaif.rating_splits import RatingSplit

BaselineName = Literal["length", "last_length", "distinct_2", "rater_habit", "system_fame"]
TEXT_BASELINES: tuple[BaselineName, ...] = ("length", "last_length", "distinct_2")
RATING_BASELINES: tuple[BaselineName, ...] = ("rater_habit", "system_fame")
BASELINES: tuple[BaselineName, ...] = (*TEXT_BASELINES, *RATING_BASELINES)


def text_baselines(data: Sequence[RatedDialogue]) -> Floats:
    """Shape [dialogues, 3]: characters of what was rated (all turns of the rated one, or one reply), of
    their last reply, and the share of different pairs of letters in what was rated."""
    return np.array([_of_texts(one) for one in data], dtype=np.float64).reshape(len(data), 3)


def rating_baselines(
    data: Sequence[RatedDialogue], split: RatingSplit, name: str
) -> tuple[Floats, Floats]:
    """Means of the rater and of the system over `split.fit` and `split.validation`, for every row of
    `split.test`; who is not known there gets the mean of all."""
    known = [data[n] for n in (*split.fit, *split.validation) if name in data[n].ratings]
    tested = [data[n] for n in split.test]
    return (
        _means(known, tested, name, lambda one: one.rater),
        _means(known, tested, name, lambda one: one.system),
    )


def _of_texts(one: RatedDialogue) -> tuple[float, float, float]:
    said = [message.content for message in one.messages if message.role == "assistant"]
    if one.only_reply:
        said = said[-1:]
    pairs = sum(max(len(letters(text)) - 1, 0) for text in said)
    different = len(frozenset[str]().union(*(bigrams(text) for text in said)))
    return (
        float(sum(len(text) for text in said)),
        float(len(said[-1])) if said else 0.0,
        different / pairs if pairs else 1.0,
    )


def _means(
    known: Sequence[RatedDialogue],
    asked: Sequence[RatedDialogue],
    name: str,
    whose: Callable[[RatedDialogue], str],
) -> Floats:
    given: dict[str, list[float]] = {}
    for one in known:
        given.setdefault(whose(one), []).append(one.ratings[name])
    everyone = [rating for ratings in given.values() for rating in ratings]
    usual = sum(everyone) / len(everyone) if everyone else 0.0
    means = {key: sum(ratings) / len(ratings) for key, ratings in given.items() if key}
    return np.array([means.get(whose(one), usual) for one in asked], dtype=np.float64)


class HabitPredictor:
    """Says of every dialogue what its rater gave elsewhere: nothing but the leak of a split."""

    id = "habit-1"
    learns = True

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Predict `split.test` in the ratings' points, without a look at what was said."""
        columns = [rating_baselines(data, split, name)[0] for name in names]
        report("means of raters", 1.0)
        return Predictions(values=np.stack(columns, axis=1), spread=None, unscored={})
