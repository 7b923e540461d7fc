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
