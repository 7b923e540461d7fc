"""Steps of a visitor that tests of several pages share."""

import base64
from pathlib import Path

from playwright.sync_api import Locator, Page

PASTE = """([contents, target]) => {
    const clipboardData = new DataTransfer();
    contents.forEach(([name, base64]) => {
        const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
        clipboardData.items.add(new File([bytes], name, {type: "image/jpeg"}));
    });
    const event = new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true});
    document.querySelector(target).dispatchEvent(event);
}"""


def upload_image(page: Page, path: Path) -> None:
    """Upload an image."""
    page.locator("input[type=file]").first.set_input_files(path)


def paste_images(page: Page, *paths: Path, target: str = "body") -> None:
    """Paste images as a browser does after Ctrl+V."""
    contents = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(PASTE, [contents, target])


def remove_image(page: Page) -> None:
    """Remove the uploaded image."""
    page.get_by_role("button", name="Clear").or_(
        page.get_by_role("button", name="Remove Image")
    ).first.click()


def download(page: Page, control: Locator) -> tuple[str, Path]:
    """Click on a download and return its suggested file name and its path."""
    with page.expect_download() as download_info:
        control.click()
    return download_info.value.suggested_filename, Path(download_info.value.path())


def grid_images(page: Page, tab: str = "matches") -> Locator:
    """Return the images of a grid."""
    return page.locator(f"#{tab} .is-tiles figure")


def grid_names(page: Page, tab: str = "matches") -> list[str]:
    """Return the names of a grid's images."""
    return page.locator(f"#{tab} .is-tiles img").evaluate_all("images => images.map(image => image.alt)")


def open_tab(page: Page, name: str) -> None:
    """Open a tab by its title; on a narrow page it may be in the menu of further tabs."""
    tab = page.get_by_role("tab", name=name, exact=True).locator("visible=true")
    menu = page.locator(".overflow-menu > button").locator("visible=true")
    tab.or_(menu).first.wait_for()
    if tab.count():
        tab.click()
        return
    menu.click()
    page.locator(".overflow-dropdown button").filter(has_text=name).click()
