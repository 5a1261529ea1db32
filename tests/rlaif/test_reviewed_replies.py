"""Operators' reviews teach the heads, within consent, and never vouch for what they taught."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from app.evaluator_trust import evaluator_trust
from persona.engine import Message
from rlaif.embedded_heads import MANIFEST, estimate, reviews_until
from rlaif.evaluator import Dialogue
from rlaif.features import FIGURE_NAMES, Features
from rlaif.fit_heads import fit_heads, make_targets
from rlaif.metrics import METRIC_KEYS
from rlaif.reviewed_replies import Reviewed, list_reviewed, with_reviews
from store.database import Database
from store.night_records import NewReview
from store.reviews import append_review
from store.scores import append_score
from store.visitors import set_consent
from tests.rlaif.test_embedded_evaluator import QUICK, WIDTH, _example
from tests.store.rehearsal import EVALUATOR, talk, verdict

WORDS = ("今日は疲れた", "お疲れさまですわ。")
RETENTION = timedelta(days=90)


def _review(reply: str, value: float, by: str = "op", metric: str = "trust") -> NewReview:
    return NewReview(operator=by, kind="metric", reply_id=reply, metric=metric, value=value)


def test_only_what_visitors_allow_is_read(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (mine,) = talk(session, now, WORDS)
        other, (theirs,) = talk(session, now, WORDS)
        for turn in (mine, theirs):
            append_review(session, _review(turn.replies[0].id, 2.0), now=now)
        append_review(session, _review(mine.replies[0].id, 9.0), now=now + timedelta(hours=1))
        append_review(session, _review(mine.replies[0].id, 5.0, by="other"), now=now)
        set_consent(session, other, allow=False, now=now)
        found = list_reviewed(session, now=now + timedelta(hours=2), retention=RETENTION)
    (only,) = found.replies
    assert only.values == {"trust": 7.0}
    assert only.dialogue.reply == WORDS[1]
    assert found.until == now + timedelta(hours=1)


def test_reviews_move_the_head_they_are_about() -> None:
    rng = np.random.default_rng(7)
    kinds = [None, "dull", "rude"] * 60
    examples = [_example(kind, n) for n, kind in enumerate(kinds)]  # type: ignore[arg-type]
    rows = len(kinds) + 60
    figures = rng.normal(size=(rows, len(FIGURE_NAMES))).astype(np.float32)
    for row, kind in enumerate(kinds):
        figures[row, 0] += 6 * (kind == "dull")
        figures[row, 1] += 6 * (kind == "rude")
    # What no made fault has: operators mark replies down whose third figure is high.
    disliked = np.arange(len(kinds), rows) % 2 == 0
    figures[len(kinds) :, 2] += 6 * disliked
    features = Features(
        states=rng.normal(size=(rows, WIDTH)).astype(np.float32),
        figures=figures,
        names=FIGURE_NAMES,
    )
    turn = (Message(role="user", content="やあ"),)
    reviewed = [
        Reviewed(
            dialogue=Dialogue(turns=turn, reply="はい"),
            values={"trust": 1.0 if bad else 9.0},
            group=f"r{n}",
        )
        for n, bad in enumerate(disliked)
    ]
    targets = with_reviews(make_targets(examples, QUICK), reviewed)
    values, _ = estimate(fit_heads(features, targets, QUICK), features)
    column = values[len(kinds) :, METRIC_KEYS.index("trust")].numpy()
    assert column[~disliked].mean() - column[disliked].mean() > 4


def test_reviews_together_weigh_no_more_than_good_replies() -> None:
    targets = make_targets([_example(None, n) for n in range(30)], QUICK)
    turn = (Message(role="user", content="やあ"),)
    one = Reviewed(
        dialogue=Dialogue(turns=turn, reply="はい"), values={"trust": 3.0}, group="conversation"
    )
    column = METRIC_KEYS.index("trust")
    assert float(with_reviews(targets, [one]).weight[30:, column].sum()) == 3.0
    assert round(float(with_reviews(targets, [one] * 500).weight[30:, column].sum()), 3) == 30.0
    assert not with_reviews(targets, [one]).weight[30:, METRIC_KEYS.index("ease")].any()


def test_what_it_was_fitted_on_does_not_vouch_for_it(
    database: Database,
    now: datetime,
) -> None:
    with database.session() as session:
        _, turns = talk(session, now, *([WORDS] * 30))
        for n, turn in enumerate(turns):
            value = 1.0 + 8.0 * (n % 2)
            append_score(session, verdict(turn.replies[0].id, value), now=now)
            append_review(session, _review(turn.replies[0].id, value), now=now)
    later = now + timedelta(days=1)
    assert evaluator_trust(database, EVALUATOR, None, later)["trust"].weight == 1.0
    assert evaluator_trust(database, EVALUATOR, now, later)["trust"].weight == 0.5


def test_thirty_reversed_labels_of_one_metric_take_its_weight_to_zero(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, turns = talk(session, now, *([WORDS] * 50))
        for n, turn in enumerate(turns):
            reply, value = turn.replies[0].id, 1.0 + 8.0 * (n % 2)
            append_score(session, verdict(reply, value), now=now)
            for metric in ("trust", "ease"):
                own = 10.0 - value if metric == "trust" and n >= 20 else value
                append_review(session, _review(reply, own, metric=metric), now=now)
    trust = evaluator_trust(database, EVALUATOR, None, now + timedelta(days=1))
    assert trust["trust"].weight == 0.0
    assert trust["ease"].weight == 1.0


def test_heads_say_up_to_when_they_learnt(tmp_path: Path, now: datetime) -> None:
    assert reviews_until(tmp_path) is None
    (tmp_path / MANIFEST).write_text(json.dumps({"reviews_until": now.isoformat()}))
    assert reviews_until(tmp_path) == now
