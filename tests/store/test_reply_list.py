"""Filters, sorts and pages of the list of replies, against the same found by reading everything."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store import reply_list
from store.database import Database
from store.errors import ConflictError
from store.japanese_search import fold
from store.night_records import NewReview, Scored
from store.records import NewReply, ReplyEnd, SafetyCatch
from store.replies import finish_reply
from store.reply_filter import MetricRange, ReplyFilter
from store.reply_list import COUNTED, ReplyCount, find_replies, iter_filtered
from store.reply_rows import load_listed
from store.reviews import append_review
from store.scores import METRIC_COLUMNS, append_score
from store.tables import ReplyRow
from store.turns import append_variant, set_feedback
from store.visitors import Owner
from tests.store.talk import begin, say

WORDS = ("ネコ", "猫", "紅茶", "パリの雨", "それは", "ですわ", "ｶﾞﾗｽ", "O'Neil\\x", "🫠", '"いえ"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    id: str
    at: datetime
    visitor: str
    adapter: str
    on_screen: bool
    variants: int
    thumb: str | None
    safety: bool
    personal: bool | None
    reviewed: bool
    texts: tuple[str, str]
    scores: dict[str, float] | None

    def value(self, measure: str) -> float | None:
        if self.scores is None:
            return None
        if measure == "mean":
            return sum(self.scores.values()) / len(self.scores)
        return self.scores[measure]


def _fill(database: Database, now: datetime, count: int = 80, seed: int = 1) -> list[_Known]:
    rng = random.Random(seed)
    known: list[_Known] = []
    with database.session() as session:
        owners = [begin(session, now=now) for _ in range(4)]
        for number in range(count):
            known += _speak(session, rng, *rng.choice(owners), now + timedelta(minutes=number))
    return known


def _speak(
    session: Session, rng: random.Random, owner: Owner, conversation: str, at: datetime
) -> list[_Known]:
    """Let a turn be answered, one in five twice."""
    asked, said, other = ("。".join(rng.choices(WORDS, k=2)) for _ in range(3))
    turn = say(session, owner, conversation, asked, at)
    known = _finish(session, rng, turn.replies[0].id, (asked, said), at)
    if rng.random() >= 0.2:
        return [known]
    again = NewReply(origin="regenerated", adapter="v2", seed=1, sampling={})
    later = at + timedelta(seconds=5)
    second = append_variant(session, turn.id, again, now=later).replies[1].id
    return [
        replace(known, on_screen=False, variants=2),
        replace(_finish(session, rng, second, (asked, other), later), variants=2, adapter="v2"),
    ]


def _finish(
    session: Session, rng: random.Random, reply: str, texts: tuple[str, str], at: datetime
) -> _Known:
    safety = rng.random() < 0.1
    caught = SafetyCatch(source="reply", category="sexual", reason="r", text="x")
    end = ReplyEnd(status="done", text=texts[1], caught=caught if safety else None)
    finish_reply(session, reply, end, now=at)
    personal = rng.choice((None, True, False))
    row = session.get_one(ReplyRow, reply)
    row.personal = personal
    owner = Owner(visitor_id=row.turn.conversation.visitor_id)
    thumb = rng.choice(("up", "down", None, None))
    if thumb:
        set_feedback(session, owner, reply, thumb, None, now=at)
    scores = None
    if rng.random() < 0.9:
        scores = {metric: rng.randrange(0, 41) / 4 for metric in METRIC_COLUMNS}
        verdict = Scored(
            subject_id=reply,
            reply_id=reply,
            candidate_id=None,
            evaluator="e",
            values=scores,
            spread={"trust": 0.5},
        )
        append_score(session, verdict, now=at)
    reviewed = rng.random() < 0.2
    if reviewed:
        word = NewReview(operator="op", kind="metric", reply_id=reply, metric="trust", value=5)
        append_review(session, word, now=at)
    return _Known(
        id=reply,
        at=at,
        visitor=owner.visitor_id,
        adapter="v1",
        on_screen=True,
        variants=1,
        thumb=thumb,
        safety=safety,
        personal=personal,
        reviewed=reviewed,
        texts=texts,
        scores=scores,
    )


def _all(database: Database, wanted: ReplyFilter, sort: str = "newest") -> list[str]:
    """Return the ids on all pages, checking that every page tells the same count."""
    ids: list[str] = []
    cursor = None
    with database.reading() as session:
        while True:
            page = find_replies(session, wanted, sort=sort, cursor=cursor)
            ids += [one.id for one in load_listed(session, page.numbers)]
            if page.next is None:
                break
            assert len(page.numbers) == reply_list.PAGE
            cursor = page.next
        assert page.count == ReplyCount(value=len(ids), more=False)
        assert [one for some in iter_filtered(session, wanted, size=20) for one in some] == (
            ids if sort == "newest" else _ids(session, wanted)
        )
    return ids


def _ids(session: Session, wanted: ReplyFilter) -> list[str]:
    return [one for some in iter_filtered(session, wanted) for one in some]


def _holds(text: str) -> Callable[[_Known], bool]:
    return lambda one: all(
        any(fold(word) in fold(said) for said in one.texts) for word in text.split()
    )


def _between(measure: str, low: float, high: float) -> Callable[[_Known], bool]:
    return lambda one: (value := one.value(measure)) is not None and low <= value <= high


def _cases(
    known: list[_Known], now: datetime
) -> list[tuple[ReplyFilter, Callable[[_Known], bool]]]:
    since, until = now + timedelta(minutes=30), now + timedelta(minutes=90)
    trust = MetricRange(metric="trust", low=2.25, high=6)
    someone = known[0].visitor[:8]
    return [
        (ReplyFilter(), lambda one: True),
        (ReplyFilter(on_screen=False), lambda one: True),
        (ReplyFilter(ranges=(trust,)), _between("trust", 2.25, 6)),
        (
            ReplyFilter(ranges=(trust, MetricRange(metric="mean", low=5))),
            lambda one: _between("trust", 2.25, 6)(one) and _between("mean", 4.995, 10)(one),
        ),
        (ReplyFilter(adapter="v2"), lambda one: one.adapter == "v2"),
        (ReplyFilter(adapter="none"), lambda one: False),
        (
            ReplyFilter(adapter="v2", text="猫"),
            lambda one: one.adapter == "v2" and _holds("猫")(one),
        ),
        (ReplyFilter(since=since, until=until), lambda one: since <= one.at < until),
        (ReplyFilter(visitor=someone), lambda one: one.visitor.startswith(someone)),
        (ReplyFilter(thumb="up"), lambda one: one.thumb == "up"),
        (ReplyFilter(thumb="none"), lambda one: one.thumb is None),
        (ReplyFilter(regenerated=True, on_screen=False), lambda one: one.variants == 2),
        (ReplyFilter(regenerated=False), lambda one: one.variants == 1),
        (ReplyFilter(unscored=True), lambda one: one.scores is None),
        (ReplyFilter(personal=True), lambda one: one.personal is True),
        (ReplyFilter(personal=False), lambda one: one.personal is False),
        (ReplyFilter(safety=True), lambda one: one.safety),
        (ReplyFilter(safety=False), lambda one: not one.safety),
        (ReplyFilter(reviewed=True), lambda one: one.reviewed),
        (ReplyFilter(reviewed=False), lambda one: not one.reviewed),
        (ReplyFilter(conflict=True), lambda one: False),
        *(
            (ReplyFilter(text=word), _holds(word))
            for word in ("ねこ", "猫", "パリの", "ガラス", "わ")
        ),
        *(
            (ReplyFilter(text=word), _holds(word))
            for word in ("'", "\\x", '"い', "🫠", "。", "。猫")
        ),
        (ReplyFilter(text="猫 紅茶"), _holds("猫 紅茶")),
        (ReplyFilter(text="茶紅"), lambda one: False),
        (ReplyFilter(text=" 　"), lambda one: True),
        (
            ReplyFilter(text="紅茶", thumb="down", ranges=(trust,), since=since),
            lambda one: (
                _holds("紅茶")(one)
                and one.thumb == "down"
                and _between("trust", 2.25, 6)(one)
                and one.at >= since
            ),
        ),
    ]


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_every_filter_finds_what_reading_everything_finds(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    if many:  # as if all filters and all words were common
        monkeypatch.setattr(reply_list, "_RARE", 0)
        monkeypatch.setattr(reply_list, "_FEW", 3)
    known = _fill(database, now)
    by_id = {one.id: one for one in known}
    for wanted, matches in _cases(known, now):
        expected = [
            one for one in known if matches(one) and (one.on_screen or not wanted.on_screen)
        ]
        found = _all(database, wanted)
        assert set(found) == {one.id for one in expected}, wanted
        assert [by_id[one].at for one in found] == sorted(
            (one.at for one in expected), reverse=True
        ), wanted


@pytest.mark.parametrize("counted", [COUNTED, 20], ids=["few", "many"])
@pytest.mark.parametrize("rare", [20_000, 0], ids=["rare", "common"])
def test_every_sort_is_complete_and_ends_with_the_unscored(
    database: Database,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    counted: int,
    rare: int,
) -> None:
    monkeypatch.setattr(reply_list, "COUNTED", counted)
    monkeypatch.setattr(reply_list, "_RARE", rare)
    monkeypatch.setattr(reply_list, "_FEW", rare)
    monkeypatch.setattr(reply_list, "PAGE", 11)
    monkeypatch.setattr(reply_list, "_WALKED", 40)
    known = _fill(database, now)
    by_id = {one.id: one for one in known}
    for text in ("", "紅茶"):
        expected = [one for one in known if one.on_screen and (not text or _holds(text)(one))]
        assert len(expected) > 22
        for sort in ("newest", "oldest", "trust_up", "trust_down", "mean_down", "spread_up"):
            found = [by_id[one] for one in _pages(database, ReplyFilter(text=text), sort, counted)]
            assert sorted(one.id for one in found) == sorted(one.id for one in expected)
            if sort in ("newest", "oldest"):
                times = [one.at for one in found]
                assert times == sorted(times, reverse=sort == "newest")
                continue
            measure, way = sort.rsplit("_", 1)
            scored = [one.scores is not None for one in found]
            assert scored == sorted(scored, reverse=True)
            if measure != "spread":
                values = [round(one.value(measure) or 0, 2) for one in found if one.scores]
                assert values == sorted(values, reverse=way == "down")


def _pages(database: Database, wanted: ReplyFilter, sort: str, counted: int) -> list[str]:
    ids: list[str] = []
    cursor = None
    with database.reading() as session:
        while True:
            page = find_replies(session, wanted, sort=sort, cursor=cursor)
            ids += [one.id for one in load_listed(session, page.numbers)]
            assert page.count.value <= counted
            if page.next is None:
                break
            cursor = page.next
    assert page.count == ReplyCount(value=min(len(ids), counted), more=len(ids) > counted)
    return ids


@pytest.mark.parametrize(
    ("wanted", "sort", "cursor", "words"),
    [
        (ReplyFilter(), "best", None, "sort is 'best'"),
        (ReplyFilter(), "newest", "!!", "begin at its first page"),
        (ReplyFilter(), "newest", "WyJ0cnVzdF91cCIsIDEsIDJd", "begin at its first page"),
        (ReplyFilter(visitor="abc"), "newest", None, "8 or more hexadecimal"),
        (ReplyFilter(visitor="%" * 8), "newest", None, "8 or more hexadecimal"),
        (ReplyFilter(ranges=(MetricRange(metric="charm"),)), "newest", None, "metric is 'charm'"),
        (ReplyFilter(text="長" * 201), "newest", None, "200 at most"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    database: Database, wanted: ReplyFilter, sort: str, cursor: str | None, words: str
) -> None:
    with database.reading() as session, pytest.raises(ConflictError, match=words):
        find_replies(session, wanted, sort=sort, cursor=cursor)
