"""The edges page in a real browser: upload, samples, settings, downloads, comparison, many photos."""

import base64
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.steps import download, open_tab, remove_image, upload_image

COPY = """async data => {
    const blob = await (await fetch(data)).blob();
    await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""
DROP = """async ([data, name]) => {
    const blob = await (await fetch("data:;base64," + data)).blob();
    const files = new DataTransfer();
    files.items.add(new File([blob], name));
    const target = document.querySelector(".block input[type=file]").parentElement;
    target.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files}));
}"""
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}


@pytest.fixture
def bad_path(tmp_path: Path) -> Path:
    """A file that is no image, with the name of one."""
    path = tmp_path / "bad.png"
    path.write_text("no picture")
    return path


def wait_for_result(page: Page) -> None:
    """Wait until the slider shows both images."""
    page.wait_for_function(
        "() => { const images = [...document.querySelectorAll('.is-slider img')];"
        " return images.length >= 2 && images.every(image => image.complete && image.naturalWidth) }"
    )


def use_canny(page: Page) -> None:
    """Choose the fastest engine."""
    page.get_by_label("Engine", exact=True).click()
    page.get_by_role("option", name="Canny").click()


def test_the_card_leads_to_the_page(visit):
    page = visit("/")
    page.locator(".is-cards a[href=edges]").click()
    expect(page.get_by_role("heading", name="Edges")).to_be_visible()
    expect(page.get_by_role("button", name="Find edges", exact=True)).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_shows_the_result_without_a_click(visit, cat_path, size):
    width, height = SIZES[size]
    page = visit(width=width, height=height)
    use_canny(page)
    upload_image(page, cat_path)
    wait_for_result(page)
    expect(page.get_by_text("240 × 160 pixels")).to_be_visible()
    expect(page.locator(".is-thumbnails .thumbnail-item")).to_have_count(5)


@pytest.mark.parametrize("name", ["photo", "photo.pic"])
def test_a_photo_is_known_by_its_content(visit, cat_path, tmp_path, name):
    page = visit()
    use_canny(page)
    path = tmp_path / name
    path.write_bytes(cat_path.read_bytes())
    upload_image(page, path)
    wait_for_result(page)
    remove_image(page)
    page.locator(".block input[type=file]").first.wait_for(state="attached")
    page.evaluate(DROP, [base64.b64encode(cat_path.read_bytes()).decode(), name])
    wait_for_result(page)


def test_files_that_are_refused_do_not_cost_the_others(visit, cat_path, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Several photos").click()
    for name in ("photo", "photo.pic", "cat.jpg"):
        (tmp_path / name).write_bytes(cat_path.read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(64 * 2**20 + 1)
    page.locator(".is-files input[type=file]").set_input_files(sorted(tmp_path.iterdir()))
    expect(page.get_by_text("large.jpg")).to_be_visible()
    expect(page.get_by_text("notes.txt")).to_be_visible()
    files = page.locator(".is-files .file-preview tr")
    expect(files).to_have_count(3)
    expect(files.first).to_be_visible()


def test_sample_photos_and_downloads(visit):
    page = visit()
    use_canny(page)
    page.locator(".is-examples .gallery-item").first.click()
    wait_for_result(page)
    for name, start in {"PNG": b"\x89PNG", "SVG": b"<svg"}.items():
        label = f"Download {name}"
        control = page.get_by_role("button", name=label).or_(page.get_by_role("link", name=label)).first
        file_name, path = download(page, control)
        assert file_name == f"coffee-edges.{name.lower()}"
        assert start in path.read_bytes()[:200]


def test_settings_change_the_result(visit, cat_path):
    page = visit()
    use_canny(page)
    upload_image(page, cat_path)
    wait_for_result(page)
    source = page.locator(".is-slider img").last.get_attribute("src")
    page.get_by_role("button", name="Settings", exact=False).first.click()
    page.get_by_label("black on white").click()
    page.wait_for_function(
        "source => [...document.querySelectorAll('.is-slider img')].at(-1).src != source", arg=source
    )


def test_a_threshold_that_no_line_reaches_is_explained(visit, tmp_path):
    page = visit()
    use_canny(page)
    Image.new("RGB", (300, 200), "navy").save(tmp_path / "plain.png")
    upload_image(page, tmp_path / "plain.png")
    wait_for_result(page)
    expect(page.get_by_text("The SVG file is empty. No line is as strong as").first).to_be_visible()
    page.get_by_role("button", name="Settings", exact=False).first.click()
    page.get_by_label("Thin lines").click()
    expect(page.get_by_text("lower the threshold in the settings").first).to_be_visible()


def test_the_button_asks_for_a_photo(visit):
    page = visit()
    page.get_by_role("button", name="Find edges", exact=True).click()
    expect(page.get_by_text("Please choose a photo first.")).to_be_visible()


@pytest.fixture
def large_path(cat_path: Path, tmp_path: Path) -> Path:
    """A photo of 12 megapixels."""
    path = tmp_path / "large.jpg"
    Image.open(cat_path).resize((4200, 2800)).save(path)
    return path


def test_a_large_photo_has_a_quick_view_then_its_full_size(visit, large_path):
    page = visit()
    use_canny(page)
    upload_image(page, large_path)
    wait_for_result(page)
    expect(page.get_by_text("This is a quick view; the full size of 4200 × 2800")).to_be_visible()
    expect(page.get_by_role("button", name="Download PNG")).to_be_disabled()
    expect(page.get_by_text("4200 × 2800 pixels, ")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    control = page.get_by_role("button", name="Download PNG").or_(
        page.get_by_role("link", name="Download PNG")
    )
    name, path = download(page, control.first)
    assert name == "large-edges.png"
    assert Image.open(path).size == (4200, 2800)


def test_the_full_size_can_be_stopped_and_begun_again(visit, large_path):
    page = visit()
    upload_image(page, large_path)
    page.get_by_role("button", name="Stop").click(timeout=60_000)
    expect(page.get_by_text("Stopped: this is the quick view.")).to_be_visible()
    wait_for_result(page)
    page.get_by_role("button", name="Full size").click()
    expect(page.get_by_text("still to come")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped: this is the quick view.")).to_be_visible()


def test_an_engine_is_not_compared_with_itself(visit, cat_path):
    page = visit()
    use_canny(page)
    upload_image(page, cat_path)
    wait_for_result(page)
    open_tab(page, "Compare")
    expect(page.get_by_text("choose another engine to compare with")).to_be_visible()


def test_two_engines_are_compared(visit, cat_path):
    page = visit()
    upload_image(page, cat_path)
    wait_for_result(page)
    open_tab(page, "Compare")
    expect(page.locator(".is-compare img")).to_have_count(2)
    expect(page.locator(".is-compare")).to_contain_text("RDS")
    expect(page.locator(".is-compare")).to_contain_text("Canny")


def test_many_photos_become_a_zip(visit, cat_path, bad_path):
    page = visit()
    use_canny(page)
    open_tab(page, "Several photos")
    page.locator(".is-files input[type=file]").set_input_files([cat_path, bad_path])
    expect(page.locator(".is-files tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Find edges in all of them").click()
    expect(page.get_by_text("Skipped: This file is not a picture")).to_be_visible()
    _, path = download(page, page.locator(".is-zip a").first)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["cat.png", "cat.svg"]


def test_a_bad_file_is_explained_and_the_page_still_works(visit, cat_path, bad_path):
    page = visit()
    use_canny(page)
    upload_image(page, bad_path)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    remove_image(page)
    upload_image(page, cat_path)
    wait_for_result(page)


def test_how_it_works(visit):
    page = visit()
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    expect(page.get_by_text("Learning Relaxed Deep Supervision for Better Edge Detection")).to_be_visible()
    expect(page.get_by_text("Measured: edges-rds")).to_be_visible()


def test_an_image_is_pasted_from_the_clipboard(visit, tmp_path):
    page = visit()
    use_canny(page)
    Image.new("RGB", (30, 20), "navy").save(tmp_path / "small.png")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    data = base64.b64encode((tmp_path / "small.png").read_bytes()).decode()
    page.evaluate(COPY, f"data:image/png;base64,{data}")
    page.get_by_role("button", name="Paste from clipboard").first.click()
    expect(page.get_by_text("30 × 20 pixels")).to_be_visible()


def test_the_result_scrolls_into_view_on_a_phone(visit, cat_path):
    page = visit("/edges", width=390, height=844)
    results = page.locator(".row > .column").nth(1)
    expect(results).not_to_be_in_viewport()
    upload_image(page, cat_path)
    expect(results).to_be_in_viewport()
    page = visit("/edges")
    upload_image(page, cat_path)
    page.wait_for_timeout(600)
    assert page.evaluate("scrollY") == 0  # the result lies next to the photo
