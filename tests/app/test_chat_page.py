"""The chat page and its files, without a browser."""

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.chat_page import CHAT_HEAD, build_chat_page, mount_chat_page

STATIC = Path(__file__).parents[2] / "app" / "static"
FOLDER = STATIC / "chat"
SCRIPTS = sorted(STATIC.rglob("*.js"))
CHAT_SCRIPTS = [one for one in SCRIPTS if one.parent.name in ("chat", "shared")]
MAX_LINES = 400


def _texts(language: str) -> dict[str, str | list[str]]:
    texts: dict[str, str | list[str]] = json.loads((FOLDER / f"texts.{language}.json").read_text())
    return texts


def test_page_offers_nothing_to_call() -> None:
    config = build_chat_page().get_config_file()
    assert config["dependencies"] == []
    assert [part["type"] for part in config["components"]] == ["html"]


def test_mounting_adds_the_page_without_footer_or_history() -> None:
    app = FastAPI()
    mount_chat_page(app)
    mounted = [route for route in app.routes if getattr(route, "path", "") == "/chat"]
    assert len(mounted) == 1
    config = mounted[0].app.get_blocks().config  # type: ignore[attr-defined]
    assert config["footer_links"] == []
    assert config["run_history"] is False
    assert config["stylesheets"] == []


def test_head_names_only_own_files_that_exist() -> None:
    named = re.findall(r'(?:href|src)="([^"]+)"', CHAT_HEAD)
    assert named
    for address in named:
        assert address.startswith(("/static/chat/", "/static/shared/"))
        assert (STATIC / address.removeprefix("/static/")).is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_never_turn_text_into_markup_or_code(script: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    code = re.sub(r"//.*", "", script.read_text())
    assert re.findall(forbidden, code) == []


def test_no_file_reaches_another_host() -> None:
    for file in (one for one in STATIC.rglob("*") if one.is_file()):
        addresses = re.findall(r"https?://[^\s\"')]+", file.read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file.name


def test_files_stay_short_enough_to_read() -> None:
    for file in [*SCRIPTS, *STATIC.rglob("*.css")]:
        assert len(file.read_text().splitlines()) <= MAX_LINES, file.name


def test_both_languages_say_the_same_things() -> None:
    japanese, english = _texts("ja"), _texts("en")
    assert japanese.keys() == english.keys()
    for key, text in japanese.items():
        if isinstance(text, str):
            places = set(re.findall(r"\{\w+\}", text))
            assert places == set(re.findall(r"\{\w+\}", str(english[key]))), key


def test_every_text_asked_for_exists() -> None:
    known = _texts("ja").keys()
    for script in CHAT_SCRIPTS:
        asked = set(re.findall(r"\b(?:t|list)\(\"(\w+)\"", script.read_text()))
        assert asked <= known, script.name
