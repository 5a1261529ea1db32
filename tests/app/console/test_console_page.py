"""The console's page and its files, without a browser."""

import json
import re
from pathlib import Path

import pytest

from app.console.messages import REFUSALS
from app.console.page import CONSOLE_HEAD, build_console_page

STATIC = Path(__file__).parents[3] / "app" / "static"
FOLDER = STATIC / "console"
SCRIPTS = sorted(FOLDER.rglob("*.js"))


def _texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in (FOLDER / "texts" / language).glob("*.json"):
        content = json.loads(file.read_text())
        texts.update({f"{file.stem}.{key}": text for key, text in content.items()})
    return texts


def _places(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def test_page_offers_nothing_to_call() -> None:
    config = build_console_page().get_config_file()
    assert config["dependencies"] == []
    assert [part["type"] for part in config["components"]] == ["html"]


def test_head_names_only_own_files_that_exist() -> None:
    named = re.findall(r'(?:href|src)="([^"]+)"', CONSOLE_HEAD)
    assert len(named) > 5
    for address in named:
        assert (STATIC / address.removeprefix("/static/")).is_file(), address


def test_every_style_sheet_is_loaded() -> None:
    for file in FOLDER.rglob("*.css"):
        assert f"/static/{file.relative_to(STATIC)}" in CONSOLE_HEAD, file.name


def test_both_languages_say_the_same_things() -> None:
    japanese, english = _texts("ja"), _texts("en")
    assert japanese.keys() == english.keys()
    for key, text in japanese.items():
        assert _places(text) == _places(english[key]), key


def test_every_text_asked_for_exists() -> None:
    known = _texts("ja").keys()
    for script in SCRIPTS:
        code = script.read_text()
        asked = re.findall(r"\bt\(\s*\"([\w.]+)\"", code) + re.findall(
            r"text: \"(\w+\.\w+)\"", code
        )
        assert set(asked) <= known, script.name


def test_every_screen_is_named() -> None:
    known = _texts("ja").keys()
    screens = re.findall(r"^    id: \"(\w+)\"", (FOLDER / "screens.js").read_text(), re.M)
    assert screens
    for screen in screens:
        assert {f"common.screen_{screen}", f"{screen}.title"} <= known


@pytest.mark.parametrize("code", sorted(REFUSALS["ja"]))
def test_refusals_exist_in_both_languages(code: str) -> None:
    assert REFUSALS["ja"].keys() == REFUSALS["en"].keys()
    assert _places(REFUSALS["ja"][code]) == _places(REFUSALS["en"][code])
