"""The agreement screen in a real browser, by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from app.settings import load_settings
from store.database import open_database
from tests.app.chat_site import CHROMIUM, FLAGS, Site, running_site
from tests.app.console.seed_agreement import seed_past_trust, seed_reviews
from tests.app.console.seed_console import PASSWORD, REVIEWER, seed_night, seed_operators

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = load_settings(home)
    database = open_database(settings.database_url)
    seed_operators(database)
    seed_night(database, settings.nights_folder)
    seed_reviews(database)
    seed_past_trust(database)
    database.close()
    with running_site(home) as site:
        yield site


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            base_url=site.address, viewport={"width": 1280, "height": 860}
        )
        headers = {"X-Yogeiko": "1", "Origin": site.address}
        body = {"name": REVIEWER, "password": PASSWORD}
        answer = context.request.post("/api/console/login", data=body, headers=headers)
        assert answer.ok, answer.text()
        yield context.new_page()
        browser.close()


def test_a_fallen_metric_is_found_and_opened_by_keyboard(page: Page) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("/console/#/agreement")
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
