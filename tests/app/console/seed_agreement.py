"""Six weeks of reviews with a story a metric, for the agreement screen."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.clock import utc_now
from app.evaluator_trust import evaluator_trust
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import trust_record
from store.database import Database
from store.night_records import NewReview, Scored
from store.nights import claim_night, finish_night
from store.reviews import append_review
from store.rewards import freeze_trust
from store.scores import append_score
from tests.store.rehearsal import talk

REPLIES = 140
_NEWEST = 40
_LINES = (
    ("今日は雨だね", "雨音を聞きながらのお茶も、よいものですわ。"),
    ("仕事でミスしちゃった", "まあ。次はきっとうまくゆきますわ。"),
    ("眠れないんだ", "では、静かな曲のお話をいたしましょうか。"),
    ("おすすめの本は？", "古い推理小説を読み返しておりますの。"),
    ("ありがとう", "こちらこそ、楽しゅうございましたわ。"),
    ("猫を飼いたい", "まあ素敵。お名前はもうお決まりですの？"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How a metric fares. `own` and `people`: scatter in points; `offset`: the evaluator's;
    `reviewed`: how many of the newest replies were; `turned`: the newest are inverted."""

    own: float = 1.4
    people: float = 1.0
    offset: float = 0.0
    reviewed: int = REPLIES
    turned: bool = False


_STORIES: Mapping[str, Story] = {
    "agency": Story(own=2.0),
    "attentiveness": Story(),
    "consistency": Story(offset=-3.0),
    "ease": Story(own=2.4, people=2.6),
    "empathetic": Story(turned=True),
    "emotion": Story(own=4.0),
    "enjoyability": Story(own=1.8),
    "humanness": Story(offset=1.5),
    "personality": Story(own=1.0),
    "respeak": Story(reviewed=14),
    "topic": Story(own=1.5, people=1.4),
    "trust": Story(reviewed=0),
}


def seed_reviews(database: Database) -> None:
    """Add talk, the shipped evaluator's verdicts on it, and two operators' reviews."""
    rng = random.Random(11)
    begin = utc_now() - timedelta(days=42)
    evaluator = evaluator_id_on_disk(SHIPPED_HEADS)
    for at in range(0, REPLIES, len(_LINES)):
        moment = begin + timedelta(hours=7 * at)
        with database.session() as session:
            _, turns = talk(session, moment, *_LINES[: min(len(_LINES), REPLIES - at)])
            for number, turn in enumerate(turns, start=at):
                reply = turn.replies[0].id
                later = moment + timedelta(minutes=30 + number % 7)
                truth = {key: rng.uniform(1, 9) for key in METRIC_KEYS}
                values = {key: _own(key, value, number, rng) for key, value in truth.items()}
                scored = Scored(
                    subject_id=reply,
                    reply_id=reply,
                    candidate_id=None,
                    evaluator=evaluator,
                    values=values,
                    spread={},
                )
                append_score(session, scored, now=later)
                for review in _reviews(reply, truth, number, rng):
                    append_review(session, review, now=later)


def seed_past_trust(database: Database) -> None:
    """Add nights that were skipped, with the trust that the reviews of their day gave."""
    evaluator = evaluator_id_on_disk(SHIPPED_HEADS)
    for days in range(30, 3, -2):
        moment = utc_now() - timedelta(days=days)
        trust = evaluator_trust(database, evaluator, None, moment).values()
        with database.session() as session:
            claim = claim_night(
                session,
                moment.date().isoformat(),
                owner="test",
                lease=timedelta(hours=1),
                now=moment,
                settings={},
            )
            if claim is None:
                continue
            freeze_trust(session, claim, [trust_record(one) for one in trust])
            finish_night(
                session,
                claim,
                status="skipped",
                decision="8 pairs may be trained on, 64 are needed; they are kept for the next nights",
                adapter_id=None,
                now=moment + timedelta(minutes=3),
            )


def _own(key: str, truth: float, number: int, rng: random.Random) -> float:
    story = _STORIES[key]
    seen = 10 - truth if story.turned and number >= REPLIES - _NEWEST else truth
    return min(10.0, max(0.0, seen + story.offset + rng.gauss(0, story.own)))


def _reviews(
    reply: str, truth: Mapping[str, float], number: int, rng: random.Random
) -> list[NewReview]:
    """Both operators rate every second reply, one the others."""
    people = ("kantoku", "shirabe") if number % 2 else ("kantoku",)
    return [
        NewReview(
            operator=who,
            kind="metric",
            reply_id=reply,
            metric=key,
            value=float(min(10, max(0, round(value + rng.gauss(0, _STORIES[key].people))))),
        )
        for who in people
        for key, value in truth.items()
        if number >= REPLIES - _STORIES[key].reviewed
    ]
