"""The recognition page in a real browser, with the steps of a visitor."""

import csv
import re
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from shared.ui.sample_images import sample_images
from tests.browser.steps import download, paste_images, remove_image, upload_image

# The component changes its height when its images are loaded.
LOADED = """() => [...document.querySelectorAll('.is-regions .image-container img')].every(
    image => image.complete && image.naturalWidth
)"""
# Point of the first region that is nearest to the image's center, as fractions of the image's size.
REGION_POINT = """() => {
    const mask = document.querySelector('.is-regions img.mask'), canvas = document.createElement('canvas');
    const [width, height] = [canvas.width, canvas.height] = [mask.naturalWidth, mask.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(mask, 0, 0);
    const {data} = context.getImageData(0, 0, width, height);
    let best = [Infinity];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const distance = Math.hypot(x - width / 2, y - height / 2);
        if (data[4 * (y * width + x) + 3] && distance < best[0]) best = [distance, x, y];
    }
    return [(best[1] + 0.5) / width, (best[2] + 0.5) / height];
}"""


def open_tab(page: Page, name: str) -> None:
    """Open a tab, which on a narrow screen may be in the overflow menu."""
    page.get_by_role("tab", name="What", exact=True).locator("visible=true").wait_for()
    tab = page.get_by_role("tab", name=name, exact=True).locator("visible=true")
    if not tab.count():
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def heat(page: Page) -> str:
    """Wait until photo and heat map are loaded; return the address of the heat map."""
    page.wait_for_function(
        "() => { const images = [...document.querySelectorAll('#why .is-slider img')];"
        " return images.length >= 2 && images.every(image => image.complete && image.naturalWidth) }"
    )
    return page.locator("#why .is-slider img").last.get_attribute("src")


@pytest.mark.parametrize(("width", "height", "theme"), [(1400, 900, "light"), (390, 844, "dark")])
def test_all_tabs_fit(visit, cat_path, width, height, theme):
    page = visit("/recognition", width=width, height=height, theme=theme)
    expect(page.get_by_text("the answers appear here")).to_be_visible()
    upload_image(page, cat_path)
    expect(page.locator("#what")).to_contain_text("cat")
    expect(page.locator("#what")).to_contain_text("240 × 160 pixels")
    contents = {
        "Where": "#where .is-bars dt",
        "Why": "#why .is-bars dt",
        "Compare": "#compare .output-class",
        "Several photos": ".is-files",
    }
    for tab, selector in contents.items():
        open_tab(page, tab)
        expect(page.locator(selector).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    expect(page.get_by_text("Fusion that matters")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_only_the_open_tab_is_filled(visit, server, cat_path):
    def calls(name):
        with server.http() as http:
            text = http.get("/metrics").text
        line = rf'image_spaces_requests_total\{{endpoint="recognition/{name}",.*?\}} (\S+)'
        return sum(float(value) for value in re.findall(line, text))

    page = visit("/recognition")
    endpoints = ("show_classes", "show_regions", "show_explanation", "compare")
    before = {name: calls(name) for name in endpoints}
    upload_image(page, cat_path)
    expect(page.locator("#what")).to_contain_text("240 × 160 pixels")
    open_tab(page, "Where")
    expect(page.locator("#where")).to_contain_text("240 × 160 pixels")
    open_tab(page, "What")
    open_tab(page, "Where")  # still filled
    page.wait_for_timeout(1000)
    after = {name: calls(name) - count for name, count in before.items()}
    assert after == dict(zip(endpoints, (1, 1, 0, 0), strict=True))


def test_a_click_on_a_region_cuts_it_out(visit, cat_path):
    page = visit("/recognition")
    upload_image(page, cat_path)
    open_tab(page, "Where")
    expect(page.locator("#where .is-bars dt").first).to_be_visible()
    image = page.locator(".is-regions img.base-image")
    page.wait_for_function(LOADED)
    page.wait_for_function("() => Boolean(document.querySelector('.is-regions .image-container').onclick)")
    box = image.bounding_box()
    x, y = page.evaluate(REGION_POINT)
    image.click(position={"x": x * box["width"], "y": y * box["height"]}, force=True)
    label = page.locator(".is-regions .legend-item").first.inner_text().strip()
    expect(page.locator(".is-cutout")).to_contain_text(label)
    page.wait_for_function("document.querySelector('.is-cutout img')?.naturalWidth > 0")

    button = page.get_by_role("button", name="Download cut-out")
    name, path = download(page, button.or_(page.get_by_role("link", name="Download cut-out")).first)
    assert name == f"cat-{label}.png"
    cutout = Image.open(path)
    assert cutout.mode == "RGBA"
    assert cutout.width <= 240
    assert cutout.getchannel("A").getextrema()[1] == 255

    names: list[str] = []
    page.on("download", lambda file: names.append(file.suggested_filename))
    name, path = download(page, page.get_by_role("button", name="All masks and cut-outs as ZIP"))
    assert name == "cat-regions.zip"
    page.wait_for_timeout(1000)
    assert names == [name]  # one click, one file
    with zipfile.ZipFile(path) as archive:
        assert {"classes.png", "regions.json", f"{label.replace(' ', '-')}-mask.png"} <= set(
            archive.namelist()
        )

    page.locator(".is-examples .gallery-item").first.click()  # another photo, nothing of it is cut out yet
    expect(page.locator("#where")).to_contain_text("600 × 400 pixels")
    expect(page.locator(".is-cutout")).to_be_hidden()


def test_explanation_of_a_chosen_class_and_of_a_new_photo(visit, cat_path):
    page = visit("/recognition")
    upload_image(page, cat_path)
    expect(page.locator("#what")).to_contain_text("240 × 160 pixels")
    open_tab(page, "Why")
    first = heat(page)
    menu = page.get_by_role("combobox", name="Class", exact=True)
    likeliest = menu.input_value()
    assert re.fullmatch(r".+ \(\d+\.\d%\)", likeliest)
    names = page.locator("#why .is-bars dt").all_inner_texts()
    assert names == ["textures", "patterns", "parts", "objects", "bias"]

    menu.click()
    page.wait_for_function("document.activeElement.selectionStart < document.activeElement.selectionEnd")
    menu.press_sequentially("fountain pen")  # in place of what is selected
    page.get_by_role("option", name="fountain pen").click()
    expect(page.locator("#why figcaption")).to_contain_text("fountain pen")
    second = heat(page)
    assert second != first
    page.get_by_label("Occlusion").click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('#why .is-slider img')].at(-1).src != before",
        arg=second,
        timeout=180_000,  # 50 passes of the network
    )

    page.locator(".is-examples .gallery-item").first.click()
    expect(page.locator("#why figcaption")).not_to_contain_text("fountain pen")
    assert menu.input_value() != likeliest


