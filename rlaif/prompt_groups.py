"""Between the store's records and the pure pairing: turns with all their options, and back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from sqlalchemy.orm import Session

from persona.dialogues import read_card_rows
from persona.engine import Message
from persona.safety import check_reply
from rlaif.evaluator import Assessment, Dialogue
from rlaif.night_work import NightWork
from rlaif.pair_caps import PairHistory, PastPair, anonymous_visitors
from rlaif.phrase_clusters import common_phrases
from rlaif.preference import Option, PairSource, Preference, PromptGroup, Reward
from rlaif.reward import stored_reward
from rlaif.spoken_turns import messages_of
from store.night_records import (
    Candidate,
    LearnableReply,
    LearnableTurn,
    NewPair,
    RewardRecord,
    Scored,
    StoredPair,
)
from store.pairs import count_pairs_by_visitor, list_trainable_pairs
from store.turns import one_of

PAIR_SOURCES: tuple[PairSource, ...] = get_args(PairSource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the night's evaluator said and what that was worth in this night, by subject."""

    scores: Mapping[str, Scored]
    rewards: Mapping[str, RewardRecord]

    def of(self, subject: str) -> tuple[Assessment | None, Reward | None]:
        """Both, or neither: what is paired is what is stored."""
        scored, reward = self.scores.get(subject), self.rewards.get(subject)
        if scored is None or reward is None:
            return None, None
        return Assessment(values=scored.values, spread=scored.spread), stored_reward(reward)


def prompt_group(
    work: NightWork, turn: LearnableTurn, made: Sequence[Candidate], verdicts: Verdicts
) -> PromptGroup:
    """The turn with everything that could be chosen or rejected in it."""
    options = [_reply_option(work, turn, reply, verdicts) for reply in turn.replies]
    options += [
        _edit_option(work, turn, reply, (reply.edit_id, reply.edit))
        for reply in turn.replies
        if reply.edit_id is not None and reply.edit is not None
    ]
    options += [_candidate_option(one, verdicts) for one in made if one.text]
    return PromptGroup(
        turn_id=turn.turn_id,
        visitor_id=turn.visitor_id,
        turns=messages_of(turn),
        facts=turn.shown.facts,
        options=tuple(options),
    )


def seen_before(group: PromptGroup, earlier: Sequence[StoredPair], *, again: bool) -> PromptGroup:
    """The group of a turn that other nights may have read (`again`) and paired.

    A pair that an operator turned round stands for both ways.
    """
    paired = {(pair.chosen_id, pair.rejected_id) for pair in earlier}
    paired |= {(pair.rejected_id, pair.chosen_id) for pair in earlier if pair.status == "flipped"}
    return replace(group, evidence_only=again or bool(earlier), paired=frozenset(paired))


def pair_history(
    session: Session,
    work: NightWork,
    turns: Sequence[LearnableTurn],
    earlier: Mapping[str, Sequence[StoredPair]],
) -> PairHistory:
    """What earlier nights took, and how large the training set is without any visitor.

    `earlier` are their pairs of tonight's turns: a new pair of such a turn takes the old one's
    place, so those do not count.
    """
    past = [
        pair
        for pair in list_trainable_pairs(session, now=work.now(), retention=work.settings.retention)
        if pair.night_date != work.date and pair.turn_id not in earlier
    ]
    ever = Counter(count_pairs_by_visitor(session, except_night=work.date))
    ever.subtract(
        pair.visitor_id for some in earlier.values() for pair in some if pair.status != "vetoed"
    )
    visitors = {turn.visitor_id for turn in turns} | ever.keys()
    rows = read_card_rows(work.parts.card.folder, "train")
    return PairHistory(
        past=tuple(
            PastPair(visitor_id=one.visitor_id, asked=one.turns[-1][1], chosen=one.chosen)
            for one in past
        ),
        by_visitor=ever,
        anonymous=anonymous_visitors(visitors, work.settings.pairs.caps),
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
    work: NightWork, turn: LearnableTurn, reply: LearnableReply, verdicts: Verdicts
) -> Option:
    assessment, reward = verdicts.of(reply.id)
    dialogue = Dialogue(turns=messages_of(turn), reply=reply.text, facts=reply.facts)
    return Option(
        id=reply.id,
        kind="reply",
        text=reply.text,
        assessment=assessment,
        reward=reward,
        signals=frozenset(one for one in reply.signals if reply.settled.get(one) != "evaluator"),
        flagged=reply.wrong_of_fact,
        penalties=work.penalties(dialogue),
        confirmed=frozenset(one for one, whose in reply.settled.items() if whose == "visitor"),
    )


def _edit_option(
    work: NightWork, turn: LearnableTurn, reply: LearnableReply, edit: tuple[str, str]
) -> Option:
    """An operator's text, by id and content, under the same guards and filter as every reply."""
    name, text = edit
    dialogue = Dialogue(turns=messages_of(turn), reply=text, facts=reply.facts)
    return Option(
        id=name,
        kind="edit",
        text=text,
        assessment=None,
        reward=None,
        signals=frozenset({"operator"}),
        flagged=check_reply(text).flagged,
        penalties=work.penalties(dialogue),
    )


def _candidate_option(made: Candidate, verdicts: Verdicts) -> Option:
    assessment, reward = verdicts.of(made.id)
    return Option(
        id=made.id,
        kind="candidate",
        text=made.text,
        assessment=assessment,
        reward=reward,
        flagged=made.flagged,
    )
