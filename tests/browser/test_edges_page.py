"""What a visitor does on the edges page, in a real browser."""

import base64
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.steps import remove_image, upload_image

# The color of the subdued text below the title, and that of the first ground behind it.
COLORS = """() => {
    const text = document.querySelector('.is-header p');
    let ground = text;
    while (getComputedStyle(ground).backgroundColor == 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    return [getComputedStyle(text).color, getComputedStyle(ground).backgroundColor];
}"""
COPY = """async data => {
    const blob = await (await fetch(data)).blob();
    await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}


def result(page: Page) -> None:
    """Wait until the slider shows before and after."""
    page.wait_for_function(
        "() => { const found = [...document.querySelectorAll('.is-slider img')];"
        " return found.length >= 2 && found.every(image => image.complete && image.naturalWidth) }"
    )


def use_canny(page: Page) -> None:
    page.get_by_label("Engine", exact=True).click()
    page.get_by_role("option", name="Canny").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/edges"])
def test_pages_fit_and_use_the_right_fonts(visit, path, size, theme):
    width, height = SIZES[size]
    page = visit(path, width=width, height=height, theme=theme)
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (theme == "dark")
    fonts = page.evaluate(
        "[...document.fonts].filter(font => font.status == 'loaded').map(font => font.family)"
    )
    assert any("IBM Plex Sans" in font for font in fonts)
    assert "IBM Plex Sans" in page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
    text, back = page.evaluate(COLORS)
    assert contrast(text, back) > 4.5


def contrast(one: str, other: str) -> float:
    """Contrast of two CSS colors as WCAG defines it; 4.5 is enough for any text."""

    def luminance(color):
        parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_home_leads_to_the_page(visit):
    page = visit("/")
    card = page.locator(".is-cards a[href=edges]")
    page.wait_for_function("document.querySelector('.is-cards a[href=edges] img')?.naturalWidth > 0")
    card.click()
    expect(page.get_by_role("heading", name="Edges")).to_be_visible()
    expect(page.get_by_role("button", name="Find edges", exact=True)).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_upload_shows_the_result_without_a_click(visit, photo, size):
    width, height = SIZES[size]
    page = visit(width=width, height=height)
    use_canny(page)
    upload_image(page, photo)
    result(page)
    expect(page.get_by_text("240 × 160 pixels")).to_be_visible()
    expect(page.locator(".is-thumbnails .thumbnail-item")).to_have_count(5)


def test_sample_photo_and_downloads(visit):
    page = visit()
    use_canny(page)
    page.locator(".is-examples .gallery-item").first.click()
    result(page)
    for name, start in {"PNG": b"\x89PNG", "SVG": b"<svg"}.items():
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Download {name}").or_(
                page.get_by_role("link", name=f"Download {name}")
            ).first.click()
        assert waiting.value.suggested_filename == f"coffee-edges.{name.lower()}"
        data = Path(waiting.value.path()).read_bytes()
        assert start in data[:200]


def test_settings_draw_again(visit, photo):
    page = visit()
    use_canny(page)
    upload_image(page, photo)
    result(page)
    before = page.locator(".is-slider img").last.get_attribute("src")
    page.get_by_role("button", name="Settings", exact=False).first.click()
    page.get_by_label("black on white").click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('.is-slider img')].at(-1).src != before", arg=before
    )


def test_compare_two_engines(visit, photo):
    page = visit()
    upload_image(page, photo)
    result(page)
    page.get_by_role("tab", name="Compare").click()
    pictures = page.locator(".is-compare img")
    expect(pictures).to_have_count(2)
    expect(page.locator(".is-compare")).to_contain_text("RDS")
    expect(page.locator(".is-compare")).to_contain_text("Canny")


def test_several_pictures_become_a_zip(visit, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = visit()
    use_canny(page)
    page.get_by_role("tab", name="Several pictures").click()
    page.locator(".is-files input[type=file]").set_input_files([photo, bad])
    expect(page.locator(".is-files tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Find edges in all of them").click()
    expect(page.get_by_text("Skipped: This file is not a picture")).to_be_visible()
    with page.expect_download() as waiting:
        page.locator(".is-zip a").first.click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.namelist() == ["cat.png", "cat.svg"]


def test_a_bad_file_gets_one_sentence(visit, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = visit()
    use_canny(page)
    upload_image(page, bad)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    remove_image(page)
    upload_image(page, photo)  # the page still works
    result(page)


def test_how_it_works(visit):
    page = visit()
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    expect(page.get_by_text("Learning Relaxed Deep Supervision for Better Edge Detection")).to_be_visible()


def test_paste(visit, tmp_path):
    """A picture from the clipboard."""
    page = visit()
    use_canny(page)
    Image.new("RGB", (30, 20), "navy").save(tmp_path / "small.png")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    data = base64.b64encode((tmp_path / "small.png").read_bytes()).decode()
    page.evaluate(COPY, f"data:image/png;base64,{data}")
    page.get_by_role("button", name="Paste from clipboard").first.click()
    expect(page.get_by_text("30 × 20 pixels")).to_be_visible()
