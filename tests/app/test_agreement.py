"""The agreement report of the command line, over a store with six weeks of reviews."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.agreement import agreement_report, night_judge
from app.clock import utc_now
from app.commands.evaluator import command
from app.evaluator_trust import evaluator_trust
from app.settings import Settings, load_settings
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import trust_record
from store.database import Database, open_database
from tests.app.console.seed_agreement import REPLIES, seed_past_trust, seed_reviews

EVALUATOR = evaluator_id_on_disk(SHIPPED_HEADS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("agreement")
    database = _database(load_settings(place))
    seed_reviews(database)
    seed_past_trust(database)
    database.close()
    return place


def _database(settings: Settings) -> Database:
    return open_database(settings.database_url)


def _run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(command, ["agreement", *words, "--home", str(home)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_figures_of_the_command_are_those_of_the_report(home: Path) -> None:
    told = json.loads(_run(home, "--json"))
    settings = load_settings(home)
    database = _database(settings)
    judge = night_judge(settings, database)
    report = agreement_report(settings, database, judge, utc_now())
    assert told["evaluator"] == EVALUATOR
    assert told["evaluators"] == {EVALUATOR: REPLIES}
    assert [one["metric"] for one in told["metrics"]] == list(METRIC_KEYS)
    for one in told["metrics"]:
        known = report.metrics[one["metric"]].evaluator
        found = one["evaluator_people"]
        assert found["replies"] == known.replies
        if known.kappa is None:
            assert found["kappa"] is None
        else:
            assert found["kappa"]["value"] == known.kappa.value
            assert found["kappa"]["low"] <= found["kappa"]["value"] <= found["kappa"]["high"]
        assert one["weight"] == report.trust[one["metric"]].weight


def test_each_story_is_told(home: Path) -> None:
    told = {one["metric"]: one for one in json.loads(_run(home, "--json"))["metrics"]}
    assert told["empathetic"]["drift"]["verdict"] == "fallen"
    assert told["empathetic"]["people_drift"]["verdict"] == "steady"
    assert told["empathetic"]["weight"] == 0.0
    assert told["consistency"]["evaluator_people"]["offset"]["high"] < -2
    assert told["respeak"]["people_people"]["missing"] == "few"
    assert (told["trust"]["reviews_missing"], told["trust"]["weight"]) == (20, 0.5)
    calm = [key for key, one in told.items() if one["drift"]["verdict"] != "fallen"]
    assert set(calm) == set(METRIC_KEYS) - {"empathetic"}


def test_the_table_says_what_to_do_about_a_metric(home: Path) -> None:
    lines = {line.split()[0]: line for line in _run(home).splitlines()}
    assert "agreement has fallen" in lines["empathetic"]
    assert "20 more reviews until it counts" in lines["trust"]
    assert " 0.00 " in lines["empathetic"]
    assert "no night has made pairs of scores yet" in _run(home)


def test_weights_of_past_nights_and_of_now(home: Path) -> None:
    told = json.loads(_run(home, "--json"))
    assert len(told["nights"]) == 14
    first, last = told["nights"][0], told["nights"][-1]
    assert first["date"] < last["date"]
    assert first["trust"]["empathetic"]["weight"] > 0.9
    database = _database(load_settings(home))
    now = evaluator_trust(database, EVALUATOR, None, utc_now())["empathetic"]
    assert trust_record(now).weight == 0.0


def test_an_evaluator_without_verdicts_has_no_figures(home: Path) -> None:
    told = json.loads(_run(home, "--evaluator", "judge-none", "--json"))
    assert told["evaluator"] == "judge-none"
    assert all(one["evaluator_people"]["replies"] == 0 for one in told["metrics"])
    assert all(one["weight"] == 0.5 for one in told["metrics"])
