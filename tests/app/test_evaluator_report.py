"""`yogeiko evaluator report` as people call it, on a small file and a judge that answers."""

import csv
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands.evaluator import command
from app.settings import load_settings
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.metrics import METRIC_KEYS
from tests.rlaif.judge_server import Answer, Judge, compare_answer, judge_server

_POINTS = re.compile(r"！")


def _answer(request: dict[str, object]) -> Answer:
    """Points by the marks of the reply that is judged; in comparisons always the first."""
    text = json.dumps(request, ensure_ascii=False)
    if "winner" in text:
        return Answer(content=compare_answer("A"))
    scores = dict.fromkeys(METRIC_KEYS, min(10, len(_POINTS.findall(text))))
    return Answer(
        content=json.dumps({"reason": "声が弾む。", "scores": scores}, ensure_ascii=False)
    )


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    with judge_server(script=_answer) as running:
        monkeypatch.setenv("YOGEIKO_NIGHT_JUDGE_URL", running.url)
        monkeypatch.setenv("YOGEIKO_NIGHT_JUDGE_MODEL", "little")
        yield running


def _data(folder: Path) -> Path:
    path = folder / "own.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["turns", "reply", "trust", "ease", "rater", "system", "may_train"])
        for n in range(60):
            marks = n % 5
            reply = "はい" + "！" * marks + "ね" * (n % 3)
            rows.writerow(["ねえ", reply, marks * 2, 8 - marks, f"r{n % 7}", f"s{n % 3}", "false"])
    return path


def _run(home: Path, data: object, *arguments: str) -> Result:
    call = ["report", "--data", str(data), "--evaluator", "judge", "--home", str(home)]
    return CliRunner().invoke(command, [*call, "--draws", "100", *arguments])


def test_a_report_of_a_small_file_and_a_second_run_that_asks_nothing(
    tmp_path: Path, judge: Judge
) -> None:
    out = tmp_path / "out"
    arguments = ("--faults", "2", "--pairs", "4", "--out", str(out), "--json")
    told = _run(tmp_path / "home", _data(tmp_path), *arguments)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    manifest = facts["manifest"]
    assert manifest["evaluator"].startswith("judge:rubric:little:")
    assert manifest["data_for_evaluation_only"] != []
    assert manifest["evaluator_fitted_on_evaluation_only"] is False
    assert re.fullmatch("[0-9a-f]{64}", manifest["data_sha256"])
    assert [split["name"] for split in facts["splits"]][:2] == ["random", "unseen_raters"]
    unseen = {row["name"]: row for row in facts["splits"][1]["ratings"]}
    assert unseen["trust"]["figures"]["rho"]["value"] == pytest.approx(1.0)
    assert unseen["ease"]["figures"]["rho"]["value"] == pytest.approx(-1.0)
    # Whoever always takes the first changes its mind with every order.
    assert facts["order"]["flipped"] == {**facts["order"]["flipped"], "value": 1.0, "n": 4}
    assert facts["faults"]["contexts"] == 2
    for name in ("report.json", "report.md", "report.png"):
        assert (out / name).stat().st_size > 1000
    asked = len(judge.requests)
    again = _run(tmp_path / "home", _data(tmp_path), *arguments)
    assert again.exit_code == 0
    compared = sum("winner" in json.dumps(one) for one in judge.requests[asked:])
    assert len(judge.requests) - asked == compared == 8  # pairs are no verdicts: 4, both orders
    told_again = json.loads(again.stdout)
    assert told_again["splits"] == facts["splits"]


def test_the_table_in_short(tmp_path: Path, judge: Judge) -> None:
    told = _run(tmp_path, _data(tmp_path), "--faults", "0", "--pairs", "0", "--dialogues", "30")
    assert told.exit_code == 0, told.output
    assert "mean Spearman with people" in told.stdout
    assert re.search(r"unseen raters +-?0\.\d\d \[", told.stdout)
    assert (tmp_path / "evaluator_reports/judge/report.png").is_file()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jury", "--evaluator is 'jury'; expected one of embedded, embedded:profiles, "),
        ("judge:nice", "--evaluator is 'judge:nice'"),
        ("judge", "night.judge_url"),
    ],
)
def test_who_cannot_be_reported_on_is_one_sentence(tmp_path: Path, name: str, words: str) -> None:
    call = ["report", "--data", str(_data(tmp_path)), "--home", str(tmp_path), "--evaluator", name]
    told = CliRunner().invoke(command, call)
    assert told.exit_code == 1
    assert words in str(told.exception)
    assert not (tmp_path / "evaluator_reports").exists()


def test_habit_is_reported_without_a_model(tmp_path: Path) -> None:
    call = ["report", "--data", str(_data(tmp_path)), "--home", str(tmp_path), "--draws", "100"]
    told = CliRunner().invoke(command, [*call, "--evaluator", "habit"])
    assert told.exit_code == 0, told.output
    assert re.search(r"^unseen raters +–", told.stdout, re.MULTILINE)


@pytest.mark.slow
def test_the_shipped_evaluator_is_the_one_that_is_reported_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    models = Path(os.environ.get("YOGEIKO_TEST_MODELS") or load_settings(None).models_folder)
    models.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(models)
    call = ["report", "--data", str(_data(tmp_path)), "--home", str(home), "--draws", "100"]
    learnt = CliRunner().invoke(command, [*call, "--faults", "0"])
    assert learnt.exit_code == 1
    assert "allows evaluation only" in str(learnt.exception)
    call += ["--faults", "2", "--json"]
    held = CliRunner().invoke(command, [*call, "--fit-on-evaluation-only"])
    assert held.exit_code == 0, held.output
    manifest = json.loads(held.stdout)["manifest"]
    assert manifest["evaluator_fitted_on_evaluation_only"]
    assert manifest["evaluator"].endswith("-evaluation-only")
    call += ["--dialogues", "12", "--evaluator", "embedded:replies"]
    told = CliRunner().invoke(command, call)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["manifest"]["evaluator"] == evaluator_id_on_disk(SHIPPED_HEADS)
    assert facts["used"] == 12
    assert facts["impressions"]["columns"] == 12
    assert facts["faults"]["figures"]["dull"]["faults"] == 2
