"""Settings: order, strictness, and one clear sentence."""

from datetime import time
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import load_settings
from rlaif.metrics import METRIC_KEYS


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "YOGEIKO_HOME"):
        monkeypatch.delenv(name, raising=False)


def _write(home: Path, text: str) -> None:
    (home / "yogeiko.toml").write_text(text, encoding="utf-8")


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, '[server]\nport = 1001\nhost = "127.0.0.2"\n[chat]\ntop_k = 5\n')
    assert load_settings(tmp_path).server.port == 1001
    monkeypatch.setenv("YOGEIKO_SERVER_PORT", "1002")
    settings = load_settings(tmp_path)
    assert (settings.server.port, settings.server.host) == (1002, "127.0.0.2")
    assert settings.chat.top_k == 5
    assert load_settings(tmp_path, {"server": {"port": 1003}}).server.port == 1003


def test_home_and_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOGEIKO_HOME", str(tmp_path / "env"))
    settings = load_settings()
    assert settings.home == tmp_path / "env"
    assert settings.database_url == f"sqlite:///{tmp_path}/env/yogeiko.db"
    assert load_settings(tmp_path / "flag").home == tmp_path / "flag"
    monkeypatch.setenv("DATABASE_URL", "postgresql://a/b")
    assert load_settings().database_url == "postgresql://a/b"
    monkeypatch.setenv("YOGEIKO_DATABASE_URL", "postgresql://c/d")
    assert load_settings().database_url == "postgresql://c/d"


def test_the_default_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().home == tmp_path / ".local/share/yogeiko"


def test_lists_and_engine_fields_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOGEIKO_SERVER_ALLOWED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("YOGEIKO_ENGINE_MAX_QUEUE", "8")
    monkeypatch.setenv("YOGEIKO_TEST_POSTGRES_URL", "not a setting")
    settings = load_settings(tmp_path)
    assert settings.server.allowed_hosts == ("a.example", "b.example")
    assert settings.engine == {"max_queue": "8"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[server]\nprot = 1\n",
            r"server\.prot in .*yogeiko\.toml is not a setting; expected .*port",
        ),
        ("sever = 1\n", "sever in .* is not a setting; expected one of home"),
        ("[server]\nport = 99999\n", r"server\.port in .* is 99999; expected .*65535; correct it"),
        ('[model]\nquantization = "int8"\n', "is 'int8'; expected 'auto', 'nf4' or 'none'"),
        ("server = 3\n", "server in .* is 3; expected"),
        ("[server\n", "cannot be read"),
        ('home = "/x"\n', "sets home"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("YOGEIKO_SERVER_PORT", "abc", "YOGEIKO_SERVER_PORT.*'abc'.*correct or unset"),
        ("YOGEIKO_SERVER_PROT", "1", r"server\.prot in the environment .* is not a setting"),
        ("YOGEIKO_SERVER", "{bad", "environment cannot be read"),
    ],
)
def test_a_bad_variable_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]


def test_the_night_has_defaults_and_is_set_in_all_three_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_settings(tmp_path).night
    assert (plain.at, plain.zone, plain.gate_evaluator) == (time(3), "Asia/Tokyo", "information")
    assert set(plain.metrics) == set(METRIC_KEYS)
    _write(
        tmp_path,
        '[night]\nat = "23:45"\nzone = "Europe/Berlin"\ngate_evaluator = "judge"\n'
        'judge_url = "http://127.0.0.1:8080/v1"\njudge_model = "local"\n'
        "[night.metrics]\ntopic = 1\ntrust = 0.5\n",
    )
    monkeypatch.setenv("YOGEIKO_NIGHT_MIN_PAIRS", "8")
    night = load_settings(tmp_path, {"night": {"approval": "required"}}).night
    assert (night.at, night.zone, night.min_pairs) == (time(23, 45), "Europe/Berlin", 8)
    assert (night.metrics, night.approval) == ({"topic": 1.0, "trust": 0.5}, "required")
    monkeypatch.setenv("YOGEIKO_NIGHT_METRICS", '{"ease": 2}')
    assert load_settings(tmp_path).night.metrics["ease"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('at = "25:00"', r"night\.at in .* is '25:00'; expected a time of day such as \"03:00\""),
        ("at = 3", r"night\.at in .* is 3; expected a time of day"),
        ('zone = "Tokyo"', r"night\.zone in .* is 'Tokyo'; expected a time zone such as \"Asia/"),
        ('zone = "../etc"', r"night\.zone in .* expected a time zone"),
        ('approval = "yes"', r"night\.approval in .* is 'yes'; expected 'auto', 'required' or"),
        ("deadline_hours = 24", r"night\.deadline_hours in .* is 24; expected less than 24"),
        ("grace_hours = 0", r"night\.grace_hours in .* is 0; expected greater than 0"),
        ("metrics = {wit = 1}", r"night\.metrics in .* is {'wit': 1.*}; expected weights .*agency"),
        ("metrics = {topic = -1}", r"night\.metrics in .* expected weights of 0 or more"),
        ("metrics = {topic = 0}", r"night\.metrics in .* one above 0"),
        ("metrics = {topic = nan}", r"night\.metrics in .* expected a finite number"),
        ('gate_evaluator = "embedded"', r"night\.gate_evaluator in .* expected another kind than"),
        ('gate_evaluator = "judge"', r"night\.judge_url in .* is ''; expected where the judge is"),
        (
            'gate_evaluator = "judge"\njudge_url = "http://127.0.0.1:8080/v1"',
            r"night\.judge_model in .* is ''; expected where the judge is .*its name",
        ),
        ('judge_url = "127.0.0.1"', r"night\.judge_url in .* is '127\.0\.0\.1'; expected"),
        (
            "judge_max_cost = 2",
            r"night\.judge_max_cost in .* expected night\.judge_prompt_price or",
        ),
        ("learning_rate = 0", r"night\.learning_rate in .* is 0; expected greater than 0"),
        ('single_user = "maybe"', r"night\.single_user in .* expected 'auto', 'on' or 'off'"),
        ("threads = 0", r"night\.threads in .* is 0; expected greater than or equal to 1"),
        ("hour = 3", r"night\.hour in .* is not a setting; expected one of enabled, at, zone"),
    ],
)
def test_a_bad_night_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    _write(tmp_path, f"[night]\n{text}\n")
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)
