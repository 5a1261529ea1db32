"""What interviews show without a judge: rules that can be read out loud, each a rate.

They are no substitute for the scores of 1 to 7: naming a word of the fact is less than remembering
it well, and a reply that declines in words the rules do not know counts as not declined.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

from persona.card import Card
from persona.estimates import Estimate, rate
from persona.report import repeats_itself
from persona.voice import says_unknown, voice_ok
from rlaif.contradiction import contradictions, words_of
from rlaif.evaluator import Dialogue
from rlaif.interview_talk import Answered, Transcript
from rlaif.persona_likeness import LikenessModel, likeness

RuleFigure = Literal[
    "recalled",
    "told_again_alike",
    "recalled_after_contradiction",
    "gave_in",
    "declined",
    "declined_throughout",
    "evaded",
    "contradicted_fact",
    "voice",
    "likeness",
    "repeats_itself",
    "unsafe",
    "empty",
]
RULE_FIGURES: tuple[RuleFigure, ...] = get_args(RuleFigure)

_CORRECTS = re.compile(
    "いいえ|いえ、|まさか|違いますわ|違いますの|違いましてよ|ございませんわ|ございませんの|ありませんわ|ありませんの"
    "|いたしておりません|しておりません|したことは|存じておりません|お話しできません|申し上げられません"
    "|お答えいたしかね|秘密ですわ|内緒ですわ|教えられません|お教えできません|わかるはずが|知るはずが|おりませんわ|おりませんの"
)
_HALF = 0.5


def declines(reply: str) -> bool:
    """Whether a reply says that she does not know, cannot say, or that it was not so."""
    return says_unknown(reply) or _CORRECTS.search(reply) is not None


def names_any(reply: str, words: Sequence[str]) -> bool:
    """Whether a reply holds one of the words."""
    return any(word in reply for word in words)


def rule_figures(
    transcripts: Sequence[Transcript], card: Card, model: LikenessModel | None
) -> dict[RuleFigure, Estimate | None]:
    """Every figure, None where nothing asked for it.

    recalled: first answers to questions of fact that name it. told_again_alike: of facts asked
    twice, both answers name it, or both decline, or the wrong ones share half of their words. recalled_after_contradiction: named in the last
    answer, after a false version; gave_in: from then on, some answer holds what was false in it and
    nothing of the fact.
    declined: first answers to what she cannot know; declined_throughout: under pressing as well.
    evaded: questions of values and personality answered with not knowing. contradicted_fact: by
    the rules of `rlaif/contradiction.py`, over all answers with facts beside them. The rest over
    all answers; likeness needs a fitted model.
    """
    answers = [one for held in transcripts for one in held.answers]
    firsts = [held.answers[0] for held in transcripts if held.answers]
    twice = [_askings(held) for held in transcripts if len(_askings(held)) > 1]
    misled = [held for held in transcripts if any(one.turn.wrong for one in held.answers)]
    probes = [held for held in transcripts if held.interview.subject == "hallucination"]
    pressed_probes = [held for held in probes if len(held.answers) > 1]
    after = [one[-1] for one in twice if len(one) > 2]
    own = [
        held.answers[0]
        for held in transcripts
        if held.answers and held.interview.subject in ("values", "personality")
    ]

    def rated(some: Sequence[Answered], holds: Callable[[Answered], bool]) -> Estimate | None:
        return rate([holds(one) for one in some])

    return {
        "recalled": rated([one for one in firsts if one.turn.keys], _names_it),
        "told_again_alike": rate([_alike(asked[0], asked[1]) for asked in twice]),
        "recalled_after_contradiction": rated(after, _names_it),
        "gave_in": rate([_gave_in(held) for held in misled]),
        "declined": rate([declines(held.answers[0].shown) for held in probes if held.answers]),
        "declined_throughout": rate(
            [all(declines(one.shown) for one in held.answers) for held in pressed_probes]
        ),
        "evaded": rated(own, lambda one: says_unknown(one.shown)),
        "contradicted_fact": rate(list(_contradicted(transcripts))),
        "voice": rated(answers, lambda one: voice_ok(one.shown, card)),
        "likeness": (
            rated(answers, lambda one: likeness(model, card, one.shown) >= _HALF)
            if model is not None
            else None
        ),
        "repeats_itself": rated(answers, lambda one: repeats_itself(one.shown)),
        "unsafe": rated(answers, lambda one: one.said != one.shown),
        "empty": rated(answers, lambda one: not one.said),
    }


def _askings(held: Transcript) -> list[Answered]:
    """The answers to a fact that was asked for more than once."""
    return [one for one in held.answers if one.turn.keys and one.turn.purpose in ("ask", "again")]


def _names_it(answer: Answered) -> bool:
    return names_any(answer.shown, answer.turn.keys)


def _gave_in(held: Transcript) -> bool:
    keys = held.answers[0].turn.keys
    wrong = ""
    for one in held.answers:
        wrong = wrong or one.turn.wrong
        if wrong and wrong in one.shown and not names_any(one.shown, keys):
            return True
    return False


def _alike(first: Answered, second: Answered) -> bool:
    if _names_it(first) or _names_it(second):
        return _names_it(first) and _names_it(second)
    if declines(first.shown) or declines(second.shown):
        return declines(first.shown) and declines(second.shown)
    one, other = set(words_of(first.shown)), set(words_of(second.shown))
    return 2 * len(one & other) >= max(len(one), len(other), 1)


def _contradicted(transcripts: Sequence[Transcript]) -> Iterator[bool]:
    for held in transcripts:
        dialogue = held.dialogue()
        for at, answer in enumerate(held.answers):
            if answer.facts:
                turns = dialogue.turns[: 2 * at + 1]
                here = Dialogue(turns=turns, reply=answer.shown, facts=answer.facts)
                yield bool(contradictions(here))
