"""Facts by keyboard alone, in a real browser against the real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.settings import load_settings
from store.audit import list_audit
from store.database import open_database
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import REVIEWER

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("home") / "home") as site:
        yield site


def _enter(browser: Browser, site: Site, name: str) -> Page:
    page = open_page(browser, site)
    log_in(page, name)
    go(page, "f", "facts")
    expect(page.locator(".known").first).to_be_visible()
    expect(page.get_by_role("tab", name="提案")).to_be_visible()
    page.wait_for_function("document.querySelector('.known[aria-current=true]') !== null")
    return page


def _deeds(site: Site) -> list[str]:
    database = open_database(load_settings(site.home).database_url)
    with database.reading() as session:
        found = [one.action for one in list_audit(session) if one.action.startswith("fact.")]
    database.close()
    return found


def _open(page: Page) -> str:
    """Return the text of the marked fact."""
    return page.locator(".known[aria-current=true] .known-text").inner_text()


def test_an_admin_changes_retires_and_tries_facts_by_keyboard(browser: Browser, site: Site) -> None:
    page = _enter(browser, site, "kantoku")
    before = len(_deeds(site))
    page.keyboard.press("j")
    expect(page.locator(".known").nth(1)).to_have_attribute("aria-current", "true")
    assert _open(page) == "絢音は長野で祖父と暮らしたことがある。"

    page.keyboard.press("e")
    words = page.get_by_role("textbox", name="事実の文")
    expect(words).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("絢音は松本で祖父と暮らしたことがある。")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".known[aria-current=true]")).to_contain_text("松本で祖父")
    expect(page.locator(".known[aria-current=true]")).to_contain_text("カードの文")

    page.keyboard.press("t")
    page.keyboard.insert_text("松本")
    page.keyboard.press("Enter")
    expect(page.locator(".trial-facts li")).to_have_count(1)
    page.evaluate("document.activeElement.blur()")

    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.insert_text("台本から外れた")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("松本で祖父", exact=False).locator("visible=true")).to_have_count(1)

    page.keyboard.press("t")
    page.keyboard.press("Enter")
    expect(page.locator(".trial-found")).to_contain_text("見つかりませんでした")
    assert _deeds(site)[: len(_deeds(site)) - before] == ["fact.retire", "fact.edit"]
    page.context.close()


def test_a_reviewer_proposes_and_an_admin_decides_by_keyboard(browser: Browser, site: Site) -> None:
    page = _enter(browser, site, REVIEWER)
    page.keyboard.press("n")
    page.keyboard.insert_text("絢音は背が高い。")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".proposal")).to_have_count(4)
    expect(page.get_by_role("button", name="採用")).to_have_count(0)
    page.context.close()

    page = _enter(browser, site, "kantoku")
    page.keyboard.press("p")
    expect(page.locator(".proposal")).to_have_count(4)
    page.keyboard.press("1")
    expect(page.locator(".proposal")).to_have_count(3)
    page.keyboard.press("2")
    page.keyboard.insert_text("台本にない")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".proposal")).to_have_count(2)
    page.keyboard.press("p")
    expect(page.locator(".known", has_text="絢音の好きな色は藤色である。")).to_have_count(1)
    assert {"fact.propose", "fact.accept", "fact.add", "fact.decline"} <= set(_deeds(site))
    page.context.close()


def test_keys_stay_silent_while_somebody_types(browser: Browser, site: Site) -> None:
    page = _enter(browser, site, "kantoku")
    page.keyboard.press("/")
    page.keyboard.type("ntrp12")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".state-empty")).to_be_visible()
    page.context.close()
