"""Contradictions that operators flagged, as probes: what was wrong once must not be said again."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from rlaif.probes import GateProbe, contradiction_probe
from rlaif.spoken_turns import messages_of
from store.learning import list_learnable
from store.reviews import flagged_contradictions

_ALWAYS = timedelta(days=36_500)


def list_contradiction_probes(session: Session, *, now: datetime) -> tuple[GateProbe, ...]:
    """A probe per flagged reply, oldest first.

    They outlive the retention of training and an operator's exclusion, for nothing is learnt from
    them, but not their visitor's consent or deletion.
    """
    flagged = flagged_contradictions(session)
    if not flagged:
        return ()
    return tuple(
        contradiction_probe(
            probe_id=f"contradiction-{reply.id}",
            turns=messages_of(turn),
            facts=reply.facts,
            said=flagged[reply.id],
        )
        for turn in list_learnable(session, now=now, retention=_ALWAYS, with_excluded=True)
        for reply in turn.replies
        if reply.id in flagged
    )
