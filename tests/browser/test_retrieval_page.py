"""What a visitor does on the retrieval page, in a real browser."""

import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from shared.ui.sample_images import gallery_images, sample_images
from tests.browser.steps import download, grid_images, grid_names, open_tab, remove_image, upload_image

SAMPLES = len(gallery_images())


def add(page: Page, *files: Path) -> None:
    page.locator("#gallery .is-files input[type=file]").set_input_files(files)


def scores(page: Page) -> list[float]:
    return [float(text) for text in page.locator("#matches .is-tiles b").all_inner_texts()]


def draw(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a box on the photo; places are shares of its width and height."""
    box = page.locator(".is-boxed img").bounding_box()
    page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + (left + right) / 2 * box["width"], box["y"] + bottom * box["height"])
    page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"])
    page.mouse.up()


@pytest.mark.parametrize(("width", "height", "theme"), [(1400, 900, "light"), (390, 844, "dark")])
def test_all_tabs_fit(visit, cat_path, width, height, theme):
    page = visit("/retrieval", width=width, height=height, theme=theme)
    expect(grid_images(page)).to_have_count(SAMPLES)  # the gallery stands in for matches
    upload_image(page, cat_path)
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
    assert grid_names(page)[0] == "cat"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    grid_images(page).first.get_by_text("Why?").click()
    expect(page.locator(".is-why img")).to_be_visible()
    expect(page.locator(".is-why")).to_contain_text("Why cat?")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".is-why img")).to_be_hidden()
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_trade_off_marks_the_engine(visit):
    page = visit("/retrieval", width=390, height=844)
    expect(grid_images(page)).to_have_count(SAMPLES)
    open_tab(page, "Trade-off")
    page.get_by_role("button", name="Measure all engines").click()
    expect(page.locator(".is-scatter svg")).to_have_count(2, timeout=180_000)
    expect(page.locator(".is-figures .is-marked")).to_contain_text("all compared")
    page.get_by_role("combobox", name="Engine").click()
    page.get_by_role("option", name=re.compile("Color histogram")).click()
    expect(page.locator(".is-figures .is-marked")).to_contain_text("Color histogram")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_more_like_this_and_back(visit):
    page = visit("/retrieval")
    expect(grid_images(page)).to_have_count(SAMPLES)
    page.get_by_role("button", name="motorcycle", exact=True).locator("visible=true").first.click()
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
    assert grid_names(page)[0] == "motorcycle again"  # the picture itself is left out
    expect(page.locator(".is-boxed img")).to_be_visible()
    grid_images(page).first.locator("button").first.click()
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", "motorcycle")
    remove_image(page)
    expect(page.locator("#matches")).to_contain_text("Choose a photo")
    expect(grid_images(page)).to_have_count(SAMPLES)


def test_a_box_is_drawn_and_forgotten(visit, cat_path, tmp_path):
    both = Image.new("RGB", (900, 400))
    for name, left in (("cat", 0), ("rocket", 450)):
        both.paste(Image.open(sample_images()[name]).resize((450, 400)), (left, 0))
    both.save(tmp_path / "both.png")
    page = visit("/retrieval")
    upload_image(page, tmp_path / "both.png")
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
    draw(page, 0.51, 0.01, 0.99, 0.99)
    expect(page.locator(".is-frame")).to_be_visible()
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", "rocket")
    draw(page, 0.01, 0.01, 0.49, 0.99)
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", "cat")
    draw(page, 0.98, 0.9, 0.9, 0.5)
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", "rocket")
    remove_image(page)
    upload_image(page, cat_path)  # far smaller than the box
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", "cat")
    expect(page.locator(".is-frame")).to_have_count(0)
    expect(page.get_by_text("The box holds nothing")).to_have_count(0)


def test_settings_of_the_list(visit, cat_path):
    page = visit("/retrieval")
    upload_image(page, cat_path)
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
    every = scores(page)
    page.locator(".label-wrap", has_text="Settings").click()
    least = page.get_by_label("number input for Lowest score")
    least.fill("0.9")
    least.press("Enter")
    expect(grid_images(page)).to_have_count(sum(score >= 0.9 for score in every))
    least.fill("0")
    least.press("Enter")
    expect(grid_images(page)).to_have_count(SAMPLES)


def test_a_gallery_of_ones_own(visit, cat_path, tmp_path):
    page, other = visit("/retrieval"), visit("/retrieval")
    bad, trip = tmp_path / "bad.png", tmp_path / "trip.zip"
    bad.write_text("no picture")
    with zipfile.ZipFile(trip, "w") as archive:
        archive.write(cat_path, "trip/beach.jpg")
        archive.write(cat_path, "../outside.jpg")
    expect(grid_images(page)).to_have_count(SAMPLES)
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    add(page, cat_path, bad, trip)
    expect(page.locator("#gallery .prose.is-added")).to_contain_text("Added 2 pictures, skipped 2 files")
    expect(page.locator("#gallery .prose.is-added")).to_contain_text("Its path leads out of the archive.")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES + 2)
    assert grid_names(page, "gallery")[-2:] == ["cat.jpg", "trip/beach.jpg"]

    open_tab(page, "Matches")
    expect(grid_images(page)).to_have_count(SAMPLES + 2)
    upload_image(page, cat_path)
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
    assert set(grid_names(page)[:3]) == {"cat", "cat.jpg", "trip/beach.jpg"}
    upload_image(other, cat_path)
    expect(other.locator("#matches .is-tiles b").first).to_be_visible()
    assert "cat.jpg" not in grid_names(other)  # another visitor sees nothing of it

    open_tab(page, "Gallery")
    page.get_by_role("button", name="Download all as one file").click()
    name, saved = download(page, page.locator("#gallery .is-saved a").first)
    assert name == "retrieval.gallery"
    kept = tmp_path / name
    kept.write_bytes(saved.read_bytes())
    grid_images(page, "gallery").last.get_by_text("Remove").click()
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES + 1)
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator("#gallery")).to_contain_text("No pictures: add some above.")
    open_tab(page, "Matches")
    expect(page.locator("#matches")).to_contain_text("The gallery is empty")
    open_tab(page, "Gallery")
    add(page, kept)
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES + 2)
    page.get_by_role("button", name="Back to the sample photos").click()
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)


def test_a_bad_file_gets_one_sentence(visit, cat_path, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = visit("/retrieval")
    expect(grid_images(page)).to_have_count(SAMPLES)
    upload_image(page, bad)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    remove_image(page)
    upload_image(page, cat_path)  # the page still works
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()
