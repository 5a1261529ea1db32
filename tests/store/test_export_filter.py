"""Exports narrowed as the list of replies is."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store.database import Database
from store.errors import ConflictError
from store.export_folder import MANIFEST, load_manifest
from store.night_records import NewReview
from store.pairs import list_pairs
from store.records import NewReply, ReplyEnd
from store.replies import finish_reply
from store.reply_filter import MetricRange, ReplyFilter, filter_json, public_filter
from store.reply_list import iter_filtered
from store.reviews import append_review
from store.turns import append_variant, set_feedback
from tests.store.export_world import Told, export, lines_of, tell


@dataclass(frozen=True)
class _World:
    """Two people, the first reply of the first one disliked."""

    database: Database
    exports: Path
    now: datetime
    one: Told
    two: Told

    def counts(self, replies: ReplyFilter) -> dict[str, int]:
        return dict(export(self.database, self.exports, self.now, replies=replies).counts)


@pytest.fixture
def world(database: Database, now: datetime, tmp_path: Path) -> _World:
    one = tell(database, now, "甲", "2026-09-10")
    two = tell(database, now, "乙", "2026-09-11")
    with database.session() as session:
        set_feedback(session, one.owner, one.replies[0], "down", None, now=now)
    return _World(database, tmp_path / "exports", now, one, two)


def test_every_table_is_about_the_replies_that_match(world: _World) -> None:
    # A reply of each of the two is scored; what a night made of their turns is a pair.
    scored = ReplyFilter(ranges=(MetricRange(metric="trust", low=6.0),))
    assert world.counts(scored) == {"logs": 2, "scores": 2, "reviews": 4, "pairs": 2}
    assert world.counts(replace(scored, thumb="down")) == {
        "logs": 1, "scores": 1, "reviews": 2, "pairs": 1,
    }  # fmt: skip
    assert world.counts(replace(scored, text="乙 問い")) == {
        "logs": 1, "scores": 1, "reviews": 2, "pairs": 1,
    }  # fmt: skip
    unscored = ReplyFilter(unscored=True, text="乙")
    assert world.counts(unscored) == {"logs": 1, "scores": 0, "reviews": 0, "pairs": 0}
    above = ReplyFilter(ranges=(MetricRange(metric="trust", low=6.01),))
    assert not any(world.counts(above).values())
    theirs = ReplyFilter(visitor=world.two.owner.visitor_id[:8])
    assert world.counts(theirs) == {"logs": 2, "scores": 1, "reviews": 2, "pairs": 1}


def test_the_log_holds_what_the_list_holds(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.export_tables.PAGE_ROWS", 1)
    later = world.now + timedelta(seconds=30)
    for wanted in (
        ReplyFilter(),
        ReplyFilter(thumb="none"),
        ReplyFilter(since=later),
        ReplyFilter(until=later, text="乙"),
        ReplyFilter(adapter="v1", reviewed=False),
        ReplyFilter(adapter="none"),
    ):
        with world.database.reading() as session:
            listed = {one for some in iter_filtered(session, wanted) for one in some}
        made = export(world.database, world.exports, world.now, replies=wanted)
        found = [line["reply_id"] for line in lines_of(world.exports, made, "logs")]
        assert sorted(map(str, found)) == sorted(listed), wanted
    assert len(listed) == 0


def test_variants_are_exported_where_they_are_asked_for(world: _World) -> None:
    again = NewReply(origin="regenerated", adapter="v1", seed=2, sampling={})
    with world.database.session() as session:
        variant = append_variant(session, world.one.turns[1], again, now=world.now).replies[1].id
    with world.database.session() as session:
        finish_reply(session, variant, ReplyEnd(status="done", text="もう一度"), now=world.now)
    twice = ReplyFilter(regenerated=True)
    assert world.counts(twice)["logs"] == 1
    assert world.counts(replace(twice, on_screen=False))["logs"] == 2


def test_a_review_of_a_pair_goes_with_the_turn_of_the_pair(world: _World) -> None:
    with world.database.session() as session:
        pair = list_pairs(session, "2026-09-10")[0]
        word = NewReview(operator="op", kind="pair", pair_id=pair.id, text="approve")
        append_review(session, word, now=world.now)
    assert world.counts(ReplyFilter(thumb="down"))["reviews"] == 3
    assert world.counts(ReplyFilter(thumb="none"))["reviews"] == 2


def test_the_manifest_tells_the_filter_without_a_visitor_or_words(world: _World) -> None:
    wanted = ReplyFilter(
        ranges=(MetricRange(metric="trust", low=5.5), MetricRange(metric="mean", high=9)),
        since=world.now,
        visitor=world.one.owner.visitor_id,
        text="甲 問い",
        thumb="down",
        on_screen=False,
    )
    made = export(world.database, world.exports, world.now, tables=("scores",), replies=wanted)
    assert made.counts == {"scores": 1}
    assert load_manifest(world.exports, made.id).replies == {
        "range": ["trust:5.5:", "mean::9"],
        "since": world.now.isoformat(),
        "visitor": True,
        "thumb": "down",
        "text": True,
        "on_screen": False,
    }
    raw = (world.exports / made.id / MANIFEST).read_text(encoding="utf-8")
    assert world.one.owner.visitor_id not in raw
    assert "甲" not in raw
    assert public_filter(filter_json(ReplyFilter())) == {}


def test_a_filter_that_makes_no_sense_is_refused_before_anything_is_written(
    world: _World,
) -> None:
    with pytest.raises(ConflictError, match="metric is 'charm'"):
        world.counts(ReplyFilter(ranges=(MetricRange(metric="charm"),)))
    assert not world.exports.exists()
