"""A store with as many shown replies as are asked for, made of templates of its own."""

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.database import open_database
from store.japanese_search import fold
from store.reply_index import rebuild
from store.scores import METRIC_COLUMNS

VISITORS = 3_000
ADAPTERS = 40
BEGAN = datetime(2025, 9, 1, tzinfo=UTC)
DAYS = 400
RARE = "黄金虫のブローチ"
EVALUATOR = "embedded-bench"
_TURNS_A_CONVERSATION = 12
_BATCH = 20_000

_THINGS = (
    "紅茶", "猫", "庭", "薔薇", "お茶会", "ピアノ", "図書館", "舞台", "手紙", "雨", "月", "星", "海", "山", "桜", "紅葉",
    "雪", "本", "映画", "写真", "絵画", "音楽", "弁当", "朝食", "散歩", "旅行", "電車", "仕事", "学校", "試験", "宿題", "面接",
    "部活", "友人", "家族", "母", "祖母", "妹", "犬", "小鳥", "金魚", "夢", "約束", "誕生日", "贈り物", "ケーキ", "和菓子",
    "抹茶", "珈琲", "カレー", "ラーメン", "料理", "掃除", "買い物", "洗濯", "眠り", "頭痛", "風邪", "天気", "台風", "夕焼け", "祭り",
    "花火", "浴衣", "着物", "帽子", "靴", "眼鏡", "時計", "自転車", "公園", "博物館", "水族館", "動物園", "劇場",
)  # fmt: skip
_FEELINGS = (
    "楽しい", "嬉しい", "寂しい", "悲しい", "不安", "退屈", "疲れた", "眠い", "忙しい", "懐かしい", "心配", "幸せ", "苦しい",
    "腹立たしい", "恥ずかしい", "誇らしい", "穏やか", "落ち着かない", "待ち遠しい", "面倒",
)  # fmt: skip
_ASKED = (
    "{a}のことを考えていたら{f}気持ちになりました。{b}はお好きですか？",
    "今日は{a}に行ってきたよ。{b}もあって{f}一日だった。",
    "{a}と{b}、どちらが好き？",
    "最近{f}ことが多くて、{a}も手につきません。",
    "{a}について教えて",
    "おはよう。{a}の夢を見たんだけど、どういう意味だろう？",
    "{n}年前の{a}を今でも覚えています。",
    "明日は{a}なんです。{f}です……。",
)
_SAID = (
    "まあ、{a}でいらっしゃいますのね。わたくしも{b}には目がございませんの。",
    "{f}お気持ち、よくわかりますわ。{a}でも召し上がって、少しお休みになってくださいませ。",
    "ふふ、{a}と{b}でしたら、わたくしは{a}を選びますわ。",
    "あら、{a}のお話ですのね。どうぞ続きを聞かせてくださいまし。{b}のことも気になりますわ。",
    "それは{f}出来事でしたわね。{n}日もすれば、きっと{a}のように思い出になりますわ。",
    "ごきげんよう。本日は{a}がとても見事ですのよ。ご一緒に{b}はいかがかしら？",
    "ええ、存じておりますわ。{a}は祖母に教わりましたの。{b}よりも難しいのですけれど。",
    "わたくしでよろしければ、{a}のお供をいたしますわ。{f}ときこそ{b}ですもの。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    number: int
    turn: str
    conversation: str
    visitor: str
    at: datetime
    first: bool
    adapter: str
    asked: str
    said: str


def make_store(path: Path, replies: int, seed: int = 4) -> None:
    """Make a SQLite store at `path` with `replies` shown replies and their index."""
    database = open_database(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    rng = random.Random(seed)
    _people(connection)
    batch: list[_Reply] = []
    for reply in _replies(rng, replies):
        batch.append(reply)
        if len(batch) == _BATCH:
            _write(connection, rng, batch)
            batch.clear()
    _write(connection, rng, batch)
    connection.close()
    with database.session() as session:
        rebuild(session.connection())
    database.forget_words()
    database.checkpoint()
    database.close()


def adapter_name(number: int) -> str:
    """Return the id of one of the adapters, 0 the oldest."""
    return f"night-{(BEGAN + timedelta(days=number * DAYS // ADAPTERS)):%Y-%m-%d}"


def visitor_name(number: int) -> str:
    """Return the id of one of the visitors."""
    return f"{number * 0x9E3779B1 % 2**32:08x}{number:024x}"


def _replies(rng: random.Random, count: int) -> Iterator[_Reply]:
    """Yield them in order of time; each conversation has a dozen turns, one in nine two variants."""
    step = timedelta(days=DAYS) / count
    conversation, turn, left, visitor = 0, 0, 0, 0
    for number in range(count):
        if left == 0:
            conversation, left = conversation + 1, _TURNS_A_CONVERSATION
            visitor = min(int(rng.expovariate(5 / VISITORS)), VISITORS - 1)
        second = number > 0 and rng.random() < 0.1
        if not second:
            turn, left = turn + 1, left - 1
        words = {"a": rng.choice(_THINGS), "b": rng.choice(_THINGS), "f": rng.choice(_FEELINGS)}
        said = rng.choice(_SAID).format(n=rng.randrange(2, 90), **words)
        if number % 100_003 == 77:
            said += f"{RARE}をご覧になって。"
        yield _Reply(
            number=number,
            turn=f"{turn:032x}",
            conversation=f"{conversation:032x}",
            visitor=visitor_name(visitor),
            at=BEGAN + number * step,
            first=not second,
            adapter=adapter_name(number * ADAPTERS // count),
            asked=rng.choice(_ASKED).format(n=rng.randrange(2, 90), **words),
            said=said,
        )


def _people(connection: sqlite3.Connection) -> None:
    began = _time(BEGAN)
    connection.executemany(
        "INSERT INTO visitors (id, consent, consent_at, created_at) VALUES (?, 1, ?, ?)",
        [(visitor_name(number), began, began) for number in range(VISITORS)],
    )
    connection.executemany(
        "INSERT INTO adapters (id, kind, base, sha256, folder, manifest, created_at) "
        "VALUES (?, 'dpo', 'base', ?, '/nowhere', '{}', ?)",
        [(adapter_name(number), "ab" * 32, began) for number in range(ADAPTERS)],
    )
    connection.execute(
        "INSERT INTO nights (date, status, fencing_token, started_at, settings) "
        f"VALUES ('2026-01-01', 'published', 1, '{began}', '{{}}')"
    )
    connection.execute(
        "INSERT INTO operators (name, password_hash, role, created_at) "
        f"VALUES ('bench', '', 'admin', '{began}')"
    )
    connection.commit()


def _write(connection: sqlite3.Connection, rng: random.Random, batch: list[_Reply]) -> None:
    times = {reply.number: _time(reply.at) for reply in batch}
    new_turns = [reply for reply in batch if reply.first]
    connection.executemany(
        "INSERT OR IGNORE INTO conversations (id, visitor_id, persona, title, title_folded, "
        "created_at, updated_at) VALUES (?, ?, 'ayane', '', '', ?, ?)",
        [(r.conversation, r.visitor, times[r.number], times[r.number]) for r in new_turns],
    )
    connection.executemany(
        "INSERT INTO turns (id, conversation_id, position, text, text_folded, learn, flagged, "
        "shown, created_at) VALUES (?, ?, ?, ?, ?, 1, 0, 0, ?)",
        [
            (r.turn, r.conversation, int(r.turn, 16), r.asked, fold(r.asked), times[r.number])
            for r in new_turns
        ],
    )
    _write_replies(connection, rng, batch, times)
    _write_signals(connection, rng, batch, times)
    connection.commit()


def _write_replies(
    connection: sqlite3.Connection,
    rng: random.Random,
    batch: list[_Reply],
    times: dict[int, str],
) -> None:
    connection.executemany(
        "INSERT INTO replies (id, turn_id, variant, text, text_folded, status, origin, adapter_id, "
        "facts, seed, sampling, timings, safety, personal, created_at, finished_at) "
        "VALUES (?, ?, (SELECT count(*) FROM replies WHERE turn_id = ?), ?, ?, 'done', ?, ?, "
        "'[]', 1, '{}', '{}', ?, ?, ?, ?)",
        [
            (
                f"{r.number:032x}",
                r.turn,
                r.turn,
                r.said,
                fold(r.said),
                "live" if r.first else "regenerated",
                r.adapter,
                rng.random() < 0.01,
                rng.choices((None, 0, 1), (0.02, 0.95, 0.03))[0],
                times[r.number],
                times[r.number],
            )
            for r in batch
        ],
    )
    connection.executemany(
        "UPDATE turns SET shown = shown + 1 WHERE id = ?",
        [(r.turn,) for r in batch if not r.first],
    )
    connection.executemany(
        "INSERT INTO scores (subject_id, reply_id, evaluator, at, spread, "
        f"{', '.join(METRIC_COLUMNS)}) VALUES (?, ?, ?, ?, ?{', ?' * len(METRIC_COLUMNS)})",
        [
            (f"{r.number:032x}", f"{r.number:032x}", EVALUATOR, times[r.number], *_verdict(rng))
            for r in batch
            if rng.random() > 0.03
        ],
    )


def _write_signals(
    connection: sqlite3.Connection,
    rng: random.Random,
    batch: list[_Reply],
    times: dict[int, str],
) -> None:
    def some(share: float) -> list[_Reply]:
        return [reply for reply in batch if rng.random() < share]

    connection.executemany(
        "INSERT INTO feedback (reply_id, thumb, at) VALUES (?, ?, ?)",
        [
            (f"{r.number:032x}", "up" if rng.random() < 0.7 else "down", times[r.number])
            for r in some(0.06)
        ],
    )
    connection.executemany(
        "INSERT INTO conflicts (id, night_date, turn_id, reply_id, signal, reward_quantile, "
        "created_at) VALUES (?, '2026-01-01', ?, ?, 'thumb_down', 0.9, ?)",
        [(f"c{r.number:031x}", r.turn, f"{r.number:032x}", times[r.number]) for r in some(0.001)],
    )
    connection.executemany(
        "INSERT INTO reviews (operator, reply_id, kind, metric, value, at, blind) "
        "VALUES ('bench', ?, 'metric', 'trust', 6, ?, 0)",
        [(f"{r.number:032x}", times[r.number]) for r in some(0.01)],
    )


def _verdict(rng: random.Random) -> tuple[object, ...]:
    level = rng.gauss(6.2, 1.2)
    values = [round(min(10.0, max(0.0, rng.gauss(level, 0.8))), 3) for _ in METRIC_COLUMNS]
    spread = {metric: round(rng.uniform(0.1, 1.5), 3) for metric in METRIC_COLUMNS}
    return json.dumps(spread), *values


def _time(at: datetime) -> str:
    return f"{at.replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"
