"""The pair inbox in a real browser, by keyboard alone; every deed leaves its audit row."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from store.database import open_database
from store.pairs import list_pairs
from store.tables import AuditRow
from tests.app.chat_site import Site
from tests.app.console.console_site import go, log_in, open_page, running_console
from tests.app.console.seed_console import REVIEWER
from tests.app.console.seed_pairs import CONFLICTS, PAIRS

pytestmark = pytest.mark.e2e
BETTER = "まあ、今夜はあたたかくしてお休みになって。"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_console(tmp_path_factory.mktemp("console") / "home") as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    opened = open_page(browser, site)
    log_in(opened, REVIEWER)
    go(opened, "p", "pairs")
    yield opened
    opened.context.close()


def _deeds(site: Site, *, after: int = 0) -> list[str]:
    database = open_database(f"sqlite:///{site.home / 'yogeiko.db'}")
    wanted = select(AuditRow.action).where(
        AuditRow.actor == REVIEWER, AuditRow.action.not_like("log%"), AuditRow.id > after
    )
    with database.reading() as session:
        found = list(session.scalars(wanted.order_by(AuditRow.id)))
    database.close()
    return found


def _last(site: Site) -> int:
    database = open_database(f"sqlite:///{site.home / 'yogeiko.db'}")
    with database.reading() as session:
        newest = session.scalar(select(AuditRow.id).order_by(AuditRow.id.desc()).limit(1))
    database.close()
    return newest or 0


def _pairs(site: Site) -> dict[str, Any]:
    database = open_database(f"sqlite:///{site.home / 'yogeiko.db'}")
    with database.reading() as session:
        pairs = {one.id: one for one in list_pairs(session, None)}
    database.close()
    return pairs


def _at(page: Page, place: str) -> str:
    expect(page.locator(".pair-place")).to_have_text(place)
    return str(page.locator(".pair-desk").get_attribute("data-pair"))


def test_pairs_are_decided_by_keyboard_alone(page: Page, site: Site) -> None:
    before = _last(site)
    many = len(PAIRS)
    expect(page.locator(".pair-head")).to_contain_text("確認を待つ")
    expect(page.locator(".pair-clock")).to_contain_text("あと ")
    flipped = _at(page, f"1 / {many}")
    page.keyboard.press("n")
    page.keyboard.type("memo")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    vetoed = _at(page, f"2 / {many}")
    page.keyboard.press("v")
    edited = _at(page, f"3 / {many}")
    page.keyboard.press("e")
    expect(page.get_by_label("覚えさせる文")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(BETTER)
    page.keyboard.press("Control+Enter")
    undone = _at(page, f"4 / {many}")
    page.keyboard.press("a")
    _at(page, f"5 / {many}")
    page.keyboard.press("u")
    assert _at(page, f"4 / {many}") == undone
    expect(page.locator(".pair-facts .chip").first).to_have_text("未判断")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".pair-desk")).to_contain_text(BETTER)
    expect(page.locator(".pair-desk")).to_contain_text("文を書き直し")

    stored = _pairs(site)
    assert stored[flipped].status == "flipped"
    assert stored[vetoed].status == "vetoed"
    assert (stored[edited].status, stored[edited].chosen) == ("approved", BETTER)
    assert stored[undone].status == "proposed"
    assert _deeds(site, after=before) == [
        "pair.decide",
        "pair.decide",
        "pair.edit",
        "pair.decide",
        "pair.undo",
    ]


def test_a_filter_is_approved_and_undone_by_keyboard(page: Page, site: Site) -> None:
    before = _last(site)
    expect(page.locator(".pair-place")).to_contain_text("1 / ")
    waiting = [one.id for one in _pairs(site).values() if one.status == "proposed"]
    page.keyboard.press("/")
    expect(page.get_by_label("夜", exact=True)).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(".pair-meaning")).to_contain_text("すべての夜")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+A")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"未判断の {len(waiting)} 組")
    page.keyboard.press("Control+Enter")
    expect(
        page.get_by_text("すべて判断しました").or_(page.get_by_text("当てはまるペアがありません"))
    ).to_be_visible()
    assert {_pairs(site)[one].status for one in waiting} == {"approved"}
    page.keyboard.press("Shift+U")
    expect(page.locator(".pair-place")).to_have_text(f"1 / {len(waiting)}")
    assert {_pairs(site)[one].status for one in waiting} == {"proposed"}
    deeds = _deeds(site, after=before)
    assert deeds == ["pair.decide"] * len(waiting) + ["pair.approve_all", "pair.undo_all"]


def test_conflicts_are_settled_and_reopened_by_keyboard(page: Page, site: Site) -> None:
    before = _last(site)
    page.keyboard.press("]")
    # The night before has one of its own.
    expect(page.locator(".pair-place")).to_have_text(f"1 / {len(CONFLICTS) + 1}")
    page.keyboard.press("1")
    expect(page.locator(".pair-place")).to_have_text(f"1 / {len(CONFLICTS)}")
    page.keyboard.press("u")
    expect(page.locator(".pair-place")).to_have_text(f"1 / {len(CONFLICTS) + 1}")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pair-place")).to_have_text(f"2 / {len(CONFLICTS) + 1}")
    assert _deeds(site, after=before) == ["conflict.resolve", "conflict.reopen"]


def test_characters_that_differ_are_marked(page: Page) -> None:
    page.wait_for_selector(".pair-desk")
    found = page.evaluate(
        """async () => {
          const { difference } = await import("/static/console/pairs/difference.js");
          const told = (before, after) => {
            const found = difference(before, after);
            const say = (runs) => runs.map((one) => (one.same ? one.text : `[${one.text}]`)).join("");
            return found && [say(found.before), say(found.after)];
          };
          return [
            told("今日は寒いですわ。", "今日は暑いですわ。"),
            told("よろしい👩‍👩‍👧ですわ", "よろしい👨‍👩‍👧ですわ"),
            told("なんでも好き", "十割そばですの"),
            told("", ""),
          ];
        }"""
    )
    assert found[0] == ["今日は[寒]いですわ。", "今日は[暑]いですわ。"]
    assert found[1] == ["よろしい[👩‍👩‍👧]ですわ", "よろしい[👨‍👩‍👧]ですわ"]
    assert found[2] is None
    assert found[3] == ["", ""]


def test_a_dry_run_is_watched_stopped_and_read(page: Page) -> None:
    progress = {"step": "candidates", "position": 3, "steps": 9, "done": 31, "total": 96}
    running = {
        "state": "running",
        "started_at": "2026-11-26T03:00:00+00:00",
        "ended_at": None,
        "progress": progress,
        "result": None,
        "ending": None,
    }
    training = {
        "pairs": 143,
        "replay_pairs": 36,
        "seconds_per_pair": 1.42,
        "measured_nights": 3,
        "enough": True,
        "minutes": 4.24,
    }
    result = {
        "date": "2026-11-27",
        "by_source": {"score": 61, "thumb": 7},
        "drops": {"margin": 31, "below_bar": 12},
        "conflicts": 4,
        "training": training,
    }
    done = {**running, "state": "done", "ended_at": "2026-11-26T03:09:00+00:00", "result": result}
    told = [None]
    page.route("**/api/console/rehearsal", lambda route: route.fulfill(json={"rehearsal": told[0]}))
    page.keyboard.press("[")
    expect(page.get_by_text("まだ下見をしていません")).to_be_visible()
    told[0] = running  # type: ignore[call-overload]
    page.keyboard.press("s")
    expect(page.locator(".rehearsal-now")).to_contain_text("31 / 96")
    told[0] = done  # type: ignore[call-overload]
    figures = page.locator(".rehearsal-figure strong")
    expect(figures).to_have_text(["68", "約4.2分", "4", "43"])
    expect(page.locator(".table tbody tr").first).to_contain_text("返事の差が小さい")
