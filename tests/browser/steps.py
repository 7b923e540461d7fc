"""What tests of several pages do with a photo."""

from pathlib import Path

from playwright.sync_api import Locator, Page


def choose(page: Page, file: Path) -> None:
    """Upload a photo."""
    page.locator("input[type=file]").first.set_input_files(file)


def take_away(page: Page) -> None:
    """Take the photo away again."""
    page.get_by_role("button", name="Clear").or_(
        page.get_by_role("button", name="Remove Image")
    ).first.click()


def download(page: Page, control: Locator) -> tuple[str, Path]:
    """Click on what offers a file; the name that it suggests, and where the file lies."""
    with page.expect_download() as waiting:
        control.click()
    return waiting.value.suggested_filename, Path(waiting.value.path())


def tiles(page: Page, tab: str = "matches") -> Locator:
    """The pictures of a grid."""
    return page.locator(f"#{tab} .is-tiles figure")


def names(page: Page, tab: str = "matches") -> list[str]:
    """Their names."""
    return page.locator(f"#{tab} .is-tiles img").evaluate_all("images => images.map(image => image.alt)")


def open_tab(page: Page, name: str) -> None:
    """Open a tab."""
    page.get_by_role("tab", name=name, exact=True).locator("visible=true").click()
