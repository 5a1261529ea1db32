"""Between the store's records and the pure pairing: turns with all their options, and back."""

from collections.abc import Mapping, Sequence
from typing import get_args

from sqlalchemy.orm import Session

from persona.dialogues import read_card_rows
from persona.engine import Message
from rlaif.evaluator import Assessment, Dialogue
from rlaif.night_work import NightWork
from rlaif.pair_caps import PairHistory, PastPair
from rlaif.phrase_clusters import common_phrases
from rlaif.preference import Option, PairSource, Preference, PromptGroup
from rlaif.spoken_turns import messages_of
from store.night_records import (
    Candidate,
    LearnableReply,
    LearnableTurn,
    NewPair,
    Scored,
    StoredPair,
)
from store.pairs import count_pairs_by_visitor, list_trainable_pairs
from store.turns import one_of

PAIR_SOURCES: tuple[PairSource, ...] = get_args(PairSource)


def prompt_group(
    work: NightWork, turn: LearnableTurn, made: Sequence[Candidate], scores: Mapping[str, Scored]
) -> PromptGroup:
    """The turn with everything that could be chosen or rejected in it."""
    options = [_reply_option(work, turn, reply, scores.get(reply.id)) for reply in turn.replies]
    options += [
        Option(
            id=reply.edit_id,
            kind="edit",
            text=reply.edit,
            assessment=None,
            reward=None,
            signals=frozenset({"operator"}),
        )
        for reply in turn.replies
        if reply.edit_id is not None and reply.edit is not None
    ]
    options += [_candidate_option(work, turn, one, scores.get(one.id)) for one in made if one.text]
    return PromptGroup(
        turn_id=turn.turn_id,
        visitor_id=turn.visitor_id,
        turns=messages_of(turn),
        facts=turn.shown.facts,
        options=tuple(options),
    )


def pair_history(session: Session, work: NightWork) -> PairHistory:
    """What earlier nights took, and how large the training set is without any visitor."""
    past = list_trainable_pairs(session, now=work.now(), retention=work.settings.retention)
    rows = read_card_rows(work.parts.card.folder, "train")
    return PairHistory(
        past=tuple(
            PastPair(visitor_id=one.visitor_id, asked=one.turns[-1][1], chosen=one.chosen)
            for one in past
            if one.night_date != work.date
        ),
        by_visitor=count_pairs_by_visitor(session, except_night=work.date),
        # The anchor was trained on the card's rows, and every adapter contains the anchor.
        seed_rows=len(rows),
        common=common_phrases(text for row in rows for text in (row.user, row.reply)),
    )


def stored_pair(pair: Preference) -> NewPair:
    """A preference as the store keeps it."""
    return NewPair(
        turn_id=pair.turn_id,
        visitor_id=pair.visitor_id,
        turns=tuple(
            ("user" if turn.role == "user" else "assistant", turn.content) for turn in pair.turns
        ),
        facts=pair.facts,
        chosen_id=pair.chosen_id,
        chosen=pair.chosen,
        rejected_id=pair.rejected_id,
        rejected=pair.rejected,
        source=pair.source,
        margin=pair.margin,
        disagreement=pair.disagreement,
    )


def preference_of(pair: StoredPair) -> Preference:
    """A stored pair as training takes it."""
    return Preference(
        turn_id=pair.turn_id,
        visitor_id=pair.visitor_id,
        turns=tuple(Message(role=role, content=content) for role, content in pair.turns),
        facts=pair.facts,
        chosen_id=pair.chosen_id,
        chosen=pair.chosen,
        rejected_id=pair.rejected_id,
        rejected=pair.rejected,
        source=one_of(pair.source, PAIR_SOURCES),
        margin=pair.margin,
        disagreement=pair.disagreement,
    )


def _reply_option(
    work: NightWork, turn: LearnableTurn, reply: LearnableReply, scored: Scored | None
) -> Option:
    dialogue = Dialogue(turns=messages_of(turn), reply=reply.text, facts=reply.facts)
    assessment = _assessment(scored)
    return Option(
        id=reply.id,
        kind="reply",
        text=reply.text,
        assessment=assessment,
        reward=None if assessment is None else work.reward(dialogue, assessment),
        signals=frozenset(reply.signals),
    )


def _candidate_option(
    work: NightWork, turn: LearnableTurn, made: Candidate, scored: Scored | None
) -> Option:
    dialogue = Dialogue(turns=messages_of(turn), reply=made.text, facts=turn.shown.facts)
    assessment = _assessment(scored)
    return Option(
        id=made.id,
        kind="candidate",
        text=made.text,
        assessment=assessment,
        reward=None if assessment is None else work.reward(dialogue, assessment),
        flagged=made.flagged,
    )


def _assessment(scored: Scored | None) -> Assessment | None:
    return None if scored is None else Assessment(values=scored.values, spread=scored.spread)
