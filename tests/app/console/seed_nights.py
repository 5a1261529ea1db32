"""Four weeks of nights and the versions they made, for the console's screens."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from app.clock import utc_now
from rlaif.gate_sides import gate_group, gate_neutral, gate_side
from rlaif.gates import gate_names
from rlaif.watch_active import WHO
from store.adapters import deploy, ensure_adapter
from store.audit import append_audit
from store.conversations import get_conversation_row
from store.database import Database
from store.gate_results import save_gate_results
from store.night_records import GateRecord, NightEnd, Scored
from store.night_tables import GateResultRow
from store.nights import begin_step, claim_night, finish_night, finish_step
from store.records import Adapter, NewReply, ReplyEnd
from store.replies import finish_reply
from store.scores import METRIC_COLUMNS, append_score
from store.turns import append_turn, append_variant, set_feedback
from store.visitors import Owner, set_consent
from tests.rlaif.made_up_night import LENGTHS
from tests.store.talk import begin

DAYS = 28
BASE = "0" * 64
EVALUATOR = "embedded-2c91"
_ENDS: tuple[NightEnd, ...] = ("published", "skipped", "refused", "published", "refused", "failed")
_DECISIONS: dict[NightEnd, str] = {
    "published": "All 56 gates passed.",
    "refused": "The old adapter stays: 1 of 56 gates failed: voice.active is 0.071 against 0.04.",
    "skipped": "8 pairs may be trained on, 64 are needed; they are kept for the next nights",
    "failed": "MemoryError: the training child was killed",
}
_LINES = (
    ("今日はどんな一日でしたか", "朝から雨でしたの。窓辺で本を読んでおりましたわ。"),
    ("おすすめの過ごし方はありますか", "お茶を淹れて、静かに音楽を聴くのはいかがですの？"),
    ("ちょっと疲れました", "まあ。どうぞ肩の力を抜いてくださいませ。"),
)


@dataclass
class _Voice:
    """The version in production and how good it is."""

    adapter: str
    level: float


def seed_versions(database: Database, home: Path) -> None:
    """Add nights of every ending up to two days ago, each version with talk and scores; one was
    taken back by the watch."""
    rng = random.Random(20)
    start = utc_now().replace(hour=18, minute=0) - timedelta(days=DAYS)
    with database.session() as session:
        voice = _Voice(_adapter(session, home, "ayane-shipped", None, start), 5.4)
        deploy(session, voice.adapter, who="yogeiko", why="shipped with the card", now=start)
        for at in range(DAYS - 2):
            now = start + timedelta(days=at)
            end = _ENDS[at % len(_ENDS)]
            if _ENDS[at % len(_ENDS)] == "published":
                _talk(session, voice, now - timedelta(hours=6), rng)
            voice = _night(session, home, voice, end, now, rng)
            if at == DAYS - 8:
                _take_back(session, home, voice, now + timedelta(hours=3))


def _night(
    session: Session, home: Path, voice: _Voice, end: NightEnd, now: datetime, rng: random.Random
) -> _Voice:
    date = now.date().isoformat()
    claim = claim_night(session, date, owner="seed", lease=timedelta(hours=9), now=now, settings={})
    assert claim is not None
    moment = now
    steps = list(LENGTHS.items())[: 5 if end == "skipped" else 7 if end == "failed" else 9]
    for position, (step, seconds) in enumerate(steps, start=1):
        begin_step(session, claim, step, position, moment)
        moment += timedelta(seconds=seconds * rng.uniform(0.7, 1.4))
        if not (end == "failed" and step == "train"):
            finish_step(session, claim, step, {}, moment)
    made = None
    if end in ("published", "refused"):
        failing = ("voice.active", "stock.anchor") if end == "refused" else ()
        save_gate_results(session, claim, likely_gates(rng, failing))
    if end == "published":
        made = _adapter(
            session, home, f"ayane-night-{date}-{rng.randrange(16**12):012x}", "ayane-shipped", now
        )
        deploy(session, made, who="night", why=_DECISIONS[end], now=moment)
        voice = _Voice(made, min(8.0, voice.level + rng.uniform(-0.1, 0.5)))
    finish_night(session, claim, status=end, decision=_DECISIONS[end], adapter_id=made, now=moment)
    return voice


def likely_gates(rng: random.Random, failing: tuple[str, ...] = ()) -> list[GateRecord]:
    """Results near "nothing changed", inside their bounds but for those of `failing`."""
    return [_likely(name, name in failing, rng) for name in gate_names()]


def _likely(name: str, failing: bool, rng: random.Random) -> GateRecord:
    neutral, figure = gate_neutral(name), name.split(".")[0]
    margin = {0.5: 0.08, 1.0: 0.05}.get(neutral, 0.5 if figure.startswith("impression") else 0.04)
    if gate_group(name) == "safety" and "." not in name:
        return _record(name, 0.0, 0.0, 0.0, passed=True)
    above = gate_side(name, 0.0) == "above"
    toward = 1 if above else -1
    bound = neutral - toward * margin
    value = bound - toward * margin * 0.6 if failing else neutral + margin * rng.uniform(-0.4, 0.7)
    return _record(name, value, bound, margin * rng.uniform(0.2, 0.5), passed=not failing)


def _record(name: str, value: float, bound: float, half: float, *, passed: bool) -> GateRecord:
    return GateRecord(
        gate=name,
        passed=passed,
        value=value,
        low=value - half,
        high=value + half,
        bound=bound,
        detail={},
    )


def freshen_gates(session: Session, date: str) -> None:
    """Give a night that is over results that look like those of a real one."""
    for made in likely_gates(random.Random(date)):
        row = session.get_one(GateResultRow, (date, made.gate))
        row.value, row.low, row.high, row.bound = made.value, made.low, made.high, made.bound


def _talk(session: Session, voice: _Voice, now: datetime, rng: random.Random) -> None:
    for _ in range(2):
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        for number, (asked, answered) in enumerate(_LINES):
            _reply(session, voice, (owner, conversation), (asked, answered), now, rng)
            now += timedelta(minutes=number + 1)


def _reply(
    session: Session,
    voice: _Voice,
    place: tuple[Owner, str],
    words: tuple[str, str],
    now: datetime,
    rng: random.Random,
) -> None:
    owner, conversation = place
    row = get_conversation_row(session, owner, conversation, lock=True)
    new = NewReply(origin="live", adapter=voice.adapter, seed=7, sampling={"temperature": 0.7})
    turn = append_turn(session, row, words[0], new, now=now)
    end = ReplyEnd(status="done", text=words[1])
    reply = turn.replies[0].id
    finish_reply(session, reply, end, now=now)
    if rng.random() < 0.3 - voice.level / 40:
        again = append_variant(session, turn.id, new, now=now)
        reply = again.replies[1].id
        finish_reply(session, reply, end, now=now)
    values = {
        metric: min(10.0, max(0.0, voice.level + rng.gauss((at % 4 - 1.5) * 0.6, 0.8)))
        for at, metric in enumerate(METRIC_COLUMNS)
    }
    verdict = Scored(
        subject_id=reply,
        reply_id=reply,
        candidate_id=None,
        evaluator=EVALUATOR,
        values=values,
        spread={"trust": 0.5},
    )
    append_score(session, verdict, now=now)
    if rng.random() < 0.2:
        thumb = "up" if rng.random() < voice.level / 10 else "down"
        set_feedback(session, owner, reply, thumb, None, now=now)


def _take_back(session: Session, home: Path, voice: _Voice, now: datetime) -> None:
    """Publish a bad version by hand and let the watch take it back."""
    bad = _adapter(session, home, "ayane-by-hand-0b1c", "ayane-shipped", now)
    deploy(session, bad, who="kantoku", why="口調を軽くした版の試し", now=now)
    back = now + timedelta(hours=2)
    why = "worse than the adapter before: retry 0.210 of 57 replies, 0.048 of 412 before"
    deploy(session, voice.adapter, who=WHO, why=why, now=back)
    signals = {
        "retry": {
            "usual": 0.048,
            "allowed": 0.068,
            "seen": 0.21,
            "before": 412,
            "after": 57,
            "e_value": 71.0,
            "threshold": 33.3,
        }
    }
    detail: dict[str, object] = {"adapter": bad, "previous": voice.adapter, "signals": signals}
    append_audit(session, actor=WHO, action="adapter.watch", detail=detail, now=back)


def _adapter(session: Session, home: Path, name: str, parent: str | None, now: datetime) -> str:
    """A registered adapter whose folder is there, though it holds no weights."""
    folder = home / "adapters" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"id": name}))
    ensure_adapter(
        session,
        Adapter(
            id=name,
            parent_id=parent,
            kind="sft" if parent is None else "night",
            base=BASE,
            sha256=name,
            folder=str(folder),
            manifest={"id": name},
            created_at=now,
        ),
    )
    return name
