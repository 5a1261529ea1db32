"""The README's pictures of the chat page, taken from a running server:
python -m tests.app.chat_screenshots ADDRESS."""

import argparse
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.app.chat_site import CHROMIUM, FLAGS, enter, refuse_the_night, say

FOLDER = Path(__file__).parents[2] / "docs" / "images"
QUESTIONS = (
    "いちばん好きな食べ物は何ですか？",
    "今日はゲームで負けて悔しい",
)
OPENINGS = ("こんばんは。お名前を伺ってもいいですか？", "初めて観たミュージカルは何でしたか？")
CALM_MS = 7000


def take(address: str) -> None:
    """Hold one conversation and write its pictures, light, dark and on a phone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = _open(browser, address, phone=False)
        for opening in OPENINGS:
            say(page, opening)
            page.get_by_role("button", name="新しい会話").first.click()
        _converse(page, QUESTIONS)
        page.screenshot(path=FOLDER / "chat-desktop.png")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "chat-desktop-dark.png")
        phone = _open(browser, address, phone=True)
        _converse(phone, QUESTIONS)
        phone.screenshot(path=FOLDER / "chat-phone.png")
        browser.close()
    for picture in FOLDER.glob("chat-*.png"):
        shrink(picture)


def _open(browser: Browser, address: str, *, phone: bool) -> Page:
    width, height = (390, 844) if phone else (1280, 860)
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        is_mobile=phone,
        has_touch=phone,
        device_scale_factor=2 if phone else 1,
        color_scheme="light",
        locale="ja-JP",
    )
    page = context.new_page()
    enter(page)
    refuse_the_night(page)
    return page


def _converse(page: Page, questions: tuple[str, ...]) -> None:
    for question in questions:
        say(page, question)
    page.get_by_role("button", name="別の返事をもらう").last.click()
    expect(page.locator(".variant-place")).to_have_text("2/2")
    expect(page.locator(".reply").last).to_have_attribute("data-status", "done", timeout=60_000)
    page.get_by_role("button", name="手がかり").last.click()
    page.mouse.move(2, 2)
    page.wait_for_timeout(CALM_MS)


def shrink(picture: Path) -> None:
    """Drop the last bit of each colour, which no eye sees and which costs a quarter."""
    with Image.open(picture) as image:
        small = ImageOps.posterize(image.convert("RGB"), 7)
    small.save(picture, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address", help="such as http://127.0.0.1:7860")
    take(parser.parse_args().address)


if __name__ == "__main__":
    main()
