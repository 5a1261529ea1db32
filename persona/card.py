"""The character card: who the persona is, how she speaks, what is true of her.

A card is a folder with `card.toml`; its dialogues (`persona/dialogues.py`) lie beside it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from persona.errors import CardError

SHIPPED_CARD: Path = Path(__file__).parent / "cards" / "ayane"

CARD_FILE = "card.toml"
ADULT_AGE = 18

SafetyRating = Literal["all_ages", "adults"]
Politeness = Literal["plain", "polite"]
Trait = Literal["openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"]
Level = Literal["low", "middle", "high"]

TRAITS: tuple[Trait, ...] = get_args(Trait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A validated character card.

    `facts` are one sentence each, the first `seed_facts` of them the ones she began with.
    `endings` are what a sentence of hers may close with; `politeness` "polite" means a reply
    needs one of them and none of `forbidden_endings`. `big_five`: traits with the level they are
    meant to have, as far as the card says. `folder` is where the card was read from.
    """

    id: str
    name: str
    reading: str
    age: int
    safety_rating: SafetyRating
    first_person: str
    forbidden_first_persons: tuple[str, ...]
    politeness: Politeness
    endings: tuple[str, ...]
    forbidden_endings: tuple[str, ...]
    forbidden_openers: tuple[str, ...]
    forbidden_words: tuple[str, ...]
    style_notes: tuple[str, ...]
    greeting: str
    seed_facts: int
    facts: tuple[str, ...]
    folder: Path
    big_five: tuple[tuple[Trait, Level], ...] = ()


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Fact = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=6, max_length=80, pattern=r"^[^。]+。$"),
]


class _CardFile(BaseModel):
    """card.toml as written; unknown keys are refused so that a typo cannot pass silently."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    name: Text
    reading: Text
    age: Annotated[int, Field(ge=0, le=999)]
    safety_rating: SafetyRating
    first_person: Text
    forbidden_first_persons: list[Text]
    politeness: Politeness
    endings: Annotated[list[Text], Field(min_length=1)]
    forbidden_endings: list[Text]
    forbidden_openers: list[Text]
    forbidden_words: list[Text]
    style_notes: Annotated[list[Text], Field(min_length=1)]
    greeting: Text
    seed_facts: Annotated[int, Field(ge=0)]
    facts: Annotated[list[Fact], Field(min_length=1)]
    big_five: dict[Trait, Level] = {}

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if self.age < ADULT_AGE and self.safety_rating != "all_ages":
            raise ValueError(
                f"safety_rating is {self.safety_rating!r} for a persona aged {self.age}; "
                f"expected 'all_ages' below {ADULT_AGE}"
            )
        if self.first_person in self.forbidden_first_persons:
            raise ValueError(
                f"first_person {self.first_person!r} is also in forbidden_first_persons; "
                "expected it in one place only"
            )
        both = sorted(set(self.endings) & set(self.forbidden_endings))
        if both:
            raise ValueError(
                f"endings and forbidden_endings both hold {both[0]!r}; expected no overlap"
            )
        if self.seed_facts > len(self.facts):
            raise ValueError(
                f"seed_facts is {self.seed_facts} but there are {len(self.facts)} facts; "
                "expected a number of facts at the head of the list"
            )
        repeated = [fact for fact in self.facts if self.facts.count(fact) > 1]
        if repeated:
            raise ValueError(f"facts hold {repeated[0]!r} twice; expected each fact once")
        return self


_EXPECTED = {
    "facts": "one sentence of 6-80 characters that ends in 。 and has no other 。",
    "id": "1-32 characters of a-z, 0-9, _ and -, beginning with a letter",
}


def load_card(folder: Path) -> Card:
    """Read and validate `folder`/card.toml.

    Raises CardError with one sentence naming the file, the field, the value and what was expected.
    """
    path = folder / CARD_FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(
            f"{path} cannot be read ({error.strerror}); expected a character card, "
            f"as in {SHIPPED_CARD}."
        ) from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{path} is not valid TOML: {error}.") from error
    try:
        parsed = _CardFile.model_validate(raw)
    except ValidationError as error:
        raise CardError(f"{path}: {_first_fault(error)}.") from error
    return Card(
        id=parsed.id,
        name=parsed.name,
        reading=parsed.reading,
        age=parsed.age,
        safety_rating=parsed.safety_rating,
        first_person=parsed.first_person,
        forbidden_first_persons=tuple(parsed.forbidden_first_persons),
        politeness=parsed.politeness,
        endings=tuple(parsed.endings),
        forbidden_endings=tuple(parsed.forbidden_endings),
        forbidden_openers=tuple(parsed.forbidden_openers),
        forbidden_words=tuple(parsed.forbidden_words),
        style_notes=tuple(parsed.style_notes),
        greeting=parsed.greeting,
        seed_facts=parsed.seed_facts,
        facts=tuple(parsed.facts),
        folder=folder,
        big_five=tuple(parsed.big_five.items()),
    )


def _first_fault(error: ValidationError) -> str:
    """One sentence (without its full stop) for the first fault pydantic found."""
    fault = error.errors()[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in fault["loc"])
    if not field:
        return fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{field} is missing; expected it as in {SHIPPED_CARD / CARD_FILE}"
    if fault["type"] == "extra_forbidden":
        return (
            f"{field} is not a field of a card; expected one of {', '.join(_CardFile.model_fields)}"
        )
    # A named expectation fits an item of the list, not a fault of the list as a whole.
    expected = _EXPECTED.get(str(fault["loc"][0])) if fault["type"].startswith("string_") else None
    return f"{field} is {fault['input']!r}; expected {expected or _lowered(fault['msg'])}"


def _lowered(message: str) -> str:
    """Pydantic's sentence as the tail of ours."""
    return message.removeprefix("Input should be ").removesuffix(".")
