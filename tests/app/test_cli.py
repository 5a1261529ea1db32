"""The command line as people meet it: exit codes, one sentence per error, JSON that parses."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import cli
from app.clock import utc_now
from app.commands.chat import command as chat_command
from app.commands.persona import command as persona_command
from app.settings import load_settings
from persona.card import SHIPPED_CARD
from persona.model_presets import EMBEDDED, PRESETS
from store.conversations import list_conversations
from store.database import Database, open_database
from store.operators import has_operator
from tests.store.talk import begin, exchange

_OJOUSAMA = Path(__file__).parents[3] / "shared/data/ojousama/ojousamatalkscript200.csv"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> dict:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Run = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `yogeiko` in this process with a home of its own."""
    monkeypatch.setenv("YOGEIKO_HOME", str(home))

    def call(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["yogeiko", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        code = left.value.code
        assert isinstance(code, int)
        return Outcome(code, shown.out, shown.err)

    return call


def _one_sentence(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 1
    assert outcome.out == ""
    (line,) = outcome.err.strip().splitlines()
    assert line.lower().startswith("error: ")
    for word in words:
        assert word in line


# --- help and usage -----------------------------------------------------------------------------


def test_help_does_not_wait_for_pytorch() -> None:
    program = (
        "import sys, app.cli\n"
        "sys.argv = ['yogeiko', '--help']\n"
        "try:\n    app.cli.main()\n"
        "except SystemExit as left:\n    assert left.code == 0, left.code\n"
        "heavy = {'torch', 'transformers', 'gradio', 'faiss', 'trl', 'sqlalchemy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    best = 60.0
    for _ in range(3):  # the machine may be busy; one quick answer is enough
        before = os.times().children_user
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
        )
        best = min(best, os.times().children_user - before)
        assert done.stdout.splitlines()[-1] == "[]"
        for name in ("serve", "chat", "doctor", "model", "persona", "adapter", "data", "visitor"):
            assert f"\n  {name} " in done.stdout
    assert best < 0.5, "processor seconds of yogeiko --help"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["persona", "--help"], ["persona", "train", "--help"], ["--version"]]
)
def test_asking_is_no_error(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sing"], "No such command 'sing'"),
        (["chat"], "give either --once TEXT or --file FILE"),
        (["chat", "--once", "a", "--file", str(SHIPPED_CARD / "card.toml")], "give either"),
        (["chat", "--once", "  "], "--once is empty"),
        (["chat", "--file", "/nowhere"], "'/nowhere' does not exist"),
        (["chat", "--once", "a", "--card", "/nowhere"], "'/nowhere' does not exist"),
        (["chat", "--once", "a", "--seed", "x"], "'x' is not a valid integer"),
        (["persona", "train", "--recipe", "secret"], "'secret' is not one of 'default', 'seed'"),
        (["data", "import", "novel", "/nowhere"], "'novel' is not one of"),
        (["data", "import", "ojousama"], "Missing argument 'PATH'"),
        (["visitor", "erase"], "Missing argument 'VISITOR_ID'"),
        (["operator", "add", "hanako", "--password", "short"], "has 5 characters; expected 12"),
        (["serve", "--port", "many"], "'many' is not a valid integer"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str], words: str) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.out == ""


def test_a_file_of_questions_must_hold_some(run: Run, tmp_path: Path) -> None:
    empty, latin = tmp_path / "empty.txt", tmp_path / "latin.txt"
    empty.write_text(" \n\n", encoding="utf-8")
    latin.write_bytes("名前".encode("euc-jp"))
    for path, words in ((empty, "holds no lines"), (latin, "is not UTF-8")):
        outcome = run("chat", "--file", path)
        assert (outcome.code, outcome.out) == (2, "")
        assert words in outcome.err


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nport = 99999\n", ["server.port", "99999", "yogeiko.toml"]),
        ("[chat]\ntemprature = 1\n", ["chat.temprature", "temperature"]),
        ("[model\n", ["yogeiko.toml", "cannot be read"]),
    ],
)
@pytest.mark.parametrize("command", [["model", "list"], ["doctor"], ["persona", "check"]])
def test_settings_errors_name_the_key(
    run: Run, home: Path, text: str, words: list[str], command: list[str]
) -> None:
    home.mkdir()
    (home / "yogeiko.toml").write_text(text)
    _one_sentence(run(*command), *words)


