"""A running console with a made-up house, and how an operator enters it; for browser tests."""

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.app.chat_site import Site, wait_until
from tests.app.console.seed_console import ADMIN, PASSWORD

DRAWN_MS = 30_000


@contextmanager
def running_console(home: Path, *more: str) -> Iterator[Site]:
    """Serve the real application, seeded, with a fake model on a free loopback port; `more`: flags
    of `tests.console_server`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.console_server", "--port", str(port)]
    server = subprocess.Popen([*command, "--home", str(home), *more])
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(address))
        yield Site(address=address, home=home)
    finally:
        server.terminate()
        server.wait(timeout=20)


def open_page(browser: Browser, site: Site, width: int = 1280, height: int = 860) -> Page:
    """Return a new browser's page."""
    size = {"width": width, "height": height}
    context = browser.new_context(base_url=site.address, viewport=size, locale="ja-JP")
    return context.new_page()


def log_in(page: Page, name: str = ADMIN) -> None:
    """Come in by keyboard alone."""
    page.goto("/login")
    expect(page.get_by_label("名前")).to_be_focused(timeout=DRAWN_MS)
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".console")).to_be_visible(timeout=DRAWN_MS)


def go(page: Page, key: str, screen: str) -> None:
    """Go to a screen by its two keys."""
    page.keyboard.press("g")
    page.keyboard.press(key)
    expect(page.locator(f".screen-{screen}")).to_be_visible(timeout=DRAWN_MS)
    expect(page.locator(".state-loading")).to_have_count(0, timeout=DRAWN_MS)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz"):
            return True
    except OSError:
        return False
