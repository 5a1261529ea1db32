"""Whether a text may be answered by a persona who is 17, and what she says when it may not.

No model is asked: rules over the text with its disguises taken off (`persona/text_folding.py`).
Misses of sexual content are what the rules are tuned against; a harmless line flagged now and then
costs one evasive reply. Figures: docs/safety.md.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from persona.deflections import deflection
from persona.safety_innocent_terms import INNOCENT
from persona.safety_risk_terms import (
    REPLY_SELF_HARM,
    REPLY_SEXUAL,
    REPLY_UNSUITABLE,
    SELF_HARM,
    UNSUITABLE,
)
from persona.safety_terms import SEXUAL, Category, Rule, View
from persona.text_folding import drop_long_vowels, fold_kana, views

__all__ = ["Category", "SafetyVerdict", "check_reply", "check_user_text", "deflection"]

FLAG_WEIGHT = 2
# A cut-out stands for something: it must not bring the words around it together.
CUT = "□"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyVerdict:
    """`category` is "none" unless flagged; `reason` names the rules, never the text."""

    flagged: bool
    category: Category
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _CompiledRule:
    name: str
    weight: int
    view: View
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """Categories in order of precedence, and what is cut out first."""

    categories: tuple[tuple[Category, tuple[_CompiledRule, ...]], ...]
    innocent: re.Pattern[str]


def check_user_text(text: str) -> SafetyVerdict:
    """Judge what a visitor wrote. Distress goes before all else, for it needs an answer most."""
    return _check(text, _user_filter())


def check_reply(text: str) -> SafetyVerdict:
    """Judge what the model made her say, before anyone reads it."""
    return _check(text, _reply_filter())


@functools.cache
def _user_filter() -> _Filter:
    return _compile(
        (("self_harm", SELF_HARM), ("sexual", SEXUAL), ("unsuitable", UNSUITABLE)),
    )


@functools.cache
def _reply_filter() -> _Filter:
    return _compile(
        (
            ("sexual", (*SEXUAL, *REPLY_SEXUAL)),
            ("self_harm", REPLY_SELF_HARM),
            ("unsuitable", REPLY_UNSUITABLE),
        )
    )


def _compile(categories: tuple[tuple[Category, Sequence[Rule]], ...]) -> _Filter:
    together = "|".join(f"(?:{pattern})" for pattern in INNOCENT)
    return _Filter(
        categories=tuple(
            (category, tuple(_compile_rule(item) for item in rules))
            for category, rules in categories
        ),
        innocent=re.compile(_as_view(together, "exact")),
    )


def _compile_rule(item: Rule) -> _CompiledRule:
    together = "|".join(f"(?:{pattern})" for pattern in item.patterns)
    return _CompiledRule(
        name=item.name,
        weight=item.weight,
        view=item.view,
        pattern=re.compile(_as_view(together, item.view)),
    )


def _as_view(pattern: str, view: View) -> str:
    if view == "latin":
        return pattern
    shortened = drop_long_vowels(pattern)
    return shortened if view == "exact" else fold_kana(shortened)


def _check(text: str, rules: _Filter) -> SafetyVerdict:
    seen = views(text)
    exact = rules.innocent.sub(CUT, seen.exact)
    texts: dict[View, str] = {"latin": seen.latin, "exact": exact, "folded": fold_kana(exact)}
    for category, candidates in rules.categories:
        found = [item for item in candidates if item.pattern.search(texts[item.view])]
        if sum(item.weight for item in found) >= FLAG_WEIGHT:
            reason = "; ".join(item.name for item in found)
            return SafetyVerdict(flagged=True, category=category, reason=reason)
    return SafetyVerdict(flagged=False, category="none", reason="")
