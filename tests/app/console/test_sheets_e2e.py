"""Rating a sheet by keys alone, and what may be seen of it, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from store.audit import list_audit
from store.database import open_database
from store.sheets import list_ratings, list_sheets
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import ADMIN, REVIEWER

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("home"), "--comparisons") as site:
        yield site


def _sheets(browser: Browser, site: Site, name: str) -> Page:
    page = open_page(browser, site)
    log_in(page, name)
    go(page, "s", "sheets")
    return page


def test_two_items_are_rated_by_keys_alone(browser: Browser, site: Site) -> None:
    page = _sheets(browser, site, REVIEWER)
    page.get_by_role("button", name="評価する").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".blind")).to_have_count(3)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("A の順位がまだです。")).to_be_visible()
    # All ranks, then all naturalness; then C by its letter, twice for its naturalness.
    for key in ("1", "2", "2", "5", "3", "4", "c", "c", "1", "Control+Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("24 件のうち 2 件目")).to_be_visible()
    for key in ("ArrowDown", "ArrowUp", "3", "2", "1", "1", "1", "1", "Control+Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("24 件のうち 3 件目")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".mark[aria-checked=true]")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(page.get_by_text("2 / 24")).to_be_visible()
    database = open_database(f"sqlite:///{site.home / 'yogeiko.db'}")
    with database.reading() as session:
        sheet = next(one for one in list_sheets(session) if one.status == "ready")
        first, second = list_ratings(session, sheet.id, operator=REVIEWER)
        told = [one.action for one in list_audit(session, limit=50) if one.actor == REVIEWER]
    database.close()
    assert sorted(first.ranks.values()) == [1, 2, 2]
    assert sorted(first.naturalness.values()) == [1, 3, 5]
    assert sorted(second.ranks.values()) == [1, 2, 3]
    assert told.count("sheet.rate") == 2


def test_an_admin_makes_a_sheet_and_reads_results(browser: Browser, site: Site) -> None:
    page = _sheets(browser, site, ADMIN)
    page.keyboard.press("n")
    expect(page.locator(".sheet-form")).to_be_visible()
    page.keyboard.type("base だけの試し")
    expect(page.get_by_text("評価する項目は 96 件")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="結果").last.click()
    expect(page.locator(".figures")).to_have_count(3)
    expect(page.locator(".whiskers").first).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    assert waiting.value.path().read_text(encoding="utf-8").startswith("metric,")


def test_the_duel_is_told_in_words_and_a_curve(browser: Browser, site: Site) -> None:
    page = _sheets(browser, site, REVIEWER)
    page.keyboard.press("2")
    expect(page.locator(".duel-verdict")).to_contain_text("新しい版")
    expect(page.locator(".duel-evidence .chart")).to_be_visible()
    expect(page.locator(".tally dd")).to_have_count(7)