def test_errors_of_every_room_are_one_sentence(run: Run, home: Path, tmp_path: Path) -> None:
    _one_sentence(run("serve", "--port", "99999"), "server.port", "a flag", "99999")
    _one_sentence(run("persona", "check", "--card", tmp_path), "card.toml")
    _one_sentence(run("data", "import", "ojousama", tmp_path / "gone"), "gone does not exist")
    _one_sentence(run("model", "prepare", "gemma"), "'gemma' is no base model", "model list")
    _one_sentence(run("operator", "disable", "nobody"), "no operator is called nobody")
    _one_sentence(run("visitor", "erase", "nobody", "--yes"), "no visitor has the id nobody")
    _one_sentence(run("persona", "report", "--adapter", "gone"), "no adapter has the id gone")
    if not (SHIPPED_CARD / "adapter" / "manifest.json").is_file():
        _one_sentence(run("persona", "report"), "persona train --activate")


def test_a_bad_engine_setting_is_told_before_anything_is_loaded(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOGEIKO_ENGINE_MAX_QUEUE", "none")
    outcome = run("chat", "--once", "お名前は？")
    assert outcome.code == 1
    assert "engine.max_queue is 'none'" in outcome.err
    assert not (home / "models").exists()


def test_a_place_that_cannot_be_used_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = tmp_path / "rows.jsonl"
    source.write_text('{"prompt": "問い", "completion": "答え"}\n')
    _one_sentence(
        run("data", "import", "plain", source, "--out", tmp_path / "file" / "rows.jsonl"),
        "file",
        "can be used",
    )


def test_an_error_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(sys, "argv", ["yogeiko", "model", "list"])
    monkeypatch.setattr("app.commands.model.load_settings", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_ctrl_c_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["yogeiko", "model", "list"])
    monkeypatch.setattr("app.commands.model.load_settings", interrupted)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 130
    assert capsys.readouterr().err.strip().endswith("stopped")


# --- commands that print facts ------------------------------------------------------------------


def test_doctor(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "yogeiko.toml").write_text("[server]\nport = 7999\n")
    facts = run("doctor", "--json").json()
    assert list(facts) == [
        "device", "versions", "memory", "disk", "model", "persona", "database", "night", "next",
    ]  # fmt: skip
    assert "torch" in facts["versions"]
    assert facts["model"] == f"{EMBEDDED}, quantization none, not prepared"
    assert facts["database"].startswith("sqlite")
    assert "小野寺 絢音" in facts["persona"]
    assert re.fullmatch(r"next \d{4}-\d\d-\d\d 03:00 Asia/Tokyo; none so far", facts["night"])
    text = run("doctor").out
    assert f"model     {facts['model']}" in text
    assert text.splitlines()[-1].startswith("next      ")
    assert "yogeiko model prepare" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gemma", "'gemma' is no base model"),
        ("owner/model", "fetched on first use"),
        ("sarashina2.2-1b-instruct-v0.1", "fetched on first use"),
        ("/nowhere/model", "is no base model"),
    ],
)
def test_doctor_knows_a_bad_model_name(run: Run, home: Path, name: str, words: str) -> None:
    home.mkdir()
    (home / "yogeiko.toml").write_text(f'[model]\nname = "{name}"\n')
    assert words in run("doctor").out


def test_doctor_tells_of_a_database_it_cannot_open(run: Run, tmp_path: Path, home: Path) -> None:
    home.mkdir()
    (home / "yogeiko.db").write_bytes(b"no database at all" * 100)
    outcome = run("doctor", "--json")
    assert outcome.code == 0
    assert outcome.json()["database"].startswith("unusable: ")


def test_model_list(run: Run) -> None:
    models = run("model", "list", "--json").json()["models"]
    assert [model["name"] for model in models] == [preset.name for preset in PRESETS]
    assert set(models[0]) == {
        "name", "source", "licence", "parameters_billion", "chat_template", "fit", "chosen",
    }  # fmt: skip
    assert [model["name"] for model in models if model["chosen"]] == [EMBEDDED]
    text = run("model", "list").out
    assert f"* {EMBEDDED}" in text
    assert "not prepared yet" in text


def test_persona_check(run: Run, tmp_path: Path) -> None:
    outcome = run("persona", "check", "--json")
    facts = outcome.json()
    assert set(facts) == {"card", "ok", "rows", "counts", "reply_percentiles", "checks"}
    assert facts["rows"] >= 800
    assert all(set(check) == {"name", "ok", "value", "expected", "examples"} for check in facts["checks"])  # fmt: skip
    assert facts["ok"] == all(check["ok"] for check in facts["checks"])
    assert outcome.code == (0 if facts["ok"] else 1)


