"""The weights that operators' reviews give to an evaluator's metrics as of now."""

from datetime import datetime, timedelta

from rlaif.metrics import METRIC_KEYS
from rlaif.trust import MetricTrust, PairedReview, TrustSettings, trust_weights
from store.database import Database
from store.reviews import paired_reviews


def evaluator_trust(
    database: Database, evaluator: str, learnt_until: datetime | None, now: datetime
) -> dict[str, MetricTrust]:
    """Each metric's weight by the operators' reviews of what the evaluator scored.

    What it was fitted on it repeats, so only reviews later than `learnt_until` count.
    """
    since = now - TrustSettings().window
    if learnt_until is not None:
        since = max(since, learnt_until + timedelta(microseconds=1))
    with database.reading() as session:
        reviews = {
            key: [
                PairedReview(operator=operator, evaluator=own, at=at)
                for operator, own, at in paired_reviews(session, key, evaluator, since)
            ]
            for key in METRIC_KEYS
        }
    return trust_weights(reviews, TrustSettings(), now)
