"""How much a text sounds like the persona: a small linear model over its letters and register.

What a text is about is hidden from it: kanji and katakana become one letter each (a few kanji of
pronouns and courtesy stay), so that only wording and endings are left. The model is one JSON file;
nothing is unpickled.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from persona.card import Card
from persona.voice import sentences
from rlaif.contradiction import folded
from rlaif.errors import EvaluatorError
from rlaif.text_features import register_figures

SHIPPED_LIKENESS = Path(__file__).parent / "persona_likeness.json"
LIKENESS_VERSION = 1

GRAM_SIZES = (1, 2, 3, 4)
_KEPT_KANJI = "私僕俺我吾様申存拝召致参伺下"
_KANJI = re.compile(f"(?![{_KEPT_KANJI}])[一-龥々]+")
_KATAKANA = re.compile("[ァ-ヶー]{2,}")
_LATIN = re.compile("[a-z]+")
_DIGITS = re.compile("[0-9]+")
_COURTEOUS = re.compile("(?:です|ます|ません|でした|ました)[ねよか]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessModel:
    """weights: by run of letters of a masked text, and by register figure; their sum with `bias`
    is the log-odds that the text is hers. `about`: what it was fitted on, and how well it does."""

    grams: Mapping[str, float]
    figures: Mapping[str, float]
    bias: float
    card: str
    register: str
    about: Mapping[str, object]


def masked(text: str) -> str:
    """The text with widths and case folded and its subject hidden."""
    plain = _KATAKANA.sub("カ", _KANJI.sub("字", folded(text).strip()))
    return f"^{_DIGITS.sub('0', _LATIN.sub('a', plain))}$"


def gram_set(text: str) -> set[str]:
    """The runs of 1 to 4 letters of a masked text."""
    hidden = masked(text)
    return {hidden[at : at + size] for size in GRAM_SIZES for at in range(len(hidden) - size + 1)}


def likeness_figures(text: str, card: Card) -> dict[str, float]:
    """Register figures of a text, the same names for every text."""
    parts = sentences(text)
    courteous = sum(bool(_COURTEOUS.search(part)) for part in parts) / max(len(parts), 1)
    figures = register_figures(text, card)
    return {
        **{name: value for name, value in figures.items() if name != "has_card"},
        "plainly_courteous": courteous,
        "log_characters": math.log1p(len(text)),
    }


def likeness(model: LikenessModel, card: Card, text: str) -> float:
    """Return the probability, 0..1, that `text` is in her voice; a blank text is not."""
    if not text.strip():
        return 0.0
    known = gram_set(text)
    figures = likeness_figures(text, card)
    # The length of the vector is that of all runs, known ones or not.
    letters = sum(model.grams[gram] for gram in known if gram in model.grams)
    score = model.bias + letters / math.sqrt(len(known))
    score += sum(model.figures[name] * value for name, value in figures.items())
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))


def register_digest(card: Card) -> str:
    """sha256 over what of a card the figures depend on."""
    told: list[Sequence[str]] = [
        [card.first_person, card.politeness],
        card.forbidden_first_persons,
        card.endings,
        card.forbidden_endings,
        card.forbidden_openers,
        card.forbidden_words,
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


class _ModelFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Annotated[int, Field(ge=LIKENESS_VERSION, le=LIKENESS_VERSION)]
    card: str
    register_sha256: str
    bias: float
    figures: dict[str, float]
    grams: dict[str, float]
    about: dict[str, object]


def model_json(model: LikenessModel) -> str:
    """The file's content."""
    document = _ModelFile(
        version=LIKENESS_VERSION,
        card=model.card,
        register_sha256=model.register,
        bias=model.bias,
        figures=dict(model.figures),
        grams=dict(model.grams),
        about=dict(model.about),
    )
    content = document.model_dump()
    # One line each for what nobody reads, so that a diff shows what people read.
    grams = json.dumps(content.pop("grams"), ensure_ascii=False, separators=(",", ":"))
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return f'{text[:-2]},\n "grams": {grams}\n}}\n'


def load_likeness(path: Path, card: Card) -> LikenessModel:
    """Raises EvaluatorError when the file is missing, malformed or made for another register."""
    try:
        read = _ModelFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluatorError(
            f"{path} is no likeness model ({type(error).__name__}); expected the JSON that "
            "`yogeiko persona likeness fit` writes: run it"
        ) from error
    expected = set(likeness_figures("", card))
    if read.register_sha256 != register_digest(card) or set(read.figures) != expected:
        raise EvaluatorError(
            f"{path} was fitted for the register of the card '{read.card}', which is not that of "
            f"'{card.id}' now; run `yogeiko persona likeness fit`"
        )
    return LikenessModel(
        grams=read.grams,
        figures=read.figures,
        bias=read.bias,
        card=read.card,
        register=read.register_sha256,
        about=read.about,
    )
