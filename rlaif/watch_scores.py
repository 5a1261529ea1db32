"""Scoring what the same-day watch chose, as the night would: it finds the verdicts and pays once."""

from collections.abc import Sequence
from datetime import datetime

from rlaif.evaluator import Evaluator, Unscored
from rlaif.judge_record import keep_asked
from rlaif.watch_sample import Sample
from store.database import Database
from store.night_records import Scored
from store.scores import append_score, append_score_failure


def score_sample(
    database: Database,
    evaluator: Evaluator,
    sample: Sequence[Sample],
    now: datetime,
) -> int:
    """Score a sample and store the verdicts; return how many are new.

    What was erased meanwhile is passed over; what cannot be scored is noted with its reason, and
    not tried again.
    """
    verdicts = evaluator.assess([one.dialogue for one in sample])
    stored = 0
    with database.session() as session:
        for one, verdict in zip(sample, verdicts, strict=True):
            if isinstance(verdict, Unscored):
                append_score_failure(
                    session,
                    reply_id=one.reply_id,
                    candidate_id=None,
                    evaluator=evaluator.id,
                    reason=verdict.reason,
                    now=now,
                )
                continue
            scored = Scored(
                subject_id=one.reply_id,
                reply_id=one.reply_id,
                candidate_id=None,
                evaluator=evaluator.id,
                values=verdict.values,
                spread=verdict.spread,
                reasons=verdict.reasons,
                asked=keep_asked(session, verdict.asked, now=now),
            )
            stored += append_score(session, scored, now=now)
    return stored
