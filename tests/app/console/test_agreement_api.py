"""Agreement over the console's routes."""

from fastapi.testclient import TestClient

from rlaif.metrics import METRIC_KEYS
from tests.app.console.seed_agreement import seed_reviews
from tests.app.console.seed_console import seed_night
from tests.app.house import House, error_code


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
