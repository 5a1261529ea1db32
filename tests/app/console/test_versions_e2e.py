"""The nights and versions in a browser, by keyboard alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from store.audit import list_audit
from store.database import open_database
from store.deployment_history import tell_deployments
from tests.app.chat_site import Site
from tests.app.console.console_site import DRAWN_MS, go, log_in, open_page, running_console
from tests.app.console.seed_console import ADMIN, REVIEWER

pytestmark = pytest.mark.e2e
WHY = "朝から口調が崩れているため"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = open_page(browser, site)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []
    page.context.close()


def test_a_version_is_taken_back_by_keyboard_alone(page: Page, site: Site) -> None:
    database = open_database(f"sqlite:///{site.home / 'yogeiko.db'}")
    with database.reading() as session:
        before = tell_deployments(session)[0]
    log_in(page)
    go(page, "v", "versions")
    expect(page.locator(".stage-name")).to_have_text(before.adapter)
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert").filter(has_text="理由")).to_be_visible()
    page.keyboard.type(WHY)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".stage-name")).not_to_have_text(before.adapter)
    expect(page.locator(".moment").first).to_contain_text(WHY)
    with database.reading() as session:
        after = tell_deployments(session)[0]
        deed = next(one for one in list_audit(session) if one.action == "adapter.rollback")
    assert (after.who, after.why) == (ADMIN, WHY)
    assert page.locator(".stage-name").text_content() == after.adapter
    assert (deed.actor, deed.detail) == (
        ADMIN,
        {"adapter": after.adapter, "before": before.adapter},
    )
    database.close()


def test_nights_are_walked_by_arrows_and_their_gates_seen(page: Page, site: Site) -> None:
    log_in(page)
    go(page, "n", "nights")
    heading = page.locator(".night-date")
    newest = heading.text_content()
    for _ in range(5):
        if page.locator(".head-of-published").count():
            break
        before = heading.text_content()
        page.keyboard.press("ArrowLeft")
        expect(heading).not_to_have_text(before or "", timeout=DRAWN_MS)
    expect(page.locator(".gate")).to_have_count(56, timeout=DRAWN_MS)
    expect(page.locator(".curves .chart-plot")).to_have_count(4)
    page.mouse.move(900, 600)
    page.mouse.wheel(0, 400)
    expect(page.locator(".night-date")).not_to_be_in_viewport()
    published = heading.text_content()
    page.keyboard.press("ArrowLeft")
    expect(heading).not_to_have_text(published or "", timeout=DRAWN_MS)
    page.keyboard.press("t")
    expect(heading).to_have_text(newest or "", timeout=DRAWN_MS)


def test_a_chart_tells_its_values_by_arrow_keys(page: Page, site: Site) -> None:
    log_in(page)
    go(page, "v", "versions")
    page.locator(".chart-plot").first.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".chart-tip").first
    expect(tip).to_contain_text("shipped")
    first = tip.text_content()
    page.keyboard.press("ArrowRight")
    expect(tip).not_to_have_text(first or "")


def test_a_reviewer_is_offered_no_change(page: Page, site: Site) -> None:
    log_in(page, REVIEWER)
    expect(page.locator(".screen-home .card")).to_have_count(4)
    go(page, "v", "versions")
    expect(page.locator(".on-stage")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="前の版に戻す")).to_have_count(0)
