"""What operators said of replies, as examples for the heads: a person's verdict outweighs a made one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import torch
from sqlalchemy.orm import Session

from rlaif.evaluator import Dialogue
from rlaif.fit_heads import Targets
from rlaif.metrics import METRIC_KEYS, SCALE
from rlaif.spoken_turns import messages_of
from store.learning import list_learnable
from store.reviews import reviewed_values

_WEIGHT = 3.0
"""How many made examples of ordinary weight a review counts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A reply with the values (0..10) that operators gave it, mean over operators; `group` is its
    conversation."""

    dialogue: Dialogue
    values: Mapping[str, float]
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """All that may be fitted on. `until` is when the newest was written, None without any: what an
    evaluator has learnt from cannot say how far it is to be trusted."""

    replies: tuple[Reviewed, ...] = ()
    until: datetime | None = None


def list_reviewed(session: Session, *, now: datetime, retention: timedelta) -> Reviews:
    """Reviewed replies whose visitors let the night learn from them, oldest first."""
    values, newest = reviewed_values(session)
    found = tuple(
        Reviewed(
            dialogue=Dialogue(turns=messages_of(turn), reply=reply.text, facts=reply.facts),
            values=values[reply.id],
            group=turn.conversation_id,
        )
        for turn in list_learnable(session, now=now, retention=retention)
        for reply in turn.replies
        if reply.id in values and reply.text.strip()
    )
    return Reviews(replies=found, until=newest if found else None)


def with_reviews(targets: Targets, reviewed: Sequence[Reviewed]) -> Targets:
    """The targets with a row per reviewed reply; features follow in the same order.

    Together the reviews of a metric weigh at most what its good replies weigh, so that a few
    hundred of them cannot make the heads forget the faults.
    """
    if not reviewed:
        return targets
    rows, width = len(reviewed), len(METRIC_KEYS)
    value, weight = torch.zeros(rows, width), torch.zeros(rows, width)
    for column, key in enumerate(METRIC_KEYS):
        given = [row for row, one in enumerate(reviewed) if key in one.values]
        for row in given:
            value[row, column] = reviewed[row].values[key] / SCALE[1]
            weight[row, column] = min(_WEIGHT, len(targets.value) / len(given))
    nothing = torch.zeros(rows, width)
    return replace(
        targets,
        value=torch.cat([targets.value, value]),
        weight=torch.cat([targets.weight, weight]),
        opinion=torch.cat([targets.opinion, nothing]),
        has_opinion=torch.cat([targets.has_opinion, nothing]),
        groups=(*targets.groups, *(one.group for one in reviewed)),
    )
