"""Make the README's images from the real pages: start the suite, use it in Chromium, take screenshots.

python tests/screenshots.py [folder]
"""

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from PIL import Image
from playwright.sync_api import Page, sync_playwright

TESTS = Path(__file__).resolve().parent
FOLDER = TESTS.parent / "docs" / "images"


def load(path: str) -> ModuleType:
    """Import a module of the tests by its path."""
    name = path.replace("/", "_").removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, TESTS / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def show_home(page: Page) -> None:
    """Wait for the images of all cards."""
    page.wait_for_function(
        "[...document.querySelectorAll('.is-cards img')].every(image => image.naturalWidth)"
    )


def show_edges(page: Page) -> None:
    """Find the edges of the sample photo of a pagoda."""
    page.locator(".is-examples .gallery-item").nth(1).click()
    page.wait_for_function(
        "() => { const images = [...document.querySelectorAll('.is-slider img')];"
        " return images.length >= 2 && images.every(image => image.naturalWidth) }"
    )


def show_recognition(page: Page) -> None:
    """Segment the sample photo of a cat."""
    page.get_by_role("tab", name="Where", exact=True).locator("visible=true").click()
    page.locator(".is-examples .gallery-item").nth(2).click()
    page.locator("#where .is-bars dt").first.wait_for()


def show_retrieval(page: Page) -> None:
    """Search with the sample photo of a motorcycle, and explain the second hit."""
    page.locator(".is-examples .gallery-item").nth(3).click()
    page.locator("#matches .is-tiles b").nth(1).wait_for()
    page.locator("#matches .is-tiles figcaption button").nth(1).click()
    page.locator(".is-why img").wait_for()


def show_crossmodal(page: Page) -> None:
    """Search with words, and explain the first hit."""
    page.get_by_label("Words", exact=True).fill("a man with a camera on a tripod")
    page.keyboard.press("Enter")
    page.locator("#matches .is-tiles b").first.wait_for()
    page.locator("#matches .is-tiles figcaption button").first.click()
    page.locator(".is-why img").wait_for()


def show_translation(page: Page) -> None:
    """Draw the sample photo of an astronaut with a pencil."""
    page.locator(".is-large-choices [data-name=draw]").click()
    page.locator(".is-examples .gallery-item").locator("visible=true").nth(6).click()
    page.wait_for_function(
        "() => { const images = [...document.querySelectorAll('.is-slider img')];"
        " return images.length >= 2 && images.every(image => image.naturalWidth) }"
    )


def show_restyle(page: Page) -> None:
    """Give the suit of the sample photo of an astronaut another color."""
    page.get_by_role("tab", name="Change clothes", exact=True).locator("visible=true").click()
    page.locator("#clothes .is-examples .gallery-item").first.click()
    page.wait_for_function(
        "() => { const images = [...document.querySelectorAll('#clothes .is-slider img')];"
        " return images.length >= 2 && images.every(image => image.naturalWidth) }"
    )


#: Steps on each page, by its path; the screenshot has the path's name.
STEPS: dict[str, Callable[[Page], None]] = {
    "/": show_home,
    "/edges": show_edges,
    "/recognition": show_recognition,
    "/retrieval": show_retrieval,
    "/crossmodal": show_crossmodal,
    "/translation": show_translation,
    "/restyle": show_restyle,
}


def reduce_colors(path: Path) -> int:
    """Reduce a PNG to 256 colors, which takes a third of the bytes, and return their number.

    White stays white.
    """
    image = Image.open(path).convert("RGB")
    palette = image.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    image.quantize(palette=palette).save(path, optimize=True)
    return path.stat().st_size


def main() -> None:
    """Save one screenshot per page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server, browsers = load("conftest.py").start(Path(temporary)), load("browser/conftest.py")
        try:
            browser = playwright.chromium.launch(
                executable_path=browsers.find_chromium(playwright), args=browsers.ARGUMENTS
            )
            for path, use_page in STEPS.items():
                page = browser.new_page(viewport={"width": 1280, "height": 980})
                page.set_default_timeout(120_000)
                page.goto(server.url + path)
                page.locator(".is-header h1").wait_for()
                use_page(page)
                page.wait_for_timeout(1500)
                target = folder / f"{path.strip('/') or 'home'}.png"
                page.screenshot(path=target)
                print(target, reduce_colors(target))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
