"""Agreement over the console's routes."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import agreement_memory
from app.agreement import AgreementReport
from app.clock import utc_now
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.metrics import METRIC_KEYS
from store.night_records import NewReview, Scored
from store.reviews import append_review, restore_review, retract_review
from store.scores import append_score
from tests.app.console.seed_agreement import seed_reviews
from tests.app.console.seed_console import seed_night
from tests.app.house import House, error_code
from tests.store.rehearsal import talk


def test_before_any_review_every_metric_says_how_many_are_missing(reviewer: TestClient) -> None:
    told = reviewer.get("/api/console/agreement").json()
    assert [one["metric"] for one in told["metrics"]] == list(METRIC_KEYS)
    assert {one["reviews_missing"] for one in told["metrics"]} == {20}
    assert {one["evaluator_people"]["missing"] for one in told["metrics"]} == {"few"}
    assert told["pairing"] == {
        "night": None, "pairs": 0, "kept": 0, "under_margin": 0, "reversed": 0,
    }  # fmt: skip


def test_a_metric_brings_every_rating_behind_its_figures(
    house: House, reviewer: TestClient
) -> None:
    seed_reviews(house.database)
    seed_night(house.database, house.settings.nights_folder)
    whole = reviewer.get("/api/console/agreement").json()
    one = reviewer.get("/api/console/agreement/empathetic").json()
    row = next(each for each in whole["metrics"] if each["metric"] == "empathetic")
    for part in ("evaluator_people", "people_people", "history", "drift", "weight", "share"):
        assert one[part] == row[part]
    assert len(one["ratings"]) == one["evaluator_people"]["ratings"] == 210  # 140 and 70 twice
    operators = {rating["operator"] for rating in one["ratings"]}
    assert operators == {"kantoku", "shirabe"}
    assert one["pairing"]["night"] == whole["pairing"]["night"]
    total = sum(one["pairing"][fate] for fate in ("kept", "under_margin", "reversed"))
    assert total == one["pairing"]["pairs"] == whole["pairing"]["pairs"]


def test_an_unknown_metric_is_refused_with_the_known_ones(reviewer: TestClient) -> None:
    answer = reviewer.get("/api/console/agreement/miryoku")
    assert (answer.status_code, error_code(answer)) == (404, "metric_unknown")
    assert "agency" in answer.json()["error"]["message"]


def test_a_new_review_and_its_retraction_change_the_answer(
    house: House, reviewer: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[AgreementReport] = []
    make = agreement_memory.agreement_report

    def counted(*given: Any) -> AgreementReport:
        made.append(make(*given))
        return made[-1]

    monkeypatch.setattr(agreement_memory, "agreement_report", counted)
    now = utc_now()
    with house.database.session() as session:
        _, turns = talk(session, now, ("やあ", "ごきげんよう。"))
        reply = turns[0].replies[0].id

    def rated() -> int:
        told = reviewer.get("/api/console/agreement").json()
        assert reviewer.get("/api/console/agreement").json() == told
        reviewer.get("/api/console/home/agreement")
        (trust,) = [one for one in told["metrics"] if one["metric"] == "trust"]
        return int(trust["evaluator_people"]["ratings"])

    assert (rated(), len(made)) == (0, 1), "three looks, one report"
    with house.database.session() as session:
        given = Scored(
            subject_id=reply,
            reply_id=reply,
            candidate_id=None,
            evaluator=evaluator_id_on_disk(SHIPPED_HEADS),
            values=dict.fromkeys(METRIC_KEYS, 5.0),
            spread={},
        )
        append_score(session, given, now=now)
    assert (rated(), len(made)) == (0, 2)
    said = NewReview(operator="shirabe", kind="metric", reply_id=reply, metric="trust", value=4.0)
    with house.database.session() as session:
        review = append_review(session, said, now=now)
    assert (rated(), len(made)) == (1, 3)
    with house.database.session() as session:
        retract_review(session, review.id, "shirabe", note=None, now=now)
    assert (rated(), len(made)) == (0, 4)
    with house.database.session() as session:
        restore_review(session, review.id, "shirabe", note=None, now=now)
    assert (rated(), len(made)) == (1, 5)


def test_the_morning_names_the_metric_whose_agreement_fell(
    house: House, reviewer: TestClient
) -> None:
    """Of the seeded metrics the newest scores of one alone are turned round."""
    assert reviewer.get("/api/console/home/agreement").json() == {"fallen": []}
    seed_reviews(house.database)
    (fallen,) = reviewer.get("/api/console/home/agreement").json()["fallen"]
    assert (fallen["metric"], fallen["with"]) == ("empathetic", "evaluator")
    assert fallen["newest"]["high"] < fallen["before"]["low"]
