"""What operators said of replies as rated data, as far as the visitors of those replies allow."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from persona.engine import Message
from persona.importers.report import Licence
from rlaif.rated_dialogues import RatedDialogue
from rlaif.spoken_turns import messages_of
from store.learning import list_learnable
from store.ratings import last_ratings

LICENCE = Licence(
    name="this site's conversations, with their visitors' consent",
    may_train=True,
    notice="Consent can be withdrawn: keep nothing of them outside the database.",
)


def review_dialogues(
    session: Session,
    *,
    now: datetime,
    retention: timedelta,
    learnt_until: datetime | None = None,
    blind_only: bool = False,
) -> list[RatedDialogue]:
    """One row per reply and operator, oldest reply first; the operator is the rater, the adapter
    that spoke the system, the conversation the group.

    Only replies that the night may learn from (`list_learnable`), and of each operator and metric
    the last verdict that stands. `learnt_until`: only verdicts later than that, for an evaluator repeats
    what it was fitted on. `blind_only`: only verdicts given without sight of the scores, which may have
    drawn the others towards them.
    """
    since = None if learnt_until is None else learnt_until + timedelta(microseconds=1)
    given = last_ratings(session, since)
    rows = []
    for turn in list_learnable(session, now=now, retention=retention):
        for reply in turn.replies:
            if not reply.text.strip():
                continue
            by_operator: dict[str, dict[str, float]] = {}
            for metric, ratings in given.get(reply.id, {}).items():
                for operator, rating in ratings.items():
                    if rating.blind or not blind_only:
                        by_operator.setdefault(operator, {})[metric] = rating.value
            rows += [
                RatedDialogue(
                    group=turn.conversation_id,
                    messages=(
                        *messages_of(turn),
                        Message(role="assistant", content=reply.text),
                    ),
                    rater=operator,
                    system=reply.adapter or "",
                    ratings=values,
                    licence=LICENCE,
                    only_reply=True,
                    facts=reply.facts,
                    personal=True,
                )
                for operator, values in by_operator.items()
            ]
    return rows
