"""Going back in the console: the deployment, the audit row, and who speaks next."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.server import create_app
from app.settings import load_settings
from app.speaker import Brain
from persona.base_model import base_sha256
from persona.local_engine import EngineSettings, LocalEngine
from rlaif.publish import read_record
from store.adapters import active_adapter, deploy, ensure_adapter
from store.audit import append_audit, list_audit
from store.database import open_database
from store.deployment_history import DeploymentTold, tell_deployments
from store.lineage import link_pairs, taint
from store.pairs import list_pairs, save_pairs
from store.scores import append_score
from tests.app.console.conftest import enter
from tests.app.console.seed_console import ADMIN, seed_operators
from tests.app.house import ORIGIN, ROOMY, House, error_code, exchange, start_conversation
from tests.fakes import FakeFacts, make_speaker
from tests.persona.tiny_model import tiny_loaded, tiny_model, tiny_tokenizer, write_adapter
from tests.store import rehearsal

VERSIONS = ("v1", "v2", "v3")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model on disk, and three adapters trained from it."""
    folder = tmp_path_factory.mktemp("trained")
    tiny_model(len(tiny_tokenizer())).save_pretrained(folder / "model")
    base = base_sha256(str(folder / "model"), str(folder / "model"))
    for seed, name in enumerate(VERSIONS, start=1):
        path = write_adapter(folder / "adapters" / name, seed, base=base) / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "night"}))
    return folder


@pytest.fixture
def house(tmp_path: Path, trained: Path) -> Iterator[House]:
    """The application over that model, v1 to v3 deployed one after the other."""
    home, model = tmp_path / "home", str(trained / "model")
    shutil.copytree(trained / "adapters", home / "adapters")
    chat_settings = {"max_new_tokens": 6, "temperature": 0}
    settings = load_settings(home, {**ROOMY, "model": {"name": model}, "chat": chat_settings})
    database = open_database(settings.database_url)
    loaded = replace(tiny_loaded(), sha256=base_sha256(model, model))

    def load() -> Brain:
        engine = LocalEngine(loaded, EngineSettings(threads=1))
        return Brain(engine=engine, facts=FakeFacts(), base_sha256=loaded.sha256)

    chat = ChatService(
        database=database, speaker=make_speaker(), brain=BrainSlot(load), settings=settings
    )
    with database.session() as session:
        parent = None
        for name in VERSIONS:
            record = read_record(home / "adapters" / name, now=utc_now(), parent_id=parent)
            ensure_adapter(session, record)
            deploy(session, name, who="night", why="gates", now=utc_now())
            parent = name
    seed_operators(database)
    app = create_app(settings, chat)
    with TestClient(app, base_url=ORIGIN):
        yield House(app=app, chat=chat, settings=settings, database=database)
    database.close()


def _speaks(house: House) -> str | None:
    client = house.client()
    turn = exchange(client, start_conversation(client), "こんにちは")
    found: str | None = turn["replies"][turn["shown"]]["adapter"]
    return found


def _newest(house: House) -> DeploymentTold:
    with house.database.reading() as session:
        return tell_deployments(session)[0]


def _deed(house: House) -> tuple[str, str, dict]:
    with house.database.reading() as session:
        deed = next(one for one in list_audit(session) if one.action.startswith("adapter."))
    return deed.actor, deed.action, dict(deed.detail)


def _roll_back(client: TestClient, seen: str | None = "v3", why: str = "口調が崩れた"):  # type: ignore[no-untyped-def]
    return client.post("/api/console/versions/rollback", json={"why": why, "seen": seen})


def test_a_rollback_is_written_down_and_the_older_one_speaks(
    house: House, admin: TestClient
) -> None:
    assert _speaks(house) == "v3"
    answer = _roll_back(admin, why="  口調が崩れた ")
    assert (answer.status_code, answer.json()) == (200, {"active": "v2"})
    told = _newest(house)
    assert (told.adapter, told.who, told.why) == ("v2", ADMIN, "口調が崩れた")
    assert _deed(house) == (ADMIN, "adapter.rollback", {"adapter": "v2", "before": "v3"})
    assert _speaks(house) == "v2"
    listed = admin.get("/api/console/versions").json()
    assert (listed["active"], listed["earlier"]) == ("v2", ["v1"])
    assert [one["adapter"] for one in listed["history"]] == ["v2", "v3", "v2", "v1"]


