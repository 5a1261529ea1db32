"""The review queue in a browser, by keyboard alone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.clock import utc_now
from store.audit import list_audit
from store.database import Database, open_database
from store.night_records import Review
from store.review_queue import list_waiting
from store.reviews import list_reviews
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import REVIEWER

pytestmark = pytest.mark.e2e
Said = Callable[[], list[Review]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("house") / "home") as site:
        yield site


@pytest.fixture(scope="module")
def database(site: Site) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{site.home}/yogeiko.db")
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = open_page(browser, site)
    log_in(page, REVIEWER)
    go(page, "q", "queue")
    expect(page.locator(".queue-desk")).to_be_visible()
    yield page
    page.context.close()


def _shown(page: Page) -> str:
    return page.locator(".queue-desk").get_attribute("data-reply") or ""


def _press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _save(page: Page) -> None:
    """Save and wait for another reply."""
    before = _shown(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".queue-desk")).not_to_have_attribute("data-reply", before)


def _step(page: Page, key: str) -> Locator:
    return page.locator(f'[data-k="{key}"]')


@pytest.fixture
def reviews(database: Database) -> Said:
    """What is said from now on, oldest first."""

    def said() -> list[Review]:
        with database.reading() as session:
            return list_reviews(session)

    before = len(said())
    return lambda: said()[before:]


def test_ten_replies_are_reviewed_by_keyboard_alone(
    page: Page, reviews: Said, database: Database
) -> None:
    seen = []
    for number in range(10):
        seen.append(_shown(page))
        _press(page, "1", str(number), "-")
        expect(_step(page, "verdict-good")).to_have_attribute("aria-checked", "true")
        expect(_step(page, "attentiveness-10")).to_have_attribute("aria-checked", "true")
        if number < 9:
            _save(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".queue-head")).to_contain_text("この回 10件")
    expect(page.locator(".queue-head")).to_contain_text("今日 10件")
    assert len(set(seen)) == 10
    kept = reviews()
    assert [one.reply_id for one in kept] == [reply for reply in seen for _ in range(3)]
    assert [one.value for one in kept if one.metric == "agency"] == [float(n) for n in range(10)]
    assert {one.value for one in kept if one.metric == "attentiveness"} == {10.0}
    assert all(one.blind for one in kept)
    with database.reading() as session:
        deeds = [one.action for one in list_audit(session) if one.actor == REVIEWER]
    assert deeds.count("reply.review.verdict") == 10
    assert deeds.count("reply.review.metric") == 20


def test_scores_are_hidden_until_asked_for(page: Page, reviews: Said, database: Database) -> None:
    with database.reading() as session:
        waiting = list_waiting(session, REVIEWER, now=utc_now())
    scored = next(one.reply_id for one in waiting if one.verdicts)
    page.goto(f"/console/#/queue?reply={scored}")
    expect(page.locator(".queue-desk")).to_have_attribute("data-reply", scored)
    expect(page.locator(".queue-given")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.locator(".queue-given")).to_have_count(12)
    page.keyboard.press("2")
    _save(page)
    (kept,) = reviews()
    assert (kept.text, kept.blind) == ("bad", False)


def test_a_correction_is_typed_saved_and_undone(page: Page, reviews: Said) -> None:
    reply = _shown(page)
    page.keyboard.press("c")
    expect(page.locator("[data-k=words-edit]")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("まあ、1つも c x n d e s u h とは言いませんわ")
    expect(page.locator(".is-here")).to_have_attribute("data-field", "0")
    _save(page)
    (edit,) = reviews()
    assert (edit.kind, edit.route, edit.stands) == ("edit", "style", True)
    assert edit.text == "まあ、1つも c x n d e s u h とは言いませんわ", (
        "keys are words while one types"
    )
    page.keyboard.press("u")
    expect(page.locator(".queue-desk")).to_have_attribute("data-reply", reply)
    edit, word = reviews()
    assert (edit.stands, word.kind, word.target_id) == (False, "retract", edit.id)


def test_skipping_asks_for_a_reason(page: Page, reviews: Said) -> None:
    reply = _shown(page)
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("理由を書いてください")
    page.keyboard.type("前後が分からない")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".queue-desk")).not_to_have_attribute("data-reply", reply)
    (skip,) = reviews()
    assert (skip.kind, skip.note, skip.reply_id) == ("skip", "前後が分からない", reply)


def test_the_history_tells_and_restores(page: Page, reviews: Said) -> None:
    _press(page, "1")
    _save(page)
    _press(page, "ArrowLeft", "h")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(REVIEWER)
    dialog.get_by_role("button", name="取り消す").press("Enter")
    page.keyboard.type("押し間違い")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_contain_text("取り消し済み")
    expect(dialog).to_contain_text("押し間違い")
    first = reviews()[0]
    assert not first.stands


def test_the_keys_are_told(page: Page, reviews: Said) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("dt", has_text="Ctrl+Enter")).to_have_count(1)
    expect(dialog).to_contain_text("保存して次へ")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(_step(page, "verdict-good")).to_have_attribute("aria-checked", "false")
    assert reviews() == []
