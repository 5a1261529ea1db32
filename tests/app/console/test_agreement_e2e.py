"""The agreement screen in a real browser, by keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.app.chat_site import CHROMIUM, FLAGS, Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import REVIEWER
from tests.console_server import seed

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("home")
    seed(home, reviews=True)
    with running_console(home) as site:
        yield site


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = open_page(browser, site)
        log_in(opened, REVIEWER)
        yield opened
        browser.close()


def test_a_fallen_metric_is_found_and_opened_by_keyboard(page: Page) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    go(page, "a", "agreement")
    rows = page.locator(".screen-agreement tr[data-row]")
    expect(rows).to_have_count(12)
    expect(page.get_by_role("alert")).to_contain_text("一致が下がっています: 共感。")
    expect(page.locator("tr[data-row=trust]")).to_contain_text("あと 20 件で重みが動きます")
    expect(page.locator("tr[data-row=empathetic] .weight")).to_have_text("0.00")

    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(page.locator("tr[data-row=empathetic]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".metric-title")).to_have_text("共感")
    expect(page.locator(".scatter-dot")).to_have_count(210)
    expect(page.locator(".drift-fallen")).to_have_count(1)

    page.keyboard.press("ArrowRight")
    expect(page.locator(".metric-title")).to_have_text("感情")
    page.keyboard.press("Escape")
    expect(rows).to_have_count(12)
    assert faults == []


def test_a_point_of_the_scatter_opens_its_reply(page: Page) -> None:
    page.goto("/console/#/agreement?metric=topic")
    page.locator(".scatter-dot").nth(3).click(force=True)
    expect(page).to_have_url(re.compile(r"#/replies\?reply=[0-9a-f]{32}$"))
    expect(page.locator(".screen-replies")).to_be_visible()