def test_an_activation_is_verified_and_written_down(house: House, admin: TestClient) -> None:
    body = {"why": "比べるため", "seen": "v3"}
    assert admin.post("/api/console/versions/v1/activate", json=body).json() == {"active": "v1"}
    assert _deed(house) == (ADMIN, "adapter.activate", {"adapter": "v1", "before": "v3"})
    assert _newest(house).why == "比べるため"
    assert _speaks(house) == "v1"


def test_a_damaged_version_is_passed_over_and_refused_by_name(
    house: House, admin: TestClient
) -> None:
    weights = house.settings.home / "adapters" / "v2" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    body = {"why": "試し", "seen": "v3"}
    refused = admin.post("/api/console/versions/v2/activate", json=body)
    assert (refused.status_code, error_code(refused)) == (409, "version_damaged")
    assert _roll_back(admin).json() == {"active": "v1"}


def test_what_may_not_be_done_is_refused_and_leaves_nothing(
    house: House, admin: TestClient
) -> None:
    with house.database.session() as session:
        taint(session, ["v2"], "somebody was erased", utc_now())
    stale = _roll_back(admin, seen="v2")
    assert (stale.status_code, error_code(stale)) == (409, "production_changed")
    for why in ("", "   "):
        assert _roll_back(admin, why=why).status_code == 400
    cases = {"v2": "version_tainted", "v3": "version_active", "v9": "not_found"}
    for adapter, code in cases.items():
        body = {"why": "試し", "seen": "v3"}
        answer = admin.post(f"/api/console/versions/{adapter}/activate", json=body)
        assert error_code(answer) == code
    with house.database.reading() as session:
        assert active_adapter(session) == "v3"
        assert [deed.action for deed in list_audit(session)] == ["login"]


def test_there_must_be_one_to_go_back_to(house: House, admin: TestClient) -> None:
    for seen in ("v3", "v2"):
        assert _roll_back(admin, seen=seen).status_code == 200
    answer = _roll_back(admin, seen="v1")
    assert (answer.status_code, error_code(answer)) == (409, "rollback_impossible")


def test_a_reviewer_sees_but_does_not_change(house: House, reviewer: TestClient) -> None:
    assert reviewer.get("/api/console/versions").json()["active"] == "v3"
    assert error_code(_roll_back(reviewer)) == "not_admin"
    assert _newest(house).adapter == "v3"


def test_the_list_tells_lineage_and_what_the_watch_saw(house: House, admin: TestClient) -> None:
    back = utc_now() + timedelta(minutes=1)
    figures = {"retry": {"usual": 0.05, "seen": 0.3}}
    with house.database.session() as session:
        claim = rehearsal.claim(session, utc_now())
        owner, (turn,) = rehearsal.talk(session, utc_now(), ("はい", "ええ。"))
        save_pairs(session, claim, [rehearsal.pair(owner, turn, "a", "b")], now=utc_now())
        link_pairs(session, "v2", [pair.id for pair in list_pairs(session, claim.date)])
        deploy(session, "v2", who="watch", why="worse", now=back)
        detail: dict[str, object] = {"adapter": "v3", "signals": figures}
        append_audit(session, actor="watch", action="adapter.watch", detail=detail, now=back)
    shutil.rmtree(house.settings.home / "adapters" / "v1")
    told = admin.get("/api/console/versions").json()
    v3, v2, v1 = told["versions"]
    assert (v2["pairs"], v2["visitors"], v2["parent"], v2["active"]) == (1, 1, "v1", True)
    assert (v3["pairs"], v3["deployed"], v3["on_disk"], v1["on_disk"]) == (0, 1, True, False)
    assert told["history"][0]["watch"] == figures


def test_figures_are_those_of_the_verdicts(house: House, reviewer: TestClient) -> None:
    with house.database.session() as session:
        for value in (4.0, 6.0):
            _, (turn,) = rehearsal.talk(session, utc_now(), ("はい", "ええ。"))
            append_score(session, rehearsal.verdict(turn.replies[0].id, value), now=utc_now())
    told = reviewer.get("/api/console/versions/figures").json()
    assert [one["adapter"] for one in told["versions"]] == ["v1", "v2", "v3"]
    first, second, _ = told["versions"]
    figure = first["scores"][rehearsal.EVALUATOR]["trust"]
    assert (figure["value"], figure["n"], figure["visitors"]) == (5.0, 2, 2)
    assert figure["low"] < 5.0 < figure["high"]
    assert (first["signals"]["retry"]["value"], first["signals"]["retry"]["n"]) == (0.0, 2)
    assert second == {"adapter": "v2", "scores": {}, "signals": {}}


@pytest.fixture
def admin(house: House) -> TestClient:
    return enter(house, ADMIN)
