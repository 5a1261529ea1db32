"""Whole dialogues that people rated, each seen from its rater's seat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from persona.engine import Message
from persona.importers.report import ImportedRow, Licence
from rlaif.evaluator import Dialogue
from rlaif.metrics import METRIC_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedDialogue:
    """What one person thought of one dialogue and of who spoke with them.

    messages: the rater speaks as "user", the one who is rated as "assistant"; either may begin or
    end. group: the dialogue; two people may have rated it. rater, system: who rated, and who or
    what was rated; empty when the data do not say. ratings: figures by name, as published.
    only_reply: they are of the last message, a reply, beside which `facts` lay; what was said
    before is its context. personal: words of this site's visitors; nothing made of them (features,
    prompts) may stay on disk, for an erasure would not find it.
    """

    group: str
    messages: tuple[Message, ...]
    rater: str
    system: str
    ratings: Mapping[str, float]
    licence: Licence
    only_reply: bool = False
    facts: tuple[str, ...] = ()
    personal: bool = False

    def exchanges(self, at_most: int) -> list[Dialogue]:
        """Replies of the rated one with what was said before them, evenly spread, the last among
        them; none when the rated one never answered, that one alone when only it was rated."""
        places = [
            n
            for n, message in enumerate(self.messages)
            if n > 0 and message.role == "assistant" and self.messages[n - 1].role == "user"
        ]
        if self.only_reply:
            places = places[-1:]
        if not places:
            return []
        count = min(at_most, len(places))
        chosen = sorted({places[len(places) - 1 - n * len(places) // count] for n in range(count)})
        return [
            Dialogue(
                turns=self.messages[:place],
                reply=self.messages[place].content,
                facts=self.facts if self.only_reply else (),
            )
            for place in chosen
        ]


METRICS_OF_RATING: Mapping[str, tuple[str, ...]] = {
    "informativeness": ("topic",),
    "comprehension": ("attentiveness",),
    "familiarity": ("ease",),
    "interest": ("enjoyability", "topic"),
    "proactiveness": ("agency",),
    "satisfaction": ("respeak", "enjoyability"),
    **{key: (key,) for key in METRIC_KEYS},
}
"""Which impressions stand beside a published rating (their mean); the twelve by their own names.

The corpora publish names, not always the wording of their questions: this is our reading of them.
"""


def seat_raters(rows: Sequence[ImportedRow]) -> list[RatedDialogue]:
    """One `RatedDialogue` per rating, in order; where the assistant rated, the roles are swapped."""
    seated = []
    for row in rows:
        others = [rating.rater for rating in row.ratings if rating.rater != row.speaker]
        for rating in row.ratings:
            swapped = rating.rater == row.speaker and row.speaker is not None
            partner = (others[0] if others else "") if swapped else (row.speaker or "")
            seated.append(
                RatedDialogue(
                    group=row.group or row.id,
                    messages=_swapped(row.whole()) if swapped else row.whole(),
                    rater=rating.rater,
                    system=partner,
                    ratings=dict(rating.scores),
                    licence=row.licence,
                    only_reply=row.only_reply,
                )
            )
    return seated


def rating_names(data: Sequence[RatedDialogue]) -> tuple[str, ...]:
    """Every rating that occurs, in the order of first sight."""
    return tuple(dict.fromkeys(name for one in data for name in one.ratings))


def _swapped(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(
        Message(role="user" if m.role == "assistant" else "assistant", content=m.content)
        for m in messages
    )
