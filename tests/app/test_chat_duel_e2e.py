"""The duel on the chat page: opted in by hand, chosen by keyboard, gone when the talk goes on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.app.chat_site import CHROMIUM, FLAGS, REPLY_MS, Site, enter, field, refuse_the_night
from tests.app.chat_site import running_site as running
from tests.app.duel_server import NEWER, OLDER

pytestmark = pytest.mark.e2e

ASK = "どちらのお返事がお好みですか"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("home"), "tests.app.duel_server") as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """The page of a visitor who takes part in the duel."""
    faults: list[str] = []
    context = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    enter(page)
    refuse_the_night(page)
    page.get_by_role("button", name="設定").first.click()
    page.get_by_role("radio", name="ときどき参加する").click()
    expect(page.get_by_role("radio", name="ときどき参加する")).to_be_checked()
    page.keyboard.press("Escape")
    yield page
    context.close()
    assert faults == []


def _ask(page: Page, text: str) -> None:
    field(page).fill(text)
    field(page).press("Enter")
    expect(page.locator(".own-text").last).to_have_text(text)
    expect(page.locator(".duel:visible .duel-ask")).to_have_text(ASK, timeout=REPLY_MS)


def test_a_choice_by_keyboard_leaves_the_chosen_answer(page: Page) -> None:
    _ask(page, "ごきげんよう")
    cards = page.locator(".duel-card .reply-text")
    expect(cards).to_have_count(2)
    texts = cards.all_text_contents()
    assert {text in NEWER for text in texts} == {True, False}
    assert {text in OLDER for text in texts} == {True, False}
    assert not [name for name in ("v1", "v2") if name in page.locator(".duel").inner_text()]
    page.get_by_role("button", name="二つ目 こちらが好き").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".duel:visible")).to_have_count(0)
    expect(page.locator(".reply-card .reply-text")).to_have_text(texts[1])
    page.reload()
    expect(page.locator(".reply-card .reply-text")).to_have_text(texts[1], timeout=REPLY_MS)


def test_going_on_without_a_choice_keeps_the_newer_answer(page: Page) -> None:
    _ask(page, "ごきげんよう")
    _ask(page, "それから")
    expect(page.locator(".duel:visible")).to_have_count(1)
    kept = page.locator(".turn").first.locator(".reply-card .reply-text")
    assert kept.text_content() in NEWER


def test_leaving_the_duel_takes_the_question_away(page: Page) -> None:
    _ask(page, "ごきげんよう")
    page.get_by_role("button", name="設定").first.click()
    page.get_by_role("radio", name="参加しない").click()
    expect(page.get_by_role("radio", name="参加しない")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator(".duel:visible")).to_have_count(0)
    assert page.locator(".reply-card .reply-text").text_content() in NEWER
