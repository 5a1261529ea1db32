"""Replays and exports in a real browser, by keyboard."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from app.clock import utc_now
from app.settings import load_settings
from store.adapters import ensure_adapter
from store.audit import list_audit
from store.database import Database, open_database
from store.records import Adapter
from store.tables import ConversationRow, ReplyRow, TurnRow, VisitorRow
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.house import PAGE_HEADERS, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

VERSION = "ayane-night-2026-09-25"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("console") / "home") as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    opened = open_page(browser, site)
    log_in(opened)
    yield opened
    opened.context.close()


def database_of(site: Site) -> Database:
    return open_database(load_settings(site.home).database_url)


def add_version(site: Site) -> None:
    """Register an adapter that the fake model takes."""
    adapter = Adapter(
        id=VERSION, parent_id=None, kind="night", base="0" * 64, sha256="ab", folder="/v",
        manifest={}, created_at=utc_now(),
    )  # fmt: skip
    with database_of(site).session() as session:
        ensure_adapter(session, adapter)


def count_consented(site: Site) -> int:
    """How many replies are to turns that the night may learn from."""
    learnable = (VisitorRow.consent.is_(True), TurnRow.learn.is_(True))
    asked = TurnRow.created_at >= VisitorRow.consent_at
    replies = select(func.count(ReplyRow.id)).join(TurnRow).join(ConversationRow).join(VisitorRow)
    with database_of(site).reading() as session:
        return session.scalar(replies.where(asked, *learnable)) or 0


def make_reply(page: Page, site: Site) -> str:
    """Talk as a visitor and return the second reply."""
    headers = {**PAGE_HEADERS, "Origin": site.address}
    request = page.context.request
    talk = request.post("/api/conversations", headers=headers).json()["id"]
    reply = ""
    for text in ("はじめまして、今日は何をしていたの？", "ヴァイオリンはいつから弾いているの？"):
        said = request.post(
            f"/api/conversations/{talk}/turns", headers=headers, data={"text": text}
        )
        reply = str(said.json()["turn"]["replies"][0]["id"])
        wait_until(lambda: _status(page, talk) == "done", 30)
    return reply


def _status(page: Page, talk: str) -> str:
    turns = page.context.request.get(f"/api/conversations/{talk}").json()["turns"]
    return str(turns[-1]["replies"][0]["status"])


def test_a_reply_is_replayed_on_two_versions(page: Page, site: Site) -> None:
    add_version(site)
    reply = make_reply(page, site)
    page.goto(f"/console/#/replay?reply={reply}")
    expect(page.get_by_text("どの版で再演しますか")).to_be_visible()
    page.get_by_label(VERSION).focus()
    page.keyboard.press("Space")
    page.locator("main").focus()
    page.keyboard.press("p")
    with database_of(site).reading() as session:
        own = session.get_one(ReplyRow, reply).adapter_id
    same = page.locator(f'.replayed[data-adapter="{own or ""}"]')
    expect(same.get_by_text("一字一句同じです")).to_be_visible(timeout=60_000)
    other = page.locator(f'.replayed[data-adapter="{VERSION}"]')
    expect(other).to_have_attribute("data-state", "done", timeout=120_000)
    with database_of(site).reading() as session:
        deeds = [one.detail for one in list_audit(session) if one.action == "reply.replay"]
    assert len(deeds) == 2
    assert {"adapter": VERSION} in deeds
    assert {"adapter": own} in deeds


def test_an_export_is_ordered_by_keyboard_and_downloaded(
    page: Page, site: Site, tmp_path: Path
) -> None:
    go(page, "x", "export")
    page.locator("main").focus()
    page.keyboard.press("n")
    expect(page.locator(".order input").first).to_be_focused()
    page.locator('[data-k="start"]').focus()
    page.keyboard.press("Enter")
    row = page.locator(".export-list tbody tr")
    expect(row).to_have_count(1, timeout=60_000)
    expect(row.get_by_text(f"会話の記録 {count_consented(site)} 行")).to_be_visible()
    with page.expect_download() as got:
        row.get_by_role("link", name="まとめて受け取る").press("Enter")
    got.value.save_as(tmp_path / "all.tar")
    assert b"yogeiko.export/1" in (tmp_path / "all.tar").read_bytes()
    row.locator("summary").press("Enter")
    with page.expect_download() as one:
        row.get_by_role("link", name="logs.jsonl").click()
    one.value.save_as(tmp_path / "logs.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "logs.jsonl").read_text().splitlines()]
    assert len(lines) == count_consented(site)
    with database_of(site).reading() as session:
        deeds = [one.action for one in list_audit(session) if one.action.startswith("export")]
    assert deeds == ["export.download", "export.download", "export.write", "export.start"]
    row.get_by_role("button", name="削除").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="削除").press("Enter")
    expect(page.get_by_text("まだ何も書き出していません")).to_be_visible()


def test_reviews_are_looked_through_before_they_are_stored(
    page: Page, site: Site, tmp_path: Path
) -> None:
    reply = make_reply(page, site)
    good = {"operator": "op", "kind": "metric", "reply_id": reply, "metric": "ease", "value": 8}
    file = tmp_path / "reviews.jsonl"
    file.write_text(json.dumps(good) + "\n" + json.dumps({**good, "value": 12}) + "\n")
    go(page, "x", "export")
    page.locator('[data-k="import-file"]').set_input_files(file)
    expect(page.get_by_text("2 行目")).to_be_visible()
    store = page.get_by_role("button", name="1 件を取り込む")
    expect(store).to_be_disabled()
    page.get_by_label("問題のある行を飛ばす").check()
    store.press("Enter")
    expect(page.get_by_text("1 件のレビューを取り込みました")).to_be_visible()
