"""A running chat site with a fake model, and how a visitor uses its page; for browser tests."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

CHROMIUM = os.environ.get("YOGEIKO_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 180
REPLY_MS = 30_000


@dataclass(frozen=True)
class Site:
    """A running server: `address` without a final slash, `home` its data folder."""

    address: str
    home: Path


@contextmanager
def running_site(home: Path, module: str = "tests.fake_server") -> Iterator[Site]:
    """Serve the real application with a fake model on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", module, "--port", str(port)]
    command += ["--home", str(home), "--token-seconds", "0.08", "--load-seconds", "0"]
    server = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _model_state(address) == "ready")
        yield Site(address=address, home=home)
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until it is so. Raises TimeoutError."""
    until = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not so after {START_SECONDS} seconds")
        time.sleep(0.2)


def _model_state(address: str) -> str:
    try:
        with urllib.request.urlopen(f"{address}/healthz") as answer:
            return str(json.load(answer)["model"])
    except OSError:
        return "absent"


def enter(page: Page) -> None:
    """Open the page and wait until it is drawn."""
    page.goto("/chat/")
    expect(page.locator(".page")).to_be_visible(timeout=30_000)


def field(page: Page) -> Locator:
    """Where the visitor writes."""
    return page.get_by_role("textbox", name="絢音への言葉")


def replies(page: Page, status: str = "done") -> Locator:
    """The replies in one state."""
    return page.locator(f".reply[data-status={status}]")


def say(page: Page, text: str) -> None:
    """Say `text` and wait for the whole reply."""
    before = replies(page).count()
    field(page).fill(text)
    page.get_by_role("button", name="送る").click()
    expect(page.locator(".own-text").last).to_have_text(text)
    expect(replies(page)).to_have_count(before + 1, timeout=REPLY_MS)


def regenerate(page: Page, expected: str) -> None:
    """Ask for another variant of the first reply; `expected` is its place, such as 2/2."""
    page.get_by_role("button", name="別の返事をもらう").first.click()
    expect(page.locator(".variant-place").first).to_have_text(expected)
    expect(page.locator(".reply").first).to_have_attribute("data-status", "done", timeout=REPLY_MS)


def api(page: Page, path: str) -> dict[str, object]:
    """What the API answers this visitor."""
    answer: dict[str, object] = page.context.request.get(path).json()
    return answer


def open_menu(page: Page) -> None:
    """Open the menu of the first conversation."""
    page.locator(".talk-more").first.click()
    expect(page.locator(".talk-menu")).to_be_visible()


def refuse_the_night(page: Page) -> None:
    """Answer the first-visit notice with no."""
    page.get_by_role("button", name="使わない").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
