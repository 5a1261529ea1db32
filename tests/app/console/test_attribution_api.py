"""Attributions through the console: asked for, watched, stopped, kept, refused."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.attribution_jobs import AttributionJobs
from rlaif.attribution import Attribution, Completeness
from rlaif.text_spans import TextSpan
from scheduler.heard_process import HeardProcess, HeardSettings
from store.audit import list_audit
from tests.app.house import House, error_code, exchange, start_conversation, wait_until

LINE = "ごきげんよう、よいお天気ですわ。"
ASKED = {"metric": "trust", "method": "integrated"}
FOUND = Attribution(
    evaluator="heads-1",
    metric="trust",
    method="integrated",
    pieces=(
        TextSpan(part="reply", at=0, start=0, end=7),
        TextSpan(part="reply", at=0, start=7, end=16),
    ),
    scores=(0.5, -0.25),
    errors=(),
    value=5.0,
    baseline=4.75,
    completeness=Completeness(error=0.0, share=0.0, holds=True),
    evaluations=20,
)
# It answers only to the question it was asked, once a file is there.
_PROGRAM = """
import json, os, sys, time
question = json.loads(sys.stdin.read())
assert question["metric"] == "trust" and question["dialogue"]["reply"]
sys.stderr.write("16/256\\n"); sys.stderr.flush()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
if "torn" in open(sys.argv[1]).read():
    sys.stderr.write("the heads are missing; run yogeiko evaluator fit\\n"); sys.exit(1)
sys.stdout.write(sys.argv[2])
"""


@pytest.fixture
def end(house: House, tmp_path: Path) -> Iterator[Path]:
    """A process that says a line, and ends when this file is there."""
    file = tmp_path / "end"
    answer = TypeAdapter(Attribution).dump_json(FOUND).decode()
    command = [sys.executable, "-c", _PROGRAM, str(file), answer]
    jobs = AttributionJobs(HeardProcess(HeardSettings(command=command, nice=0, stop_seconds=1)))
    house.app.state.console = replace(house.app.state.console, attributions=jobs)
    yield file
    jobs.close()


@pytest.fixture
def path(house: House) -> str:
    """The route of a reply."""
    client = house.client()
    turn = exchange(client, start_conversation(client), "元気？")
    return f"/api/console/replies/{turn['replies'][0]['id']}/attribution"


def _until(client: TestClient, path: str, state: str) -> dict:
    wait_until(lambda: client.get(path, params=ASKED).json()["state"] == state)
    told: dict = client.get(path, params=ASKED).json()
    return told


def test_it_is_watched_and_then_kept(
    house: House, reviewer: TestClient, path: str, end: Path
) -> None:
    assert reviewer.get(path, params=ASKED).json()["state"] == "none"
    started = reviewer.post(path, json=ASKED)
    assert (started.status_code, started.json()["state"]) == (202, "running")
    wait_until(lambda: reviewer.get(path, params=ASKED).json()["planned"] == 256)
    other = reviewer.post(path, json={**ASKED, "method": "shap"})
    assert (other.status_code, error_code(other)) == (409, "attribution_busy")
    end.touch()
    result = _until(reviewer, path, "done")["result"]
    assert result["pieces"] == [
        {"text": LINE[:7], "score": 0.5},
        {"text": LINE[7:], "score": -0.25},
    ]
    assert result["completeness"] == {"error": 0.0, "share": 0.0, "holds": True}
    end.unlink()
    again = reviewer.post(path, json=ASKED)
    assert again.json()["state"] == "done", "what is known starts no process"
    with house.database.reading() as session:
        deed = list_audit(session)[0]
    assert (deed.actor, deed.action, deed.detail) == ("shirabe", "reply.attribute", ASKED)
    assert LINE not in json.dumps([one.detail for one in [deed]], ensure_ascii=False)


def test_it_can_be_stopped_and_asked_for_again(reviewer: TestClient, path: str, end: Path) -> None:
    nothing = reviewer.post("/api/console/attribution/stop")
    assert (nothing.status_code, error_code(nothing)) == (409, "attribution_none")
    reviewer.post(path, json=ASKED)
    assert reviewer.post("/api/console/attribution/stop").status_code == 200
    _until(reviewer, path, "stopped")
    end.touch()
    assert reviewer.post(path, json=ASKED).status_code == 202
    _until(reviewer, path, "done")


def test_a_failure_is_told_in_its_own_words(reviewer: TestClient, path: str, end: Path) -> None:
    end.write_text("torn")
    reviewer.post(path, json=ASKED)
    assert "evaluator fit" in _until(reviewer, path, "failed")["reason"]


def test_what_makes_no_sense_is_refused(reviewer: TestClient, path: str, end: Path) -> None:
    unknown = reviewer.post(path, json={**ASKED, "metric": "charm"})
    assert (unknown.status_code, error_code(unknown)) == (400, "metric_unknown")
    assert reviewer.post(path, json={**ASKED, "method": "guess"}).status_code == 400
    nobody = path.replace(path.split("/")[4], "f" * 32)
    assert reviewer.post(nobody, json=ASKED).status_code == 404
    assert reviewer.get(nobody, params=ASKED).status_code == 404
