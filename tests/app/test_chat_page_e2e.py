"""The chat page in a real browser against the real application with a fake model."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.app.chat_site import (
    CHROMIUM,
    FLAGS,
    REPLY_MS,
    Site,
    api,
    enter,
    field,
    open_menu,
    refuse_the_night,
    regenerate,
    replies,
    running_site,
    say,
)

pytestmark = pytest.mark.e2e

HOSTILE = (
    '<img src=x onerror="window.hacked=1"> **太字** <script>window.hacked=1</script> \u202eabc'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 860})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """The page of a visitor who has said no to the night."""
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    enter(page)
    refuse_the_night(page)
    yield page
    assert faults == []


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    enter(page)
    refuse_the_night(page)
    yield page
    context.close()


def test_first_visit_asks_and_no_choice_is_taken_for_consent(context: BrowserContext) -> None:
    page = context.new_page()
    enter(page)
    expect(page.get_by_role("dialog")).to_contain_text("夜の稽古")
    page.keyboard.press("Escape")
    assert api(page, "/api/me")["visitor"]["consent"] is None  # type: ignore[index]
    page.reload()
    page.get_by_role("button", name="夜の稽古に使ってよい").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert api(page, "/api/me")["visitor"]["consent"] is True  # type: ignore[index]
    page.get_by_role("button", name="設定").first.click()
    page.get_by_role("radio", name="使わない").click()
    expect(page.get_by_role("radio", name="使わない")).to_have_attribute("aria-checked", "true")
    assert api(page, "/api/me")["visitor"]["consent"] is False  # type: ignore[index]


def test_no_gradio_chrome_is_visible(page: Page) -> None:
    expect(page.get_by_text(re.compile("gradio", re.I))).to_have_count(0)
    assert page.evaluate("document.elementFromPoint(640, 855).closest('#yogeiko') !== null")
    expect(page).to_have_title(re.compile("夜稽古"))


def test_starter_then_a_reply_streams_in_and_is_announced(page: Page) -> None:
    page.locator(".starter").first.click()
    expect(field(page)).to_have_value(re.compile("お名前"))
    page.keyboard.press("Enter")
    growing = page.locator(".reply[data-status=streaming] .reply-text")
    expect(growing).not_to_be_empty(timeout=REPLY_MS)
    early = growing.inner_text()
    expect(replies(page)).to_have_count(1, timeout=REPLY_MS)
    whole = page.locator(".reply-text").inner_text()
    assert len(whole) > len(early)
    assert whole.startswith(early)
    expect(page.locator("#voice")).to_have_text(whole)
    expect(page.locator(".talk-title")).to_have_text(re.compile("お名前"))


def test_stop_keeps_the_text_so_far_and_another_variant_may_follow(page: Page) -> None:
    field(page).fill("長い話をしてください")
    page.keyboard.press("Enter")
    expect(page.locator(".reply-text")).not_to_be_empty(timeout=REPLY_MS)
    page.get_by_role("button", name="返事を止める").click()
    expect(replies(page, "stopped")).to_have_count(1)
    expect(page.get_by_text("途中で止めました")).to_be_visible()
    regenerate(page, "2/2")


def test_variants_of_any_turn_are_kept_and_reached_by_button_and_keyboard(page: Page) -> None:
    say(page, "一番目の話")
    first = page.locator(".reply-text").first.inner_text()
    say(page, "二番目の話")
    regenerate(page, "2/2")
    expect(page.locator(".turn")).to_have_count(2)
    page.get_by_role("button", name="前の候補").click()
    expect(page.locator(".variant-place")).to_have_text("1/2")
    expect(page.locator(".reply-text").first).to_have_text(first)
    page.locator(".reply").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".variant-place")).to_have_text("2/2")
    with page.expect_response(lambda told: told.request.post_data == '{"index":0}'):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".variant-place")).to_have_text("1/2")
    page.reload()
    expect(page.locator(".variant-place")).to_have_text("1/2")


def test_variants_are_swiped_by_finger(phone: Page) -> None:
    say(phone, "指で送ります")
    regenerate(phone, "2/2")
    card = phone.locator(".reply-card").first.bounding_box()
    assert card is not None
    finger = phone.context.new_cdp_session(phone)
    y = card["y"] + card["height"] / 2

    def touch(kind: str, x: float | None) -> None:
        points = [] if x is None else [{"x": x, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 120)
    for x in (150, 180, 210, 240):
        touch("touchMove", x)
    touch("touchEnd", None)
    expect(phone.locator(".variant-place")).to_have_text("1/2")


def test_editing_an_own_message_continues_from_there(page: Page) -> None:
    say(page, "はじめの言葉")
    say(page, "あとの言葉")
    page.get_by_role("button", name="書き直す").first.click()
    editor = page.get_by_role("textbox", name="言葉を書き直す")
    expect(editor).to_be_focused()
    editor.fill("直した言葉")
    page.get_by_role("button", name="直して続ける").click()
    expect(page.locator(".own-text")).to_have_text(["直した言葉"])
    expect(replies(page)).to_have_count(1, timeout=REPLY_MS)
    page.reload()
    expect(page.locator(".own-text")).to_have_text(["直した言葉"])


def test_thumb_tags_and_words_come_back_after_a_reload(page: Page) -> None:
    say(page, "感想を言います")
    page.get_by_role("button", name="よい返事").click()
    page.get_by_role("button", name="面白い").click()
    expect(page.get_by_role("button", name="面白い")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("textbox", name="ほかにあれば").fill("笑いました")
    page.get_by_role("button", name="伝える").click()
    expect(page.locator(".reason-line")).to_have_text("面白い、笑いました")
    page.reload()
    thumb = page.get_by_role("button", name="よい返事")
    expect(thumb).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".reason-line")).to_have_text("面白い、笑いました")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".reason-line")).to_have_count(0)


def test_facts_used_and_the_wish_not_to_be_learnt_from(page: Page) -> None:
    say(page, "長野で祖父と暮らしたそうですね")
    clues = page.get_by_role("button", name=re.compile("手がかり"))
    expect(page.locator(".clues")).to_have_count(0)
    clues.click()
    expect(page.locator(".clues li").first).to_contain_text("絢音は")
    page.get_by_role("button", name="これは覚えないで").click()
    expect(page.locator(".own.secret")).to_have_count(1)
    page.reload()
    kept_out = page.get_by_role("button", name="稽古には使いません")
    expect(kept_out).to_have_attribute("aria-pressed", "true")


def test_search_rename_export_and_delete(page: Page) -> None:
    say(page, "軽井沢の紅葉が見頃です")
    page.get_by_role("button", name="新しい会話").first.click()
    say(page, "まったく別の相談です")
    expect(page.locator(".talk")).to_have_count(2)
    page.get_by_role("searchbox").fill("紅葉")
    expect(page.locator(".talk")).to_have_count(1)
    expect(page.locator(".talk mark").first).to_have_text("紅葉")
    page.locator(".talk-open").click()
    expect(page.locator(".own-text")).to_have_text(["軽井沢の紅葉が見頃です"])

    open_menu(page)
    page.get_by_role("button", name="題を変える").click()
    page.get_by_role("textbox", name="会話の題").fill("秋の相談")
    page.keyboard.press("Enter")
    page.get_by_role("searchbox").fill("")
    expect(page.locator(".talk-title").filter(has_text="秋の相談")).to_have_count(1)

    talk = page.locator(".talk").filter(has_text="秋の相談")
    for kind in ("JSON", "Markdown"):
        talk.locator(".talk-more").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=f"{kind} で保存").click()
        content = Path(download.value.path()).read_text()
        assert "軽井沢の紅葉が見頃です" in content
        if kind == "JSON":
            json.loads(content)

    talk.locator(".talk-more").click()
    page.get_by_role("button", name="削除").click()
    page.get_by_role("button", name="やめる").click()
    expect(page.locator(".talk")).to_have_count(2)
    talk.locator(".talk-more").click()
    page.get_by_role("button", name="削除").click()
    page.get_by_role("dialog").get_by_role("button", name="削除する").click()
    expect(page.locator(".talk")).to_have_count(1)
    expect(page.locator(".welcome")).to_be_visible()


def test_erasing_leaves_no_byte_of_what_was_said(page: Page, site: Site) -> None:
    secret = "消えるべき秘密の合言葉"
    say(page, secret)
    stored = site.home / "yogeiko.db"
    assert any(secret.encode() in file.read_bytes() for file in site.home.glob("yogeiko.db*"))
    page.get_by_role("button", name="設定").first.click()
    page.get_by_role("button", name="すべて消す").click()
    sure = page.get_by_role("dialog").filter(has_text="本当に")
    sure.get_by_role("button", name="すべて消す").click()
    expect(page.get_by_text("すべて消しました")).to_be_visible()
    expect(page.locator(".talk")).to_have_count(0)
    assert api(page, "/api/conversations") == {"conversations": []}
    assert api(page, "/api/me")["visitor"]["consent"] is None  # type: ignore[index]
    assert stored.exists()
    for file in site.home.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_enter_that_confirms_a_conversion_does_not_send(page: Page) -> None:
    field(page).focus()
    keyboard = page.context.new_cdp_session(page)
    keyboard.send(
        "Input.imeSetComposition", {"text": "こんばんは", "selectionStart": 5, "selectionEnd": 5}
    )
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    keyboard.send("Input.insertText", {"text": "今晩は"})
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **key, "windowsVirtualKeyCode": 13})
    # Safari: the composition has ended when the keydown of the same Enter comes.
    page.evaluate(
        """() => {
          const field = document.querySelector("#composer");
          field.dispatchEvent(new CompositionEvent("compositionend", {bubbles: true}));
          field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
        }"""
    )
    page.wait_for_timeout(300)
    expect(page.locator(".turn")).to_have_count(0)
    expect(field(page)).to_have_value("今晩は")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("二行目")
    expect(field(page)).to_have_value("今晩は\n二行目")
    page.keyboard.press("Enter")
    expect(page.locator(".own-text")).to_have_text("今晩は\n二行目", use_inner_text=True)


def test_reply_goes_on_after_the_tab_closed_and_is_picked_up_again(page: Page) -> None:
    field(page).fill("途中で席を立ちます")
    page.keyboard.press("Enter")
    expect(page.locator(".reply-text")).not_to_be_empty(timeout=REPLY_MS)
    context = page.context
    page.close()
    again = context.new_page()
    enter(again)
    expect(again.locator(".own-text")).to_have_text(["途中で席を立ちます"])
    expect(replies(again)).to_have_count(1, timeout=REPLY_MS)
    assert again.locator(".reply-text").inner_text().endswith(("。", "？"))


def test_place_in_the_queue_is_shown(page: Page, phone: Page) -> None:
    field(page).fill("先の客です")
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_count(1)
    field(phone).fill("後の客です")
    phone.get_by_role("button", name="送る").tap()
    expect(phone.locator(".reply")).to_contain_text("いま 1 番目です")
    expect(replies(phone)).to_have_count(1, timeout=REPLY_MS)


def test_lost_connection_is_told_and_mended(page: Page) -> None:
    field(page).fill("電波の悪いところです")
    page.keyboard.press("Enter")
    expect(page.locator(".reply-text")).not_to_be_empty(timeout=REPLY_MS)
    page.context.set_offline(True)
    expect(page.locator(".banner")).to_contain_text("つなぎ直して")
    page.context.set_offline(False)
    expect(page.locator(".banner")).to_be_hidden(timeout=REPLY_MS)
    expect(replies(page)).to_have_count(1, timeout=REPLY_MS)


def test_unsent_words_stay_and_refusals_are_told_in_japanese(page: Page) -> None:
    sentence = "ただいま混雑しています。"
    body = json.dumps({"error": {"code": "busy", "message": sentence}})
    page.route("**/turns", lambda route: route.fulfill(status=503, body=body))
    field(page).fill("届かない言葉")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text([sentence])
    expect(field(page)).to_have_value("届かない言葉")
    page.unroute("**/turns")
    page.route("**/healthz", lambda route: route.fulfill(json={"model": "loading"}))
    page.reload()
    expect(page.locator(".banner")).to_contain_text("ただいま支度中です")


def test_phone_has_a_drawer_and_never_scrolls_sideways(phone: Page) -> None:
    def wide() -> list[str]:
        found: list[str] = phone.evaluate(
            """() => [...document.querySelectorAll("#yogeiko *")]
              .filter((e) => e.checkVisibility({visibilityProperty: true}))
              .filter((e) => !e.closest(".welcome-stage"))
              .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
              .map((e) => e.className)"""
        )
        return found

    assert wide() == []
    say(phone, "https://example.invalid/" + "とても長い言葉" * 20 + "a" * 200)
    assert wide() == []
    assert phone.evaluate("document.scrollingElement.scrollWidth") == 390
    expect(phone.locator(".side")).not_to_be_visible()
    phone.get_by_role("button", name="会話の一覧を開く").tap()
    expect(phone.locator(".talk")).to_be_visible()
    small: list[str] = phone.evaluate(
        """() => [...document.querySelectorAll("#yogeiko button, #yogeiko a")]
          .filter((e) => e.checkVisibility({visibilityProperty: true}))
          .filter((e) => e.offsetHeight < 44 || e.offsetWidth < 44).map((e) => e.className)"""
    )
    assert small == []
    phone.keyboard.press("Escape")
    expect(phone.locator(".side")).not_to_be_visible()


def test_hostile_text_stays_text(page: Page) -> None:
    say(page, HOSTILE)
    page.get_by_role("searchbox").fill("onerror")
    expect(page.locator(".talk mark").first).to_have_text("onerror")

    def poison(route: Route) -> None:
        answer = route.fetch()
        talk = answer.json()
        reply = talk["turns"][0]["replies"][0]
        reply.update(text=HOSTILE, facts=[HOSTILE], thumb="up", reason=f"[voice] {HOSTILE}")
        route.fulfill(json=talk)

    page.route(re.compile(r"/api/conversations/\w{32}$"), poison)
    page.reload()
    expect(page.locator(".reply-text")).to_have_text(HOSTILE)
    page.get_by_role("button", name=re.compile("手がかり")).click()
    expect(page.locator(".clues li")).to_have_text(HOSTILE)
    expect(page.locator(".reason-line")).to_contain_text("<img")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#yogeiko :is(img[src=x], script, b, strong)").count() == 0


def test_english_is_one_click_away_and_remembered(page: Page) -> None:
    page.get_by_role("button", name="Switch to English").click()
    expect(page.get_by_role("textbox", name="Your words to Ayane")).to_be_visible()
    page.reload()
    expect(page.get_by_role("textbox", name="Your words to Ayane")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
