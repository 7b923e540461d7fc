"""The retrieval page in a real browser, as a visitor uses it."""

import contextlib
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from shared.ui.sample_images import gallery_images, sample_images
from tests.browser.steps import (
    download,
    grid_images,
    grid_names,
    open_tab,
    paste_images,
    remove_image,
    upload_image,
)

SAMPLES = len(gallery_images())


def add_files(page: Page, *files: Path) -> None:
    """Add files to the gallery."""
    page.locator("#gallery .is-files input[type=file]").set_input_files(files)


def answer_remove(page: Page) -> None:
    """Say yes to the question whether pictures shall be removed."""
    page.locator(".is-question").get_by_role("button", name="Remove").click()


def expect_scores(page: Page) -> None:
    """Wait until the matches have scores."""
    expect(page.locator("#matches .is-tiles b").first).to_be_visible()


def read_scores(page: Page) -> list[float]:
    """Return the scores of the matches."""
    return [float(text) for text in page.locator("#matches .is-tiles b").all_inner_texts()]


def type_until(page: Page, field: Locator, value: str, count: int) -> None:
    """Type a number until the grid has a number of images: a page that is still drawing drops keystrokes."""
    for _ in range(3):
        field.fill(value)
        field.press("Enter")
        with contextlib.suppress(AssertionError):
            expect(grid_images(page)).to_have_count(count, timeout=20_000)
            return
    expect(grid_images(page)).to_have_count(count)


def expect_best_match(page: Page, name: str) -> None:
    """Wait until the best match has a name."""
    expect(grid_images(page).first.locator("img")).to_have_attribute("alt", name)


def expect_no_overflow(page: Page, width: int) -> None:
    """Assert that the page is no wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def draw_box(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a box on the photo, in fractions of its width and height."""
    frame = page.locator(".is-boxed img").bounding_box()

    def move(x: float, y: float) -> None:
        page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])

    move(left, top)
    page.mouse.down()
    move((left + right) / 2, bottom)
    move(right, bottom)
    page.mouse.up()


@pytest.mark.parametrize(("width", "height", "theme"), [(1400, 900, "light"), (390, 844, "dark")])
def test_every_tab_fits(visit, cat_path, width, height, theme):
    page = visit("/retrieval", width=width, height=height, theme=theme)
    expect(grid_images(page)).to_have_count(SAMPLES)  # the gallery, until there is a query
    upload_image(page, cat_path)
    expect_scores(page)
    assert grid_names(page)[0] == "cat"
    expect_no_overflow(page, width)
    grid_images(page).first.get_by_text("Why?").click()
    expect(page.locator(".is-why img")).to_be_visible()
    expect(page.locator(".is-why")).to_contain_text("Why cat?")
    expect_no_overflow(page, width)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".is-why img")).to_be_hidden()
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    expect_no_overflow(page, width)
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    expect_no_overflow(page, width)


def test_the_menu_has_engines_for_a_gallery(visit):
    page = visit("/retrieval", width=390, height=844)
    menu = page.get_by_role("combobox", name="Engine")
    menu.click()
    titles = page.get_by_role("option").all_inner_texts()
    assert len(titles) == 6
    assert not any("IVF" in title or "HNSW" in title or "PQ" in title for title in titles)
    assert menu.evaluate("input => input.scrollWidth <= input.clientWidth")  # no title is cut off
    for title in titles:
        page.get_by_role("option", name=title.strip("✓ \n"), exact=False).first.click()
        assert menu.evaluate("input => input.scrollWidth <= input.clientWidth"), title
        menu.click()


