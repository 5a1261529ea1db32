"""Pictures of every screen of a running console, at two widths, or with --guide those of the guide:
python -m tests.app.console.console_screenshots ADDRESS FOLDER. The house is that of
tests.console_server with --reviews and --comparisons."""

import argparse
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.clock import utc_now
from tests.app.chat_screenshots import shrink
from tests.app.chat_site import CHROMIUM, FLAGS, Site
from tests.app.console.console_site import log_in, open_page

GUIDE = {
    "home": "#/home",
    "replies": "#/replies?sort=mean_down",
    "queue": "#/queue",
    "pairs": "#/pairs",
    "nights": "#/nights?date={yesterday}",
    "versions": "#/versions",
    "agreement": "#/agreement",
    "sheets": "#/sheets",
    "facts": "#/facts",
}
WIDTHS = {"desk": (1280, 860), "tablet": (820, 1180)}
CALM_MS = 700


def take(site: Site, folder: Path, schemes: tuple[str, ...]) -> list[Path]:
    """Write one picture a screen, width and colour scheme; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for scheme in schemes:
            for name in WIDTHS:
                taken += _walk(browser, site, folder, (name, scheme))
        browser.close()
    return taken


def take_guide(site: Site, folder: Path) -> None:
    """Write the pictures of docs/console.md."""
    yesterday = (utc_now() - timedelta(days=1)).date().isoformat()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, site, *WIDTHS["desk"])
        log_in(page)
        for name, address in GUIDE.items():
            page.goto(f"/console/{address.format(yesterday=yesterday)}")
            _settle(page)
            path = folder / f"console-{name}.png"
            page.screenshot(path=path)
            shrink(path)
        browser.close()


def _settle(page: Page) -> None:
    expect(page.locator(".state-loading")).to_have_count(0, timeout=30_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(CALM_MS)


def _walk(browser: Browser, site: Site, folder: Path, look: tuple[str, str]) -> list[Path]:
    name, scheme = look
    page = open_page(browser, site, *WIDTHS[name])
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    log_in(page)
    links = page.locator(".side-link").evaluate_all(
        "links => links.map((one) => one.getAttribute('href'))"
    )
    taken = []
    for link in links:
        page.goto(f"/console/{link}")
        _settle(page)
        path = folder / f"{link.removeprefix('#/')}-{name}-{scheme}.png"
        page.screenshot(path=path)
        taken.append(path)
    page.context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address", help="such as http://127.0.0.1:7860")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dark", action="store_true", help="in dark colours too")
    parser.add_argument("--guide", action="store_true", help="only the pictures of the guide")
    asked = parser.parse_args()
    site = Site(address=asked.address, home=Path())
    if asked.guide:
        take_guide(site, asked.folder)
        return
    schemes = ("light", "dark") if asked.dark else ("light",)
    take(site, asked.folder, schemes)


if __name__ == "__main__":
    main()