def test_compare_two_classifiers(visit, cat_path):
    page = visit("/recognition")
    upload_image(page, cat_path)
    open_tab(page, "Compare")
    expect(page.locator(".is-compare .output-class")).to_have_count(2)
    expect(page.locator(".is-compare")).to_contain_text("CFN")
    expect(page.locator(".is-compare")).to_contain_text("Plain network")


def test_several_photos_become_a_table(visit, cat_path, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = visit("/recognition")
    open_tab(page, "Several photos")
    page.locator(".is-files input[type=file]").set_input_files([cat_path, bad])
    expect(page.locator(".is-files tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Recognize all of them").click()
    expect(page.get_by_text("Skipped: This file is not a picture")).to_be_visible()
    _, path = download(page, page.locator(".is-zip a").first)
    with zipfile.ZipFile(path) as archive:
        table = archive.read("recognition.csv").decode("utf-8-sig").splitlines()
    assert [row["file"] for row in csv.DictReader(table)] == ["cat.jpg", "bad.png"]


def test_a_bad_file_gets_one_sentence(visit, cat_path, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = visit("/recognition")
    upload_image(page, bad)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    remove_image(page)
    upload_image(page, cat_path)  # the page still works
    expect(page.locator("#what")).to_contain_text("240 × 160 pixels")


def test_a_pasted_photo_is_explained_by_its_own_class(visit, cat_path, tmp_path):
    page = visit("/recognition")
    upload_image(page, cat_path)
    expect(page.locator("#what")).to_contain_text("240 × 160 pixels")
    open_tab(page, "Why")
    heat(page)
    menu = page.get_by_role("combobox", name="Class", exact=True)
    menu.click()
    page.wait_for_function("document.activeElement.selectionStart < document.activeElement.selectionEnd")
    menu.press_sequentially("kitten")
    menu.press("Enter")
    expect(page.locator("#why figcaption")).to_contain_text("cat")
    page.get_by_role("heading", name="Recognition").first.click()
    with Image.open(sample_images()["coffee"]) as coffee:
        coffee.convert("RGB").save(tmp_path / "coffee.jpg")
    paste_images(page, tmp_path / "coffee.jpg")
    expect(page.locator("#why figcaption")).not_to_contain_text("cat", timeout=20_000)
    assert "cat" not in menu.input_value()


def test_report_of_several_photos_shows_each(visit, cat_path):
    page = visit("/recognition")
    open_tab(page, "Several photos")
    page.get_by_role("button", name="Recognize all of them").click()
    expect(page.get_by_text("Please choose one or more pictures first.")).to_be_visible()
    page.locator(".is-files input[type=file]").set_input_files([cat_path])
    expect(page.locator(".is-files tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Recognize all of them").click()
    expect(page.locator(".is-photos li")).to_contain_text("% sure")
    page.wait_for_function("document.querySelector('.is-photos img')?.naturalWidth === 240")
