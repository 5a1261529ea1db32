"""The list of replies in a browser, by keyboard alone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from store.audit import Deed, list_audit
from store.database import Database, open_database
from store.reply_filter import ReplyFilter
from store.reply_list import iter_filtered
from store.reviews import list_reviews
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import ADMIN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PARTS = ("採点", "経緯", "夜の候補", "トークン", "学びの行方")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("console") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def database(site: Site) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{site.home}/yogeiko.db")
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = open_page(browser, site)
    log_in(page)
    go(page, "r", "replies")
    expect(page.locator(".replies-count")).to_be_visible()
    yield page
    page.context.close()


def _search(page: Page, database: Database, words: str) -> int:
    """Search by keyboard; return how many replies hold the words, as the page then says too."""
    with database.reading() as session:
        found = sum(map(len, iter_filtered(session, ReplyFilter(text=words))))
    assert found > 1
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.locator(".replies-count")).to_have_text(f"{found} 件")
    return found


def _deeds(database: Database, *, since: int) -> list[Deed]:
    """What was done since, oldest first, logins aside."""
    with database.reading() as session:
        found = [one for one in list_audit(session) if one.id > since]
    return [one for one in reversed(found) if not one.action.startswith("operator.log")]


@pytest.fixture
def since(database: Database) -> int:
    with database.reading() as session:
        return max((one.id for one in list_audit(session)), default=0)


def test_a_reply_is_found_opened_and_left(page: Page, database: Database) -> None:
    found = _search(page, database, "ヴァイオリン")
    page.keyboard.press("j")
    page.keyboard.press("k")
    marked = page.locator('tr[aria-current="true"]')
    opened = marked.get_attribute("data-row")
    page.keyboard.press("Enter")
    expect(page.locator(".line-turn:has(.line-current)")).to_contain_text("ヴァイオリン")
    assert f"reply={opened}" in page.url
    tabs = page.get_by_role("tablist", name="返事について")
    for number, part in enumerate(PARTS, start=1):
        page.keyboard.press(str(number))
        expect(tabs.get_by_role("tab", selected=True)).to_have_text(part)
        expect(page.locator(".detail-part > *").first).to_be_visible()
    previous = page.get_by_role("button", name="前へ")
    expect(previous).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(previous).to_be_enabled()
    expect(page).not_to_have_url(re.compile(f"reply={opened}"))
    page.keyboard.press("Escape")
    expect(page.locator(".replies-count")).to_have_text(f"{found} 件")
    expect(page.get_by_role("searchbox")).to_have_value("ヴァイオリン")


def test_all_found_are_called_good_and_that_is_undone(
    page: Page, database: Database, since: int
) -> None:
    found = _search(page, database, "十割そば")
    page.keyboard.press("b")
    expect(page.get_by_role("dialog")).to_contain_text(f"見つかった {found} 件すべてに")
    page.keyboard.press("1")
    expect(page.get_by_text(f"{found} 件に行いました。")).to_be_visible()
    page.keyboard.press("m")
    row = page.get_by_role("dialog").locator("tbody tr")
    expect(row).to_have_count(1)
    for told in (ADMIN, "よい返事とする", "ある言葉を含む", str(found), "完了"):
        expect(row).to_contain_text(told)
    with database.reading() as session:
        good = [one for one in list_reviews(session) if one.bulk_id is not None]
    assert [(one.kind, one.text, one.stands) for one in good] == [("verdict", "good", True)] * found
    page.keyboard.press("Tab")
    expect(row.get_by_role("button", name="元に戻す")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_contain_text("元に戻した")
    expect(row.get_by_role("button")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".line-current")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator(".history-gone")).to_contain_text("ひとこと評価 良い")
    expect(page.locator(".history-gone")).to_contain_text("取り消し済み")
    with database.reading() as session:
        said = {one.id: one.stands for one in list_reviews(session)}
    assert [said[one.id] for one in good] == [False] * found
    deeds = [(one.actor, one.action) for one in _deeds(database, since=since)]
    assert deeds[0] == (ADMIN, "reply.bulk.begin")
    assert deeds[1] == (ADMIN, "reply.bulk.finish")
    assert (ADMIN, "reply.bulk.undo") in deeds


def test_a_view_is_kept_and_used(page: Page, database: Database, since: int) -> None:
    found = _search(page, database, "海苔")
    page.keyboard.press("s")
    expect(page.get_by_role("textbox", name="名前")).to_be_focused()
    page.keyboard.type("おにぎりの話")
    page.keyboard.press("Enter")
    view = page.get_by_role("button", name="おにぎりの話", exact=True)
    expect(view).to_be_visible()
    (deed,) = _deeds(database, since=since)
    assert (deed.actor, deed.action) == (ADMIN, "view.save")
    go(page, "h", "home")
    go(page, "r", "replies")
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(view).to_be_visible()
    page.keyboard.press("v")
    expect(view).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".replies-count")).to_have_text(f"{found} 件")
    expect(page.get_by_role("searchbox")).to_have_value("海苔")


def test_what_was_found_is_exported(page: Page, database: Database) -> None:
    found = _search(page, database, "十割そば")
    page.keyboard.press("e")
    expect(page.locator(".only-these")).to_contain_text("「十割そば」を含む")
    page.locator('[data-k="start"]').press("Enter")
    row = page.locator(".export-list tbody tr")
    expect(row).to_have_count(1, timeout=60_000)
    expect(row).to_contain_text(f"会話の記録 {found} 行")
    expect(row).to_contain_text("ある言葉を含む")
    page.locator('[data-k="all-replies"]').press("Enter")
    expect(page.locator(".only-these")).to_have_count(0)


def test_tokens_are_coloured_by_what_they_add(page: Page) -> None:
    """The process that would compute it is a matter of test_attribution_api."""
    result = {
        "evaluator": "heads-1", "metric": "trust", "method": "integrated", "value": 6.5,
        "baseline": 5.0, "evaluations": 30,
        "completeness": {"error": 0.03, "share": 0.02, "holds": True},
        "pieces": [{"text": "まあ", "score": 2.0}, {"text": "、", "score": -0.5}],
    }  # fmt: skip
    states = {"GET": {"state": "none"}, "POST": {"state": "running", "done": 16, "planned": 256}}
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.post_data}")
        told = {
            "result": None,
            "done": 0,
            "planned": 0,
            "reason": "",
            **states[route.request.method],
        }
        if route.request.method == "POST":
            states["GET"] = {"state": "done", "result": result}
        route.fulfill(json=told)

    page.route("**/attribution*", answer)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".line-current")).to_be_visible()
    page.keyboard.press("4")
    expect(page.locator(".token").first).to_be_visible()
    expect(page.get_by_label("印象")).to_have_value("trust")
    page.get_by_role("button", name="調べる").press("Enter")
    heat = page.locator(".tokens-heat .token")
    expect(heat).to_have_text(["まあ", "、"])
    expect(heat.nth(0)).to_have_class(re.compile("token-up"))
    expect(heat.nth(1)).to_have_class(re.compile("token-down"))
    expect(heat.nth(1)).to_have_attribute("style", re.compile("--heat: 25%"))
    expect(page.locator(".attribution-value")).to_contain_text("信頼 6.50 点")
    expect(page.locator(".attribution-value")).to_contain_text("0.030 点、2.0 %")
    assert 'POST {"metric":"trust","method":"integrated"}' in asked
