"""The restyling page in a real browser: cut-outs, the brush, garments to press, colors, phones."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from shared.ui.sample_images import sample_images
from tests.browser.steps import download, grid_images, grid_names, open_tab, paste_images

SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
TABS = {"Cut out": "cutout", "Change clothes": "clothes", "Wear theirs": "wear"}


@pytest.fixture(scope="module")
def person_path(tmp_path_factory):
    """Path of a small photo of a person."""
    path = tmp_path_factory.mktemp("person") / "astronaut.jpg"
    Image.open(sample_images()["astronaut"]).resize((320, 320)).save(path, quality=92)
    return path


def upload(page: Page, tab: str, path, number: int = 0) -> None:
    """Put a photo into an input of a tab."""
    page.locator(f"#{tab} input[type=file]").nth(number).set_input_files(path)


def wait_for_result(page: Page, tab: str, previous: str = "") -> str:
    """Wait until the slider shows another result than before, and return its address."""
    page.wait_for_function(
        "([tab, previous]) => { const images = [...document.querySelectorAll(`#${tab} .is-slider img`)];"
        " return images.length >= 2 && images.every(image => image.complete && image.naturalWidth)"
        " && images.at(-1).src !== previous }",
        arg=[tab, previous],
    )
    return page.locator(f"#{tab} .is-slider img").last.get_attribute("src")


def download_file(page: Page, tab: str, name: str) -> tuple[str, Image.Image]:
    """Download a result of a tab; return its name and the image."""
    panel = page.locator(f"#{tab}")
    control = panel.get_by_role("button", name=name).or_(panel.get_by_role("link", name=name))
    file_name, path = download(page, control.first)
    return file_name, Image.open(path)


def drag(page: Page, canvas: Locator, *places: tuple[float, float]) -> None:
    """Draw with the mouse over places in fractions of a canvas."""
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    points = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


@pytest.mark.parametrize("size", SIZES)
def test_a_photo_is_cut_out_without_a_click(visit, cat_path, size):
    width, height = SIZES[size]
    page = visit("/restyle", width=width, height=height)
    upload(page, "cutout", cat_path)
    wait_for_result(page, "cutout")
    expect(page.get_by_text("240 × 160 pixels")).to_be_visible()
    name, cutout = download_file(page, "cutout", "Download PNG")
    assert name == "cat-cut-out.png"
    assert (cutout.mode, cutout.size) == ("RGBA", (240, 160))
    assert cutout.getchannel("A").getextrema()[1] == 255
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_outline_is_corrected_with_the_mouse(visit, cat_path):
    page = visit("/restyle")
    upload(page, "cutout", cat_path)
    first = wait_for_result(page, "cutout")
    before = np.asarray(download_file(page, "cutout", "Download mask")[1], int)
    page.locator("#cutout .is-area summary").click()
    editor = page.locator("#cutout .is-area")
    editor.get_by_role("button", name="Erase").click()
    drag(page, editor.locator("canvas"), (0.45, 0.5), (0.6, 0.55), (0.5, 0.7))
    second = wait_for_result(page, "cutout", first)
    erased = np.asarray(download_file(page, "cutout", "Download mask")[1], int)
    assert erased[80, 110] == 0
    assert (erased <= before).all()
    assert np.array_equal(erased[:20], before[:20])
    editor.get_by_role("button", name="Undo").click()
    wait_for_result(page, "cutout", second)
    assert np.array_equal(np.asarray(download_file(page, "cutout", "Download mask")[1], int), before)


def test_another_background_keeps_the_cut_out(visit, cat_path):
    page = visit("/restyle")
    upload(page, "cutout", cat_path)
    first = wait_for_result(page, "cutout")
    page.locator("#cutout").get_by_role("radio", name="A color").check()
    wait_for_result(page, "cutout", first)
    assert download_file(page, "cutout", "Download PNG")[1].mode == "RGB"


def test_a_photo_goes_along_to_other_tabs(visit, person_path, cat_path):
    page = visit("/restyle")
    upload(page, "cutout", person_path)
    wait_for_result(page, "cutout")
    open_tab(page, "Change clothes")
    wait_for_result(page, "clothes")
    open_tab(page, "Wear theirs")
    who, wears = (page.locator("#wear .image-container").nth(number) for number in (0, 1))
    expect(who.locator("img")).to_have_attribute("src", re.compile("astronaut"))
    expect(wears.locator("img")).to_have_count(0)
    open_tab(page, "Cut out")
    page.locator("#cutout").get_by_role("button", name="Remove Image").or_(
        page.locator("#cutout").get_by_role("button", name="Clear")
    ).first.click()
    upload(page, "cutout", cat_path)
    wait_for_result(page, "cutout")
    open_tab(page, "Wear theirs")
    page.wait_for_timeout(1000)
    expect(who.locator("img")).to_have_attribute("src", re.compile("astronaut"))  # each tab keeps its own


@pytest.mark.parametrize("size", SIZES)
def test_a_garment_gets_another_color(visit, person_path, size):
    width, height = SIZES[size]
    page = visit("/restyle", width=width, height=height)
    open_tab(page, "Change clothes")
    upload(page, "clothes", person_path)
    first = wait_for_result(page, "clothes")
    expect(page.locator("#clothes .is-chips button[aria-pressed=true]").first).to_be_visible()
    page.locator("#clothes .is-swatches button[title=Red]").click()
    second = wait_for_result(page, "clothes", first)
    name, red = download_file(page, "clothes", "Download PNG")
    assert name == "astronaut-color.png"
    page.locator("#clothes .is-swatches button[title=Navy]").click()
    wait_for_result(page, "clothes", second)
    navy = download_file(page, "clothes", "Download PNG")[1]
    assert red.size == navy.size == (320, 320)
    assert np.abs(np.asarray(red, int) - np.asarray(navy, int)).max() > 30
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#clothes .is-history img").count() >= 2


def test_patterns_and_their_settings_are_shown_when_chosen(visit, person_path):
    page = visit("/restyle")
    open_tab(page, "Change clothes")
    upload(page, "clothes", person_path)
    first = wait_for_result(page, "clothes")
    expect(page.locator("#clothes [data-name=gingham]")).to_be_hidden()
    page.locator("#clothes").get_by_role("radio", name="Pattern", exact=True).check()
    second = wait_for_result(page, "clothes", first)
    page.locator("#clothes [data-name=gingham]").click()
    wait_for_result(page, "clothes", second)


def test_a_result_can_be_changed_again(visit, person_path):
    page = visit("/restyle")
    open_tab(page, "Change clothes")
    upload(page, "clothes", person_path)
    first = wait_for_result(page, "clothes")
    page.get_by_role("button", name="Go on with this result").click()
    wait_for_result(page, "clothes", first)
    expect(page.locator("#clothes .is-picker").first).to_be_visible()


def test_one_person_wears_the_clothes_of_another(visit, person_path):
    page = visit("/restyle")
    open_tab(page, "Wear theirs")
    upload(page, "wear", person_path)
    expect(page.get_by_text("Now choose the photo “Wears what”.")).to_be_visible()
    upload(page, "wear", sample_images()["astronaut"], number=-1)
    wait_for_result(page, "wear")
    assert page.locator("#wear .is-variants img").count() >= 2


def test_a_second_paste_fills_the_empty_input(visit, person_path):
    page = visit("/restyle")
    open_tab(page, "Wear theirs")
    shown = page.locator("#wear .is-pair .image-frame img")
    page.wait_for_timeout(1000)  # scripts follow the page
    for count in (1, 2):
        paste_images(page, person_path)
        expect(shown).to_have_count(count)


@pytest.mark.parametrize("tab", ["Cut out", "Change clothes"])
def test_the_result_scrolls_into_view_on_a_phone(visit, person_path, tab):
    page = visit("/restyle", width=390, height=844)
    if tab != "Cut out":
        open_tab(page, tab)
    slider = page.locator(f"#{TABS[tab]} .is-slider")
    expect(slider).not_to_be_in_viewport(ratio=0.9)
    page.wait_for_timeout(1000)  # scripts follow the page
    upload(page, TABS[tab], person_path)
    expect(slider).to_be_in_viewport(ratio=0.9)


def test_a_choice_in_an_earlier_photo_is_dropped(visit, person_path, cat_path):
    page = visit("/restyle")
    open_tab(page, "Change clothes")
    upload(page, "clothes", cat_path)
    first = wait_for_result(page, "clothes")
    page.locator("#clothes .is-swatches button[title=Red]").click()
    second = wait_for_result(page, "clothes", first)
    upload(page, "clothes", person_path)
    wait_for_result(page, "clothes", second)
    page.wait_for_timeout(2000)  # for the event that follows the new choice
    expect(page.get_by_text("Something went wrong")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
def test_similar_outfits_are_found_at_one_click(visit, size):
    width, height = SIZES[size]
    page = visit("/restyle", width=width, height=height)
    open_tab(page, "Similar outfits")
    expect(grid_images(page, "similar").first).to_be_visible()  # people of the sample gallery, to press
    page.locator("#similar .is-examples button").first.click()
    expect(page.get_by_text("left out, because we see nobody there")).to_be_visible()
    assert "astronaut" not in grid_names(page, "similar")  # the photo itself
    chosen = page.locator("#similar .is-chips button[aria-pressed=true]")
    expect(chosen).to_have_count(1)
    page.locator("#similar .is-chips button").filter(has_text="Whole outfit").click()
    expect(chosen).to_have_count(2)
    expect(grid_images(page, "similar").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_picture_of_the_gallery_is_searched_without_itself(visit):
    page = visit("/restyle")
    open_tab(page, "Similar outfits")
    grid_images(page, "similar").first.wait_for()
    first = grid_names(page, "similar")[0]
    page.locator("#similar .is-tiles figure button").first.click()
    expect(page.locator("#similar .is-picker")).to_be_visible()
    expect(page.get_by_text("left out, because we see nobody there")).to_be_visible()
    assert first not in grid_names(page, "similar")


def test_photos_of_people_are_added_to_the_gallery(visit, person_path):
    page = visit("/restyle")
    open_tab(page, "Gallery")
    page.get_by_role("button", name="Remove all").click()
    page.locator(".is-question").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No pictures: add some above.")).to_be_visible()
    page.locator("#gallery input[type=file]").first.set_input_files(person_path)
    expect(page.get_by_text("Added 1 picture.")).to_be_visible()
    open_tab(page, "Similar outfits")
    expect(grid_images(page, "similar")).to_have_count(1)


def test_nobody_in_a_photo_has_similar_outfits(visit, cat_path):
    page = visit("/restyle")
    open_tab(page, "Similar outfits")
    upload(page, "similar", cat_path)
    expect(page.locator("#similar").get_by_text("nobody in this photo").first).to_be_visible()


def test_a_file_that_is_no_picture_is_explained(visit, tmp_path):
    path = tmp_path / "bad.png"
    path.write_text("no picture")
    page = visit("/restyle")
    upload(page, "cutout", path)
    expect(page.get_by_text("not a picture").first).to_be_visible()


@pytest.mark.parametrize("tab", TABS)
def test_phones_need_no_scrolling_sideways(visit, tab):
    page = visit("/restyle", width=390, height=844)
    if tab != "Cut out":
        open_tab(page, tab)
    expect(page.locator(f"#{TABS[tab]} .is-slider")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
