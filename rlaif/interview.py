"""Interviews of a persona: what is asked, made from her card, always the same for one seed.

Five aspects after Character-LLM, each with interviews of its own:

- memorization: a question per fact; in several turns, details and a false memory follow;
- values: what the card says she likes, fears or wants, and why;
- personality: situations in which a character shows; then she is provoked to drop it;
- hallucination: what she cannot know, and pressing for an answer;
- stability: a fact asked twice in other words; in several turns, with a contradiction in between.

Source: Shao et al., "Character-LLM" (EMNLP 2023, arXiv 2310.10158) for the aspects.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from persona.card import Card
from persona.dialogues import CardProbe
from rlaif.interview_facts import FactQuestion, fact_questions, liked_facts
from rlaif.interview_phrases import (
    ASKED_LAST,
    CANNOT_KNOW,
    MADE_UP,
    MEMORY_PRESSES,
    PERSONALITY_LASTS,
    PERSONALITY_PRESSES,
    PERSONALITY_QUESTIONS,
    PROBE_PRESSES,
    SAID_BEFORE,
    SMALL_TALK,
    VALUE_LASTS,
    VALUE_PRESSES,
    VALUE_QUESTIONS,
)

Aspect = Literal["memorization", "values", "personality", "hallucination", "stability"]
Purpose = Literal["ask", "press", "contradict", "again", "talk"]
Turns = Literal["single", "multi"]

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewTurn:
    """One thing the interviewer says. `keys`: naming any of them is right, none where nothing is
    to be named; `wrong`: a word that only who gave in would say."""

    user: str
    purpose: Purpose
    keys: tuple[str, ...] = ()
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interview:
    """`subject` names the scale it gives evidence for: an aspect, or a trait. `truths`: what is
    known beside it, for the judge. `continued`: whether she hears the turns before; otherwise each
    is asked in a conversation of its own."""

    id: str
    subject: str
    turns: tuple[InterviewTurn, ...]
    truths: tuple[str, ...] = ()
    continued: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewPlan:
    """each: interviews per aspect, fewer where the card has less to ask about, 1 or more."""

    turns: Turns = "single"
    each: int = 10
    seed: int = 0


def character_interviews(
    card: Card, facts: Sequence[str], probes: Sequence[CardProbe], plan: InterviewPlan
) -> list[Interview]:
    """Interviews of all five aspects; the same arguments give the same ones."""
    questions = fact_questions(card, facts, probes)
    liked = liked_facts(card, facts)
    known = "".join(facts)
    odd = [one for one in CANNOT_KNOW if not any(word in known for word in one.unless)]
    notes = card.style_notes
    multi = plan.turns == "multi"
    makers: Mapping[Aspect, Sequence[Callable[[random.Random], _Draft]]] = {
        "memorization": [partial(_memory, one, multi) for one in questions],
        "values": [partial(_value, one, multi) for one in liked],
        "personality": [
            partial(_personality, (one, notes), multi) for one in PERSONALITY_QUESTIONS
        ],
        "hallucination": [partial(_probe, one.asked, multi) for one in odd],
        "stability": [partial(_stability, one, multi) for one in questions],
    }
    found = []
    for aspect, drafts in makers.items():
        rng = random.Random(f"{plan.seed} {aspect}")
        # The first of one order, so that more interviews are these and others.
        chosen = rng.sample(range(len(drafts)), len(drafts))[: plan.each]
        for place in sorted(chosen):
            # Of its own seed, so that more interviews leave these as they are.
            draft = drafts[place](random.Random(f"{plan.seed} {aspect} {place}"))
            found.append(
                Interview(
                    id=f"{aspect}-{place:03d}",
                    subject=aspect,
                    turns=draft.turns,
                    truths=draft.truths,
                    continued=multi,
                )
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    turns: tuple[InterviewTurn, ...]
    truths: tuple[str, ...] = ()


def _memory(question: FactQuestion, multi: bool, rng: random.Random) -> _Draft:
    asked = InterviewTurn(user=question.wordings[0], purpose="ask", keys=question.keys)
    if not multi:
        return _Draft(turns=(asked,), truths=question.facts)
    return _Draft(
        turns=(
            asked,
            InterviewTurn(user=rng.choice(MEMORY_PRESSES), purpose="press"),
            _contradiction(question),
        ),
        truths=question.facts,
    )


def _value(liked: tuple[str, str], multi: bool, rng: random.Random) -> _Draft:
    fact, hearsay = liked
    asked = InterviewTurn(user=hearsay + rng.choice(VALUE_QUESTIONS), purpose="ask")
    later = (
        InterviewTurn(user=rng.choice(VALUE_PRESSES), purpose="press"),
        InterviewTurn(user=rng.choice(VALUE_LASTS), purpose="talk"),
    )
    return _Draft(turns=(asked, *(later if multi else ())), truths=(fact,))


def _personality(material: tuple[str, tuple[str, ...]], multi: bool, rng: random.Random) -> _Draft:
    question, notes = material
    later = (
        InterviewTurn(user=rng.choice(PERSONALITY_PRESSES), purpose="press"),
        InterviewTurn(user=rng.choice(PERSONALITY_LASTS), purpose="talk"),
    )
    asked = InterviewTurn(user=question, purpose="ask")
    return _Draft(turns=(asked, *(later if multi else ())), truths=notes)


def _probe(question: str, multi: bool, rng: random.Random) -> _Draft:
    presses = rng.sample(PROBE_PRESSES, 2) if multi else []
    return _Draft(
        turns=(
            InterviewTurn(user=question, purpose="ask"),
            *(InterviewTurn(user=text, purpose="press") for text in presses),
        )
    )


def _stability(question: FactQuestion, multi: bool, rng: random.Random) -> _Draft:
    first, second = question.wordings
    asked = InterviewTurn(user=first, purpose="ask", keys=question.keys)
    again = InterviewTurn(user=second, purpose="again", keys=question.keys)
    if not multi:
        return _Draft(turns=(asked, again), truths=question.facts)
    contradiction = _contradiction(question)
    last = InterviewTurn(
        user=ASKED_LAST.replace("{question}", first),
        purpose="again",
        keys=question.keys,
        wrong=contradiction.wrong,
    )
    talk = InterviewTurn(user=rng.choice(SMALL_TALK), purpose="talk")
    return _Draft(turns=(asked, talk, again, contradiction, last), truths=question.facts)


def _contradiction(question: FactQuestion) -> InterviewTurn:
    """The fact told wrongly; where nothing in it can be changed, its truth is denied."""
    if question.wrong is None:
        right = question.hearsay.removesuffix("そうですね。")
        return InterviewTurn(user=MADE_UP.replace("{right}", right), purpose="contradict")
    told, word = question.wrong
    said = SAID_BEFORE.replace("{wrong}", told.removesuffix("そうですね。"))
    return InterviewTurn(user=said, purpose="contradict", wrong=word)