def test_persona_check_fails_with_1(run: Run, tmp_path: Path) -> None:
    card = tmp_path / "card"
    (card / "dialogues").mkdir(parents=True)
    (card / "card.toml").write_bytes((SHIPPED_CARD / "card.toml").read_bytes())
    for path in (SHIPPED_CARD / "dialogues").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        few = lines if path.suffix == ".json" else lines[:10]
        (card / "dialogues" / path.name).write_text("".join(few), encoding="utf-8")
    outcome = run("persona", "check", "--card", card)
    assert outcome.code == 1
    assert "FAIL" in outcome.out
    assert outcome.err == ""
    as_json = run("persona", "check", "--card", card, "--json")
    assert as_json.code == 1
    assert as_json.json()["ok"] is False


@pytest.mark.skipif(not _OJOUSAMA.is_file(), reason="the ojousama data are not beside this clone")
def test_data_import_ojousama(run: Run, home: Path) -> None:
    facts = run("data", "import", "ojousama", _OJOUSAMA, "--json").json()
    assert set(facts) == {
        "format", "path", "read", "kept", "refused", "licence", "may_train", "notice", "notes",
        "written",
    }  # fmt: skip
    assert facts["notes"] == []
    assert facts["read"] == facts["kept"] + sum(one["count"] for one in facts["refused"])
    assert facts["kept"] >= 190
    assert facts["may_train"] is True
    written = Path(facts["written"])
    assert written == home / "imports" / "ojousama.jsonl"
    rows = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == facts["kept"]
    text = run("data", "import", "ojousama", _OJOUSAMA, "--out", home / "own.jsonl").out
    assert f"read {facts['read']}, kept {facts['kept']}" in text
    assert (home / "own.jsonl").read_bytes() == written.read_bytes()


# --- visitors and operators ---------------------------------------------------------------------


def _database(home: Path) -> Database:
    return open_database(load_settings(home).database_url)


def test_operator_add_and_disable(run: Run, home: Path) -> None:
    assert run("operator", "add", "hanako", "--password", "a long password").code == 0
    with _database(home).reading() as session:
        assert has_operator(session)
    assert b"a long password" not in (home / "yogeiko.db").read_bytes()
    assert run("operator", "disable", "hanako").code == 0
    with _database(home).reading() as session:
        assert not has_operator(session)


def test_visitor_erase(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    database = _database(home)
    with database.session() as session:
        owner, conversation = begin(session, now=utc_now())
        exchange(session, owner, conversation, ("問い", "答え"), utc_now())
    visitor = owner.visitor_id
    monkeypatch.setattr("click.confirm", lambda *_args, **_kwargs: False)
    _one_sentence(run("visitor", "erase", visitor), "nothing was erased")
    with database.reading() as session:
        assert len(list_conversations(session, owner)) == 1
    facts = run("visitor", "erase", visitor, "--yes", "--json").json()
    assert facts == {
        "conversations": 1,
        "turns": 1,
        "replies": 1,
        "export_files": 0,
        "pairs": 0,
        "candidates": 0,
        "tainted_adapters": 0,
    }
    with database.reading() as session:
        assert list_conversations(session, owner) == []
    database.close()


# --- the real model -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_chat_names_her_and_lists_the_fact(run: Run, home: Path, tmp_path: Path) -> None:
    if models := os.environ.get("YOGEIKO_TEST_MODELS"):
        home.mkdir()
        (home / "models").symlink_to(models)
    facts = run("chat", "--once", "お名前は？", "--json").json()
    assert facts["text"] == "お名前は？"
    assert facts["reply"]
    assert any("小野寺" in fact for fact in facts["facts"])
    assert set(facts["timings"]) == {
        "first_token_seconds", "total_seconds", "prompt_tokens", "reused_tokens", "reply_tokens",
    }  # fmt: skip
    lines = tmp_path / "lines.txt"
    lines.write_text("お名前は？\n\n死にたい\n", encoding="utf-8")
    outcome = run("chat", "--file", lines)
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 2
    # The same line, seed and model give the same reply; each answer is one line of JSON.
    answers = [json.loads(line) for line in run("chat", "--file", lines, "--json").out.splitlines()]
    assert [answer["text"] for answer in answers] == ["お名前は？", "死にたい"]
    assert [answer["reply"] for answer in answers] == outcome.out.splitlines()
    assert answers[0]["reply"] == facts["reply"]
    assert [answer["safety"] for answer in answers] == ["none", "self_harm"]


def test_commands_are_importable_under_their_names() -> None:
    assert chat_command.name == "chat"
    assert persona_command.name == "persona"
    for name in cli._COMMANDS:
        assert cli.cli.get_command(None, name) is not None  # type: ignore[arg-type]
