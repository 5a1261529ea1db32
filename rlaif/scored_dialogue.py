"""A stored reply or candidate as evaluators were shown it."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from rlaif.evaluator import Dialogue
from rlaif.spoken_turns import messages_of
from store.learning import list_learnable
from store.scores import reply_or_candidate_text, turn_of_subject


def scored_dialogue(
    session: Session, subject_id: str, *, now: datetime, retention: timedelta
) -> Dialogue | None:
    """The talk before it as the night may read it now; None where it may not, or it is gone."""
    turn_id = turn_of_subject(session, subject_id)
    text = reply_or_candidate_text(session, subject_id)
    if turn_id is None or text is None:
        return None
    found = list_learnable(
        session, now=now, retention=retention, among={turn_id}, with_excluded=True
    )
    if not found:
        return None
    (turn,) = found
    beside = next((reply.facts for reply in turn.replies if reply.id == subject_id), None)
    # A candidate was made with the facts of the reply that was shown.
    facts = turn.shown.facts if beside is None else beside
    return Dialogue(turns=messages_of(turn), reply=text, facts=facts)