def test_the_trade_off_has_all_engines_and_marks_the_chosen_one(visit):
    page = visit("/retrieval", width=390, height=844)
    expect(grid_images(page)).to_have_count(SAMPLES)
    open_tab(page, "Trade-off")
    page.get_by_role("button", name="Measure all engines").click()
    expect(page.locator("#tradeoff")).to_contain_text("/8 engines", timeout=180_000)
    stop = page.locator("#tradeoff").get_by_role("button", name="Stop")
    stop.click()
    expect(page.get_by_text("Stopped: nothing was measured.")).to_be_visible(timeout=180_000)
    expect(stop).to_be_hidden()
    page.get_by_role("button", name="Measure all engines").click()
    expect(page.locator(".is-scatter svg")).to_have_count(2, timeout=180_000)
    expect(page.locator(".is-figures tr")).to_have_count(1 + 8)
    expect(page.locator(".is-figures .is-marked")).to_contain_text("Best matches")
    page.get_by_role("combobox", name="Engine").click()
    page.get_by_role("option", name=re.compile("Same colors")).click()
    expect(page.locator(".is-figures .is-marked")).to_contain_text("Same colors")
    expect_no_overflow(page, 390)


def test_a_match_becomes_the_query(visit):
    page = visit("/retrieval")
    expect(grid_images(page)).to_have_count(SAMPLES)
    page.get_by_role("button", name="motorcycle", exact=True).locator("visible=true").first.click()
    expect_scores(page)
    assert grid_names(page)[0] == "motorcycle again"  # the image itself is left out
    expect(page.locator(".is-boxed img")).to_be_visible()
    grid_images(page).first.locator("button").first.click()
    expect_best_match(page, "motorcycle")
    remove_image(page)
    expect(page.locator("#matches")).to_contain_text("Choose a photo")
    expect(grid_images(page)).to_have_count(SAMPLES)


def test_a_box_searches_with_a_part_until_the_photo_changes(visit, cat_path, tmp_path):
    pair = Image.new("RGB", (900, 400))
    for name, left in (("cat", 0), ("rocket", 450)):
        pair.paste(Image.open(sample_images()[name]).resize((450, 400)), (left, 0))
    pair.save(tmp_path / "pair.png")
    page = visit("/retrieval")
    upload_image(page, tmp_path / "pair.png")
    expect_scores(page)
    draw_box(page, 0.51, 0.01, 0.99, 0.99)
    expect(page.locator(".is-frame")).to_be_visible()
    expect_best_match(page, "rocket")
    draw_box(page, 0.01, 0.01, 0.49, 0.99)
    expect_best_match(page, "cat")
    draw_box(page, 0.98, 0.9, 0.9, 0.5)
    expect_best_match(page, "rocket")
    remove_image(page)
    upload_image(page, cat_path)  # far smaller than the box
    expect_best_match(page, "cat")
    expect(page.locator(".is-frame")).to_have_count(0)
    expect(page.get_by_text("This box lies outside")).to_have_count(0)


def test_the_lowest_score_drops_matches(visit, cat_path):
    page = visit("/retrieval")
    upload_image(page, cat_path)
    expect_scores(page)
    scores = read_scores(page)
    page.locator(".label-wrap", has_text="Settings").click()
    min_score = page.get_by_label("number input for Lowest score")
    for value, count in (("0.9", sum(score >= 0.9 for score in scores)), ("0", SAMPLES)):
        type_until(page, min_score, value, count)


