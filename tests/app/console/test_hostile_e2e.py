"""RELIABILITY 9: what visitors and she may say stays text, from the chat to every screen."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.clock import utc_now
from app.identity import VISITOR_COOKIE, VisitorCookies, ensure_key
from app.settings import load_settings
from app.text_rules import clean_text
from store.database import open_database
from store.records import Turn
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.store.talk import begin, exchange

pytestmark = pytest.mark.e2e

PAYLOADS = [
    json.loads(line)
    for line in (Path(__file__).parent / "hostile_payloads.txt").read_text().splitlines()
]
WATCH = """
window.hits = [];
for (const name of ["alert", "confirm", "prompt"]) {
  window[name] = (word) => { window.hits.push(`${name} ${word}`); };
}
"""
ALIVE = "script, iframe, img, svg[onload], a, style, b, math, input, details, h1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("home")) as site:
        yield site


@dataclass(frozen=True)
class Talk:
    """What a visitor said and was answered: every payload by itself."""

    visitor: str
    turns: list[Turn]


@pytest.fixture(scope="module")
def talk(site: Site) -> Talk:
    assert len(PAYLOADS) == 50
    database = open_database(load_settings(site.home).database_url)
    now = utc_now() - timedelta(hours=1)
    said = [clean_text(payload)[:1000] or "…" for payload in PAYLOADS]
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turns = [
            exchange(session, owner, conversation, (one, one), now + timedelta(seconds=at))
            for at, one in enumerate(said)
        ]
    database.close()
    return Talk(visitor=owner.visitor_id, turns=turns)


@pytest.fixture
def turns(talk: Talk) -> list[Turn]:
    return talk.turns


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page that notices whatever runs or is asked of another host."""
    page = open_page(browser, site)
    page.add_init_script(WATCH)
    elsewhere: list[str] = []
    own = urlsplit(site.address).netloc
    page.on("request", lambda asked: elsewhere.append(asked.url))
    page.on("dialog", lambda dialog: dialog.dismiss())
    yield page
    assert page.evaluate("window.hits") == []
    strange = [url for url in elsewhere if url.startswith("http") and urlsplit(url).netloc != own]
    assert strange == []
    page.context.close()


def _nothing_lives(page: Page, places: str) -> None:
    assert page.locator(places).count() > 0
    assert page.locator(places).locator(ALIVE).count() == 0


def test_nothing_runs_in_the_chat_itself(page: Page, site: Site, talk: Talk) -> None:
    cookies = VisitorCookies(ensure_key(load_settings(site.home).secrets_folder))
    signed = cookies.header(talk.visitor, secure=False).split("=", 1)[1].split(";")[0]
    page.context.add_cookies([{"name": VISITOR_COOKIE, "value": signed, "url": site.address}])
    page.goto("/chat/")
    expect(page.locator(".own-text")).to_have_count(50, timeout=30_000)
    _nothing_lives(page, ".own-text")
    _nothing_lives(page, ".reply-text")
    assert page.locator(".own-text", has_text="<script>alert(1)</script>").count() >= 1


def test_nothing_runs_in_the_list_of_replies(page: Page, turns: list[Turn]) -> None:
    log_in(page)
    go(page, "r", "replies")
    page.get_by_role("button", name="さらに読み込む").click()
    expect(page.locator(".replies-her").nth(60)).to_be_attached()
    _nothing_lives(page, ".said")
    assert page.locator(".replies-her", has_text="<script>alert(1)</script>").count() >= 2
    assert "返事" in page.title()


def test_nothing_runs_in_an_opened_reply_or_its_queue(page: Page, turns: list[Turn]) -> None:
    log_in(page)
    for turn in turns[:3] + turns[-3:]:
        reply = turn.replies[0].id
        page.goto(f"/console/#/replies?reply={reply}&part=tokens")
        expect(page.locator(".line-current")).to_be_visible()
        _nothing_lives(page, ".said")
        _nothing_lives(page, ".tokens")
    page.goto(f"/console/#/queue?reply={turns[0].replies[0].id}")
    expect(page.locator(".screen-queue")).to_contain_text("<script>alert(1)</script>")
    _nothing_lives(page, ".said")


def test_nothing_runs_where_visitors_wrote_into_other_screens(page: Page, site: Site) -> None:
    log_in(page)
    for screen in ("home", "pairs", "agreement", "nights", "versions", "facts", "audit", "export"):
        page.goto(f"/console/#/{screen}")
        expect(page.locator(f".screen-{screen}")).to_be_visible()
        expect(page.locator(".state-loading")).to_have_count(0)
        assert page.locator(".screen script, .screen iframe").count() == 0


def test_a_hostile_search_and_a_hostile_filter_are_only_words(
    page: Page, turns: list[Turn]
) -> None:
    log_in(page)
    page.goto('/console/#/replies?text=<img src=x onerror="alert(1)">&visitor=%22%3E%3Cscript%3E')
    expect(page.locator(".state-error")).to_be_visible()
    page.goto("/console/#/replies?text=<script>alert(1)</script>")
    expect(page.locator(".replies-her").first).to_contain_text("<script>alert(1)</script>")
    _nothing_lives(page, ".said")
