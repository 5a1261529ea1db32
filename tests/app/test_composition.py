"""Settings become objects, or one sentence that names the key."""

import json
import shutil
from pathlib import Path

import pytest

from app.composition import (
    adapter_record,
    build_chat,
    build_speaker,
    chosen_card,
    engine_settings,
    publish_shipped_adapter,
)
from app.errors import SettingsError
from app.settings import Settings, load_settings
from persona.card import SHIPPED_CARD, load_card
from persona.engine import Message
from persona.errors import AdapterError, CardError
from persona.local_engine import EngineSettings
from persona.prompt import build_messages
from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments, load_adapter
from store.database import Database, open_database
from tests.conftest import NOW


def _settings(home: Path, text: str = "") -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    (home / "yogeiko.toml").write_text(text, encoding="utf-8")
    return load_settings(home)


def _card_with_adapter(folder: Path, **changes: object) -> Path:
    """A copy of the shipped card, with an adapter of so many words."""
    (folder / "adapter").mkdir(parents=True)
    (folder / "card.toml").write_bytes((SHIPPED_CARD / "card.toml").read_bytes())
    manifest = {"id": "v1", "kind": "sft", "base_sha256": "b" * 64, "sha256": "a" * 64} | changes
    (folder / "adapter" / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")


def test_the_settings_or_the_flag_choose_the_card(tmp_path: Path) -> None:
    own = _card_with_adapter(tmp_path / "own")
    assert chosen_card(_settings(tmp_path / "a")).folder == SHIPPED_CARD
    settings = _settings(tmp_path / "b", f'[chat]\ncard = "{own}"\n')
    assert chosen_card(settings).folder == own
    assert chosen_card(settings, SHIPPED_CARD).folder == SHIPPED_CARD
    with pytest.raises(CardError):
        chosen_card(settings, tmp_path / "nowhere")


def test_engine_settings_come_from_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine_settings(_settings(tmp_path)) == EngineSettings()
    monkeypatch.setenv("YOGEIKO_ENGINE_MAX_QUEUE", "8")
    monkeypatch.setenv("YOGEIKO_ENGINE_DECODE_WEIGHTS", "int8")
    settings = _settings(tmp_path, "[engine]\nthreads = 2\nmax_queue = 4\n")
    assert engine_settings(settings) == EngineSettings(
        max_queue=8, threads=2, decode_weights="int8"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_que = 3", r"^engine\.max_que is not a setting; expected one of max_active, .*thr"),
        ('max_queue = "many"', r"^engine\.max_queue is 'many'; expected a valid integer"),
        ("max_queue = 0", r"^engine\.max_queue is 0; expected 1 or more; correct it"),
        ('decode_weights = "int4"', r"^engine\.decode_weights is 'int4'; expected 'model' or 'i"),
        ("max_active = 5", r"^engine\.max_resident is 3; expected 6 or more"),
    ],
)
def test_a_bad_engine_setting_names_its_key(tmp_path: Path, text: str, words: str) -> None:
    settings = _settings(tmp_path, f"[engine]\n{text}\n")
    with pytest.raises(SettingsError, match=words) as caught:
        engine_settings(settings)
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError):
        build_chat(settings)


def test_the_speaker_is_the_card_with_the_one_prompt_and_the_filter() -> None:
    card = load_card(SHIPPED_CARD)
    speaker = build_speaker(card)
    assert (speaker.name, speaker.facts) == (card.name, card.facts)
    history = [Message(role="user", content="あ"), Message(role="assistant", content="い")]
    assert speaker.compose(history, "う", ["え"]) == build_messages(card, history, "う", ["え"])
    verdict = speaker.check_user_text("死にたい")
    assert verdict.flagged
    assert verdict.category == "self_harm"
    assert not speaker.check_user_text("お名前は？").flagged
    assert not speaker.check_reply(speaker.deflection("self_harm", 3)).flagged


def test_the_shipped_adapter_goes_into_production_once(tmp_path: Path, database: Database) -> None:
    card = load_card(_card_with_adapter(tmp_path / "card"))
    first = publish_shipped_adapter(database, card, tmp_path / "adapters")
    assert first is not None
    assert (first.id, first.base, first.sha256) == ("v1", "b" * 64, "a" * 64)
    assert Path(first.folder) == tmp_path / "adapters" / "v1"
    publish_shipped_adapter(database, card, tmp_path / "adapters")
    with database.reading() as session:
        assert active_adapter(session) == "v1"
        assert len(list_deployments(session)) == 1


def test_the_shipped_adapter_does_not_push_another_out(tmp_path: Path, database: Database) -> None:
    newer = adapter_record(_card_with_adapter(tmp_path / "newer", id="v2") / "adapter")
    with database.session() as session:
        ensure_adapter(session, newer)
        deploy(session, "v2", who="test", why="newer", now=NOW)
    shipped = load_card(_card_with_adapter(tmp_path / "card"))
    publish_shipped_adapter(database, shipped, tmp_path / "adapters")
    with database.reading() as session:
        assert active_adapter(session) == "v2"
        assert load_adapter(session, "v1").id == "v1"


def test_a_card_may_come_without_adapter(tmp_path: Path, database: Database) -> None:
    folder = _card_with_adapter(tmp_path / "card")
    (folder / "adapter" / "manifest.json").unlink()
    assert publish_shipped_adapter(database, load_card(folder), tmp_path / "adapters") is None


def test_a_newer_release_brings_its_adapter_and_keeps_the_older_one(
    tmp_path: Path, database: Database
) -> None:
    folder = _card_with_adapter(tmp_path / "card")
    publish_shipped_adapter(database, load_card(folder), tmp_path / "adapters")
    shutil.rmtree(folder)
    publish_shipped_adapter(
        database, load_card(_card_with_adapter(folder, id="v2")), tmp_path / "adapters"
    )

    with database.reading() as session:
        assert active_adapter(session) == "v2"
        assert (Path(load_adapter(session, "v1").folder) / "manifest.json").is_file()


@pytest.mark.parametrize("content", ["{", "[]", '{"id": "v1"}', None])
def test_a_bad_manifest_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AdapterError, match=r"manifest\.json is no adapter manifest .*; expected"):
        adapter_record(tmp_path)


def test_the_chat_is_built_without_loading_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loading(*_: object) -> None:
        raise AssertionError("the page must answer while the model loads")

    monkeypatch.setattr("app.composition.load_model", loading)
    settings = _settings(tmp_path / "home")
    build_chat(settings)
    assert (tmp_path / "home" / "yogeiko.db").is_file()
    assert not settings.models_folder.exists()
