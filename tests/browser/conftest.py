"""A real Chromium: the system's, or Playwright's."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

TIMEOUT = 60_000  # milliseconds, for machines that run other programs as well
# As root, as in a container, Chromium starts only without its sandbox.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
LOCAL = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def find_chromium(playwright: Playwright) -> str | None:
    """Return the path of the system's Chromium, else of Playwright's, else None."""
    candidates = [
        shutil.which("chromium"),
        shutil.which("chromium-browser"),
        playwright.chromium.executable_path,
    ]
    return next((path for path in candidates if path and Path(path).is_file()), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests. Without one they skip, or fail with IMAGE_SPACES_REQUIRE_BROWSER=1."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            stop = pytest.fail if os.environ.get("IMAGE_SPACES_REQUIRE_BROWSER") == "1" else pytest.skip
            stop("Chromium is missing: apt-get install chromium, or playwright install chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        expect.set_options(timeout=TIMEOUT)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server) -> Iterator[Callable[..., Page]]:
    """Open pages; at the end, no page may have had an error or sent a request to another machine."""
    faults, contexts = [], []

    def open_page(
        path: str = "/edges", *, width: int = 1400, height: int = 900, theme: str = "light"
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error on the page: {error}"))
        page.on("request", lambda request: check_address(request.url))
        page.goto(f"{server.url}{path}?__theme={theme}")
        page.locator(".is-header h1").wait_for()
        return page

    def check_address(url: str) -> None:
        if not url.startswith(LOCAL):
            faults.append(f"request to {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert not faults
