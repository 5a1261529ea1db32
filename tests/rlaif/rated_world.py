"""Made-up people who rate each other: with habits of their own, and with something to notice."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from persona.engine import Message
from persona.importers.report import Licence
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_predictor import Predictions
from rlaif.rating_splits import RatingSplit

LICENCE = Licence(name="own", may_train=True, notice="")
NAMES = ("interest", "satisfaction")


def rated_world(people: int = 30, each: int = 8, seed: int = 1) -> list[RatedDialogue]:
    """Everybody talks with `each` others; both rate. A rating is half the rater's habit, and the
    number of exclamation marks in what the other said counts too."""
    rng = random.Random(seed)
    habits = {n: rng.gauss(0, 1.5) for n in range(people)}
    data = []
    for a in range(people):
        for step in range(1, each + 1):
            b = (a + step) % people
            for rater, rated in ((a, b), (b, a)):
                marks = rng.randrange(5)
                ratings = {
                    name: habits[rater] + 0.4 * marks + rng.gauss(0, 1) + 5 for name in NAMES
                }
                data.append(
                    RatedDialogue(
                        group=f"{a}-{b}",
                        messages=talk("ねえ", "はい" + "！" * marks + "あ" * rng.randrange(9)),
                        rater=f"p{rater}",
                        system=f"p{rated}",
                        ratings=ratings,
                        licence=LICENCE,
                    )
                )
    return data


def talk(*texts: str) -> tuple[Message, ...]:
    """The user speaks first."""
    return tuple(
        Message(role="assistant" if n % 2 else "user", content=text) for n, text in enumerate(texts)
    )


def permuted(data: Sequence[RatedDialogue], seed: int = 4) -> list[RatedDialogue]:
    """The same dialogues with ratings dealt out anew."""
    ratings = [one.ratings for one in data]
    random.Random(seed).shuffle(ratings)
    return [replace(one, ratings=own) for one, own in zip(data, ratings, strict=True)]


def marks_of(one: RatedDialogue) -> float:
    """What there is to notice in a dialogue."""
    return float(one.messages[-1].content.count("！"))


@dataclass
class Noticing:
    """Predicts by the dialogue alone."""

    id: str = "noticing-1"
    learns: bool = False

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        seen = [[marks_of(data[n])] * len(names) for n in split.test]
        return Predictions(values=np.array(seen), spread=None, unscored={})
