"""A night that waits for operators: pairs, conflicts and what they were worth, for the inbox."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.clock import utc_now
from rlaif.preference import GuardPart, MetricPart, Reward
from rlaif.reward import reward_record
from store.candidates import append_candidates, list_candidates
from store.database import Database
from store.night_records import NewConflict, NightClaim, Scored, TrustRecord
from store.night_scope import save_night_turns
from store.nights import begin_step, finish_night, finish_step, list_nights
from store.pair_queue import save_conflicts
from store.pairs import save_pairs
from store.records import Turn
from store.rewards import freeze_trust, save_rewards
from store.scores import METRIC_COLUMNS, append_score
from store.turns import set_feedback
from store.visitors import Owner
from tests.store.rehearsal import candidate, claim, pair, talk

EVALUATOR = "embedded-2c91"
# What was said, what is chosen, what is rejected, and where the preference comes from.
PAIRS = (
    (
        "今日は会社でひどく叱られてしまって、落ち込んでいます",
        "まあ、それはおつらかったですわね。今夜はゆっくりお休みになって。",
        "まあ、それはおつらかったですわね。明日もがんばってくださいませ。",
        "score",
    ),
    (
        "雨の日はどうやって過ごすの？",
        "窓辺でヴァイオリンを弾いておりますわ。雨音が伴奏になりますの。",
        "窓辺でヴァイオリンを弾いておりますわ。雨の日は雨が降りますもの。",
        "score",
    ),
    (
        "好きな食べ物は何ですか",
        "おじい様の打った十割そばですの。香りがたまりませんわ。",
        "なんでも好きですわ。あなたは何がお好きですの？",
        "regenerated",
    ),
    (
        "明日テストなんだけど、ぜんぜん勉強していない",
        "今からでも間に合いますわ。どの教科から参りましょうか。",
        "それは大変ですわね。それは大変ですわね。",
        "score",
    ),
    (
        "コンビニのおにぎり、上手に開けられるようになった？",
        "三回に一度は海苔を破りますわ。わたくし、負けませんことよ。",
        "三回に一度は海苔を破りますわ。おにぎりはおいしいですわね。",
        "thumb",
    ),
    (
        "お兄さんは元気？",
        "アメリカで元気にしておりますわ。時差でいつも寝不足ですけれど。",
        "わたくしに兄はおりませんわ。ひとりっ子ですもの。",
        "score",
    ),
    (
        "ふーん",
        "あら、気のないお返事ですこと。お疲れですの？",
        "そうですわね。そういうこともございますわね。",
        "score",
    ),
    (
        "ヴァイオリンって難しい？",
        "最初の一年はのこぎりの音でしたわ。今はどうにか歌いますの。",
        "難しいですわ。とても難しいですわ。本当に難しいのですわ。",
        "score",
    ),
)
CONFLICTS = (
    ("長野の冬は寒かった？", "それはもう、まつげが凍りますのよ。", "thumb_down"),
    ("おすすめの本ある？", "夏目漱石の『こころ』はいかがですの？", "regenerated_away"),
)


def seed_inbox(database: Database) -> str:
    """Add a night after the last that has made its pairs and waits; return its date."""
    now = utc_now() - timedelta(hours=2)
    with database.session() as session:
        dates = [night.date for night in list_nights(session)]
        newest = max((datetime.fromisoformat(one) for one in dates), default=now)
        date = max(newest.date() + timedelta(days=1), now.date()).isoformat()
        said = [(one[0], one[2]) for one in PAIRS] + [one[:2] for one in CONFLICTS]
        owner, turns = talk(session, now - timedelta(hours=6), *said)
        mine = claim(session, now, date=date)
        begin_step(session, mine, "collect", 1, now)
        save_night_turns(session, mine, [turn.id for turn in turns])
        finish_step(session, mine, "collect", _collected(turns, now), now)
        _pair(session, mine, (owner, turns), now)
        finish_night(
            session,
            mine,
            status="waiting",
            decision=f"{len(PAIRS)} pairs wait for an operator",
            adapter_id=None,
            now=now,
        )
    return date


def _collected(turns: list[Turn], now: datetime) -> dict[str, object]:
    """What the first step found, so that the night can be rehearsed from where it is."""
    return {
        "since": None,
        "until": now.isoformat(),
        "read_since": None,
        "read_until": now.isoformat(),
        "adapter": None,
        "turns": len(turns),
        "read_again": 0,
        "too_many": 0,
        "visitors": 1,
    }


def _pair(
    session: Session, mine: NightClaim, talked: tuple[Owner, list[Turn]], now: datetime
) -> None:
    owner, turns = talked
    rng = random.Random(4)
    begin_step(session, mine, "pair", 5, now)
    freeze_trust(
        session,
        mine,
        [
            TrustRecord(
                metric=one,
                weight=0.0 if one == "humanness" else 1.0,
                kappa=0.6,
                low=0.4,
                high=0.8,
                reviews=40,
            )
            for one in METRIC_COLUMNS
        ],
    )
    made = [candidate(turn, 0, one[1]) for turn, one in zip(turns, PAIRS, strict=False)]
    append_candidates(session, mine, made, now=now)
    chosen = {one.turn_id: one.id for one in list_candidates(session, mine.date)}
    pairs = []
    for at, (turn, (_, better, worse, source)) in enumerate(zip(turns, PAIRS, strict=False)):
        high = _score(session, mine, (chosen[turn.id], 6.4, True), rng, now)
        low = _score(session, mine, (turn.replies[0].id, 4.6, False), rng, now)
        pairs.append(
            replace(
                pair(owner, turn, chosen[turn.id], turn.replies[0].id),
                turns=_context(turns, at),
                chosen=better,
                rejected=worse,
                source=source,
                margin=high - low,
                disagreement=round(rng.uniform(0.05, 0.6), 2),
            )
        )
    save_pairs(session, mine, pairs, now=now)
    conflicts = []
    for turn, (_, _, signal) in zip(turns[len(PAIRS) :], CONFLICTS, strict=True):
        _score(session, mine, (turn.replies[0].id, 7.4, False), rng, now)
        set_feedback(session, owner, turn.replies[0].id, "down", "前にも聞きました", now=now)
        conflicts.append(
            NewConflict(
                turn_id=turn.id,
                reply_id=turn.replies[0].id,
                signal=signal,
                reward_quantile=rng.uniform(0.82, 0.97),
            )
        )
    save_conflicts(session, mine, conflicts, now=now)
    finish_step(session, mine, "pair", {}, now)
    begin_step(session, mine, "inbox", 6, now)


def _context(turns: list[Turn], at: int) -> tuple[tuple[str, str], ...]:
    """The turn before, its answer, and what is answered now."""
    before = turns[at - 1] if at else None
    earlier = (("user", before.text), ("assistant", before.replies[0].text)) if before else ()
    return (*earlier, ("user", turns[at].text))


def _score(
    session: Session,
    mine: NightClaim,
    subject: tuple[str, float, bool],
    rng: random.Random,
    now: datetime,
) -> float:
    """Score (id, level, whether a candidate) and return its reward in points."""
    key, level, is_candidate = subject
    values = {one: min(10.0, max(0.0, rng.gauss(level, 1.2))) for one in METRIC_COLUMNS}
    scored = Scored(
        subject_id=key,
        reply_id=None if is_candidate else key,
        candidate_id=key if is_candidate else None,
        evaluator=EVALUATOR,
        values=values,
        spread=dict.fromkeys(METRIC_COLUMNS, 0.4),
    )
    append_score(session, scored, now=now)
    metrics = {
        one: MetricPart(value=value, weight=1 / 12, trust=0.0 if one == "humanness" else 1.0)
        for one, value in values.items()
    }
    dull = 0.0 if is_candidate else rng.choice((0.0, 0.3))
    guard = GuardPart(severity=dull, points=3 * dull, note="30% of it fits any turn")
    total = sum(part.part for part in metrics.values()) - guard.points
    reward = Reward(total=total, metrics=metrics, guards={"dullness": guard})
    save_rewards(session, mine, EVALUATOR, {key: reward_record(reward, "3f9a1c02d7e4")})
    return total
