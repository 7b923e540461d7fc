"""Make the README's pictures from the real pages: start the suite, use it in Chromium, save what it shows.

python tests/screenshots.py [folder]
"""

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "pictures"


def load(path: str) -> ModuleType:
    """A module of the tests, by its path."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), HERE / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def edges(page: Page) -> None:
    """The edges page after a click on the second sample photo."""
    page.locator(".is-examples .gallery-item").nth(1).click()
    page.wait_for_function(
        "() => { const found = [...document.querySelectorAll('.is-slider img')];"
        " return found.length >= 2 && found.every(image => image.naturalWidth) }"
    )


def recognition(page: Page) -> None:
    """The recognition page after a click on the sample photo of a cat: where it is."""
    page.get_by_role("tab", name="Where", exact=True).locator("visible=true").click()
    page.locator(".is-examples .gallery-item").nth(2).click()
    page.locator("#where .is-bars dt").first.wait_for()


def retrieval(page: Page) -> None:
    """The retrieval page after a click on the sample photo of a motorcycle: why the other one was found."""
    page.locator(".is-examples .gallery-item").nth(3).click()
    page.locator("#matches .is-tiles b").nth(1).wait_for()
    page.locator("#matches .is-tiles figcaption button").nth(1).click()
    page.locator(".is-why img").wait_for()


def crossmodal(page: Page) -> None:
    """The page for cross-modal search after a search with words: why the first picture was found."""
    page.get_by_label("Words", exact=True).fill("a man with a camera on a tripod")
    page.keyboard.press("Enter")
    page.locator("#matches .is-tiles b").first.wait_for()
    page.locator("#matches .is-tiles figcaption button").first.click()
    page.locator(".is-why img").wait_for()


def home(page: Page) -> None:
    """The home page with all its cards."""
    page.wait_for_function(
        "[...document.querySelectorAll('.is-cards img')].every(image => image.naturalWidth)"
    )


def main() -> None:
    """Save one picture per page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        server, chromium = load("conftest.py").start(Path(temporary)), load("browser/conftest.py")
        try:
            path = chromium.find_chromium(playwright)
            browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
            uses = [home, edges, recognition, retrieval, crossmodal]
            for path, use in {"/" if one is home else f"/{one.__name__}": one for one in uses}.items():
                page = browser.new_page(viewport={"width": 1280, "height": 980})
                page.set_default_timeout(120_000)
                page.goto(server.url + path)
                page.locator(".is-header h1").wait_for()
                use(page)
                page.wait_for_timeout(1500)
                target = folder / f"{path.strip('/') or 'home'}.png"
                page.screenshot(path=target)
                print(target, reduce(target))
        finally:
            server.stop()


def reduce(path: Path) -> int:
    """Bring a PNG down to 256 colors, a third of its bytes, and return these. White stays white."""
    full = Image.open(path).convert("RGB")
    colors = full.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    full.quantize(palette=colors).save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    main()
