"""Properties of the pages of all spaces: pasted pictures, texts of images, drawings on a phone, errors."""

import pytest
from playwright.sync_api import expect

import app
from shared.ui.sample_images import sample_images
from tests.browser.steps import paste_images

#: Images with a file but no alternative text.
NAMELESS = """[...document.querySelectorAll("img")]
    .filter(image => image.src.includes("/file=") && !image.alt).map(image => image.src)"""
PASTED = "img[src*='lion-to-paste']"


@pytest.fixture
def picture(tmp_path):
    """A photo whose name is on no page."""
    path = tmp_path / "lion-to-paste.jpg"
    path.write_bytes(sample_images()["lion"].read_bytes())
    return path


@pytest.mark.parametrize("name", app.NAMES)
def test_a_pasted_picture_is_the_input_and_images_have_texts(visit, picture, name):
    page = visit(f"/{name}")
    page.locator("input[type=file]").first.wait_for(state="attached")
    page.wait_for_timeout(1000)  # scripts follow the page
    paste_images(page, picture)
    expect(page.locator(PASTED).first).to_be_visible()
    page.wait_for_function(f"() => !({NAMELESS}).length")


def test_a_folded_input_unfolds_for_a_pasted_picture(visit, picture):
    page = visit("/crossmodal")
    header = page.locator(".gr-accordion .label-wrap").filter(has_text="Picture")
    header.click()
    expect(page.locator("input[type=file]").first.locator("xpath=..")).to_be_hidden()
    page.wait_for_timeout(1000)  # scripts follow the page
    paste_images(page, picture)
    expect(page.locator(PASTED).first).to_be_visible()


@pytest.mark.parametrize("name", app.NAMES)
def test_a_drawing_scrolls_inside_its_box_on_a_phone(visit, name):
    page = visit(f"/{name}", width=390, height=844)
    page.get_by_role("button", name="How it works").click()
    figure = page.locator(".is-figure")
    expect(figure).to_be_visible()
    box = figure.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert figure.evaluate("box => box.scrollWidth > box.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_error_is_one_sentence(visit, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    page = visit("/recognition")
    page.locator("input[type=file]").first.set_input_files(bad)
    page.get_by_role("button", name="Recognize").click()
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    expect(page.locator("[data-testid=status-tracker] .error").locator("visible=true")).to_have_count(0)
