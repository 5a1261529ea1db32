"""`yogeiko evaluator agreement --pairs`: made-up people whose taste is known, over a real store."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from app.clock import utc_now
from app.commands.evaluator import command
from app.night_models import NightModels
from app.settings import load_settings
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS
from store.comparisons import append_comparison
from store.database import open_database
from store.duels import Opponents, add_duel, decide_duel, new_duel
from store.night_records import StoredComparison
from store.pair_verdicts import decide_pair
from store.pairs import list_pairs, save_pairs
from store.records import NewReply, ReplyEnd
from store.replies import finish_reply
from store.scores import append_score
from store.sheets import (
    NewItem,
    NewSheet,
    SheetRating,
    append_rating,
    create_sheet,
    save_answer,
    set_status,
)
from store.turns import append_variant
from store.visitors import set_consent, set_duel
from tests.store.rehearsal import DATE, claim, pair, talk, verdict
from tests.store.talk import begin, say

EVALUATOR = evaluator_id_on_disk(SHIPPED_HEADS)
QUESTIONS = 20
VISITORS = 12
PAIRS = 12


class _LikesStars:
    """Topic by ★; every other metric the other way round."""

    kind: EvaluatorKind = "embedded"
    id = EVALUATOR

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        verdicts: list[Assessment | Unscored] = []
        for one in dialogues:
            stars = float(one.reply.count("★"))
            values = dict.fromkeys(METRIC_KEYS, 10 - stars) | {"topic": stars}
            verdicts.append(Assessment(values=values, spread={}))
        return verdicts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(NightModels, "training_evaluator", lambda _: _LikesStars())
    now = utc_now()
    with open_database(load_settings(tmp_path).database_url).session() as session:
        _rate_a_sheet(session, now)
        _vote_in_duels(session, now)
        _decide_pairs(session, now)
    return tmp_path


def _rate_a_sheet(session: Session, now: datetime) -> None:
    """Three versions; the second operator sees two of them as equal, and one item upside down."""
    versions = ("base", "v1", "v2")
    items = tuple(
        NewItem(metric="topic", prompt=f"p{at}", question=f"{at}?") for at in range(QUESTIONS)
    )
    sheet = create_sheet(
        session,
        NewSheet(name="秋", versions=versions, metrics=("topic",), seed=1, items=items),
        by="op",
        now=now,
    ).id
    for item in items:
        for stars, version in enumerate(versions):
            save_answer(session, sheet, item.prompt, version, f"{item.prompt} {'★' * stars}")
    set_status(session, sheet, "ready", among=["making"], now=now)
    first: Mapping[str, int] = {"v2": 1, "v1": 2, "base": 3}
    for number in range(1, QUESTIONS + 1):
        second = {"v2": 1, "v1": 2, "base": 2} if number > 1 else {"v2": 3, "v1": 2, "base": 1}
        for operator, ranks in (("one", first), ("two", second)):
            rating = SheetRating(
                number=number,
                operator=operator,
                ranks=ranks,
                naturalness=dict.fromkeys(versions, 3),
                at=now,
            )
            append_rating(session, sheet, rating, now=now)


def _vote_in_duels(session: Session, now: datetime) -> None:
    """One duel a visitor; all but three prefer the answer that scored higher."""
    for at in range(VISITORS):
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        set_duel(session, owner, allow=True, now=now)
        turn = say(session, owner, conversation, "ごきげんよう", now)
        second = NewReply(origin="duel", adapter="v1", seed=7, sampling={})
        turn = append_variant(session, turn.id, second, now=now)
        replies = (turn.replies[0].id, turn.replies[1].id)
        for one, text in zip(replies, ("新しい。", "古い。"), strict=True):
            finish_reply(session, one, ReplyEnd(status="done", text=text), now=now)
        opponents = Opponents(newer="v2", older="v1")
        add_duel(
            session, owner, new_duel(opponents, turn.id, replies=replies, newer_left=True, now=now)
        )
        decide_duel(session, owner, turn.id, left=at >= 3, now=now)
        for one, value in zip(replies, (7.0, 4.0), strict=True):
            append_score(session, verdict(one, value, evaluator=EVALUATOR), now=now)


def _decide_pairs(session: Session, now: datetime) -> None:
    """The judge compared the pairs and prefers the proposed reply; one operator flips a third."""
    owner, (turn,) = talk(session, now, ("疲れた", "お疲れさまですわ。"))
    night = claim(session, now)
    pairs = [pair(owner, turn, f"c{at}", f"r{at}") for at in range(PAIRS)]
    save_pairs(session, night, pairs, now=now)
    for at, one in enumerate(sorted(list_pairs(session, DATE), key=lambda one: one.chosen_id)):
        status = "flipped" if at % 3 == 0 else "approved"
        decide_pair(session, one.id, status, "one", now + timedelta(seconds=at))
        comparison = StoredComparison(
            evaluator=EVALUATOR,
            turn_id=turn.id,
            chosen_id=one.chosen_id,
            rejected_id=one.rejected_id,
            verdict="chosen",
        )
        append_comparison(session, night, comparison, now=now)


def _run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(command, ["agreement", "--pairs", "--home", str(home), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_source_gives_the_shares_that_people_were_made_with(home: Path) -> None:
    told = json.loads(_run(home, "--json"))
    assert told["evaluator"] == EVALUATOR
    sheets, inbox, duels = told["sources"]
    assert [one["source"] for one in told["sources"]] == ["sheets", "inbox", "duels"]

    # 20 items of three pairs; the first operator and the judge agree in all of them. The second
    # ties one pair of 19 items, agrees in the other two, and is opposed in the three of one item.
    both = sheets["judge_people"]
    assert (both["questions"], both["compared"], both["ties"]) == (60, 120, 19)
    assert both["decided"]["value"] == pytest.approx((60 + 38) / (120 - 19))
    assert both["strict"]["value"] == pytest.approx((60 + 38) / 120)
    people = sheets["people_people"]
    assert people["decided"]["value"] == pytest.approx(38 / 41)
    assert people["strict"]["value"] == pytest.approx(38 / 60)
    assert people["decided"]["low"] < 38 / 41 < people["decided"]["high"]

    assert duels["judge_people"]["decided"]["value"] == pytest.approx(9 / 12)
    assert duels["people_people"]["compared"] == 0
    # All pairs of one turn: their interval is that of a single case.
    found = inbox["judge_people"]["decided"]
    assert found["value"] == pytest.approx(8 / 12)
    assert found["high"] - found["low"] > 0.5


def test_the_table_tells_shares_intervals_and_what_draws_people(home: Path) -> None:
    text = _run(home)
    lines = {tuple(line.split()[:2]): line for line in text.splitlines()}
    assert "75% [" in lines[("duels", "evaluator")]
    assert "(12)" in lines[("duels", "evaluator")]
    assert "- (0)" in lines[("duels", "people")]
    assert "sheets and duels are blind" in text


def test_another_evaluator_has_no_verdicts_and_cannot_read_the_sheets(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NightModels, "gate_evaluator", lambda _: _LikesStars())
    told = json.loads(_run(home, "--json", "--evaluator", "stranger-1"))
    sheets, inbox, duels = told["sources"]
    assert (sheets["unjudged"], inbox["unjudged"], duels["unjudged"]) == (60, 12, 12)
    assert sheets["judge_people"]["compared"] == 0
    assert sheets["people_people"]["decided"] is not None