def test_a_gallery_from_adding_to_restoring(visit, cat_path, tmp_path):
    page, second_page = visit("/retrieval"), visit("/retrieval")
    bad, trip = tmp_path / "bad.png", tmp_path / "trip.zip"
    bad.write_text("no image")
    with zipfile.ZipFile(trip, "w") as archive:
        archive.write(cat_path, "trip/beach.jpg")
        archive.write(cat_path, "../outside.jpg")
    expect(grid_images(page)).to_have_count(SAMPLES)
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    add_files(page, cat_path, bad, trip)
    expect(page.locator("#gallery .prose.is-added")).to_contain_text("Added 2 pictures, skipped 2 files")
    expect(page.locator("#gallery .prose.is-added")).to_contain_text("Its path leads out of the archive.")
    expect(grid_images(page, "gallery")).to_have_count(2)
    assert grid_names(page, "gallery") == ["trip/beach.jpg", "cat.jpg"]  # the newest first

    open_tab(page, "Matches")
    expect(grid_images(page)).to_have_count(2)
    upload_image(page, cat_path)
    expect_scores(page)
    assert set(grid_names(page)) == {"cat.jpg", "trip/beach.jpg"}
    upload_image(second_page, cat_path)
    expect_scores(second_page)
    assert "cat.jpg" not in grid_names(second_page)  # another visitor sees nothing of it

    open_tab(page, "Gallery")
    page.get_by_role("button", name="Download all as one file").click()
    name, path = download(page, page.locator("#gallery .is-saved a").first)
    assert name == "retrieval.gallery"
    saved = tmp_path / name
    saved.write_bytes(path.read_bytes())
    grid_images(page, "gallery").last.get_by_text("Remove").click()
    expect(grid_images(page, "gallery")).to_have_count(1)
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator(".is-question")).to_contain_text("Really remove this picture?")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".is-question")).to_be_hidden()
    expect(grid_images(page, "gallery")).to_have_count(1)
    page.get_by_role("button", name="Remove all").click()
    answer_remove(page)
    expect(page.locator("#gallery")).to_contain_text("No pictures: add some above.")
    expect(page.locator(".is-question")).to_be_hidden()
    open_tab(page, "Matches")
    expect(page.locator("#matches")).to_contain_text("The gallery is empty")
    open_tab(page, "Gallery")
    add_files(page, saved)
    expect(grid_images(page, "gallery")).to_have_count(2)
    page.get_by_role("button", name="Back to the sample photos").click()
    expect(page.locator(".is-question")).to_contain_text("Really remove all 2 pictures of yours?")
    answer_remove(page)
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    page.get_by_role("button", name="Back to the sample photos").click()
    expect(page.get_by_text("These are the sample photos already.")).to_be_visible()


def test_a_gallery_outlives_a_reload_and_holds_on_other_pages(visit, cat_path):
    page = visit("/retrieval")
    open_tab(page, "Gallery")
    add_files(page, cat_path)
    expect(grid_images(page, "gallery")).to_have_count(1)
    page.reload()
    expect(grid_images(page)).to_have_count(1)
    page.goto(page.url.replace("/retrieval", "/crossmodal"))
    expect(grid_images(page)).to_have_count(1)
    assert grid_names(page) == ["cat.jpg"]
    page.get_by_role("button", name="a motorcycle", exact=True).click()
    expect(page.locator("#matches")).to_contain_text("to search 1 picture")


def test_pasted_pictures_are_searched_or_added(visit):
    page, samples = visit("/retrieval"), sample_images()
    expect(grid_images(page)).to_have_count(SAMPLES)
    paste_images(page, samples["cat"])
    expect_best_match(page, "cat")
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    paste_images(page, samples["cat"], samples["lion"])
    expect(page.locator("#gallery .prose.is-added")).to_contain_text("Added 2 pictures.")
    expect(grid_images(page, "gallery")).to_have_count(2)


def test_a_photo_of_something_else_looks_like_nothing(visit):
    page, samples = visit("/retrieval"), sample_images()
    open_tab(page, "Gallery")
    add_files(page, samples["coffee"], samples["rocket"])
    expect(grid_images(page, "gallery")).to_have_count(2)
    open_tab(page, "Matches")
    upload_image(page, samples["cat"])
    expect_scores(page)
    expect(page.locator("#matches")).to_contain_text("Nothing in the gallery looks like it.")
    expect(page.locator("#matches .is-tiles.is-small figure")).to_have_count(2)


def test_an_unusable_file_gets_one_sentence(visit, cat_path, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    page = visit("/retrieval")
    expect(grid_images(page)).to_have_count(SAMPLES)
    upload_image(page, bad)
    expect(page.locator("#matches .is-tiles-empty")).to_contain_text("This file is not a picture")
    expect(page.locator("span.error").locator("visible=true")).to_have_count(0)
    remove_image(page)
    upload_image(page, cat_path)  # the page still works
    expect_scores(page)
