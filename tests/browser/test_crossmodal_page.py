"""A visitor's steps on the page of cross-modal search, in a real browser."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from shared.crossmodal.engines import ENGINES
from shared.crossmodal.tabs.query_inputs import EXAMPLES
from shared.ui.sample_images import gallery_images, sample_images
from tests.browser.steps import grid_images, grid_names, open_tab, remove_image, upload_image

SAMPLES = len(gallery_images())
#: First word of the name of the best hit of each example.
EXAMPLE_HITS = dict(
    zip(EXAMPLES, ("motorcycle", "coffee", "lion", "tower", "tower", "photographer"), strict=True)
)


def search(page: Page, words: str) -> None:
    """Type words and press Enter."""
    field = page.get_by_label("Words", exact=True)
    field.fill(words)
    field.press("Enter")


def scored_hits(page: Page):
    return page.locator("#matches .is-tiles b")


def assert_fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "height", "theme"), [(1400, 900, "light"), (390, 844, "dark")])
def test_all_tabs_fit(visit, width, height, theme):
    page = visit("/crossmodal", width=width, height=height, theme=theme)
    expect(grid_images(page)).to_have_count(SAMPLES)  # the gallery, before there is a query
    search(page, "a motorcycle in a garage")
    expect(scored_hits(page)).to_have_count(SAMPLES)
    assert grid_names(page)[0].startswith("motorcycle")
    expect(page.locator("#matches")).to_contain_text(f"to search {SAMPLES} pictures")
    assert_fits(page, width)

    grid_images(page).first.get_by_text("Why?").click()
    expect(page.locator(".is-why img")).to_be_visible()
    expect(page.locator(".is-why")).to_contain_text("Cover the highlighted third of the picture")
    whole_query = page.locator(".is-why img").get_attribute("src")
    page.locator(".is-why .is-words button", has_text="motorcycle").click()
    expect(page.locator(".is-why img")).not_to_have_attribute("src", whole_query)
    expect(page.locator(".is-why .is-words [aria-pressed=true]")).to_have_text("motorcycle")
    assert_fits(page, width)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".is-why img")).to_be_hidden()

    upload_image(page, sample_images()["motorcycle"])
    expect(page.get_by_label("Words or picture").first).to_be_visible()
    open_tab(page, "Describe")
    expect(page.locator("#describe .is-bars dt")).to_have_count(10)
    assert_fits(page, width)
    open_tab(page, "Match")
    expect(page.locator("#match .is-bars").first).to_contain_text("Probability that they go together")
    expect(page.locator("#match .is-words button")).to_have_count(3)  # the whole query, and two words
    assert_fits(page, width)
    open_tab(page, "Gallery")
    expect(grid_images(page, "gallery")).to_have_count(SAMPLES)
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    assert_fits(page, width)


def test_heads_stay_in_sight(visit, tmp_path):
    path = tmp_path / "somebody.png"
    image = Image.new("RGB", (300, 600), "white")
    image.paste("red", (0, 60, 300, 160))  # the face, where it is in an upright photo
    image.save(path)
    page = visit("/crossmodal", width=390)
    upload_image(page, path)
    picture = page.locator(".is-boxed")
    label, box = (picture.locator(part).first.bounding_box() for part in ("label", "img"))
    assert label["width"] < box["x"] + box["width"] / 2 - label["x"]  # it ends before the face
    open_tab(page, "Gallery")
    page.locator("#gallery input[type=file]").first.set_input_files(path)
    tile = grid_images(page, "gallery").locator("img[alt^=somebody]")
    expect(tile).to_have_count(1)
    top = tile.evaluate(
        """image => {
            const height = image.clientWidth * image.naturalHeight / image.naturalWidth;
            const share = parseFloat(getComputedStyle(image).objectPosition.split(" ")[1]) / 100;
            return (height - image.clientHeight) * share / height;
        }"""
    )
    assert top < 160 / 600 - 0.1  # a good part of the face is below the upper edge of the tile


def test_an_example_and_a_search_with_a_hit(visit):
    page = visit("/crossmodal")
    expect(grid_images(page)).to_have_count(SAMPLES)
    page.get_by_role("button", name="a motorcycle", exact=True).click()
    expect(page.get_by_label("Words", exact=True)).to_have_value("a motorcycle")
    expect(scored_hits(page)).to_have_count(SAMPLES)
    first, second = grid_names(page)[:2]
    assert {first, second} == {"motorcycle", "motorcycle again"}
    grid_images(page).first.locator("button").first.click()  # which empties the words
    expect(grid_images(page)).to_have_count(SAMPLES - 1)
    expect(page.get_by_label("Words", exact=True)).to_have_value("")
    assert grid_names(page)[0] == second
    remove_image(page)
    expect(page.locator("#matches")).to_contain_text("Type some words, choose a picture")
    expect(grid_images(page)).to_have_count(SAMPLES)


def test_two_engines_side_by_side(visit):
    page = visit("/crossmodal")
    expect(grid_images(page)).to_have_count(SAMPLES)
    search(page, "a flower")
    expect(scored_hits(page)).to_have_count(SAMPLES)
    page.locator(".label-wrap", has_text="Settings").click()
    page.get_by_role("combobox", name="Compare with").click()
    title = ENGINES["rrf"].title
    page.get_by_role("option", name=title, exact=True).click()
    expect(page.locator("#matches .is-columns h4")).to_have_count(2)
    expect(page.locator("#matches .is-columns h4").last).to_have_text(title)
    expect(grid_images(page)).to_have_count(2 * SAMPLES)
    page.locator("#matches .is-columns section").last.get_by_text("Why?").first.click()
    expect(page.locator(".is-why img")).to_be_visible()


def test_buttons_say_what_is_missing(visit):
    page = visit("/crossmodal")
    expect(grid_images(page)).to_have_count(SAMPLES)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Type some words, or choose a picture, to search with.")).to_be_visible()
    open_tab(page, "Describe")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("Choose a picture first, to compare the sentences with.")).to_be_visible()


@pytest.mark.parametrize("words", EXAMPLES)
def test_every_example_is_a_good_match(visit, words):
    page = visit("/crossmodal")
    expect(grid_images(page)).to_have_count(SAMPLES)
    page.get_by_role("button", name=words, exact=True).click()
    expect(page.locator("#matches")).to_contain_text("good match")
    assert grid_names(page)[0].split()[0] == EXAMPLE_HITS[words]


def test_unusable_words_are_explained_in_one_sentence(visit):
    page = visit("/crossmodal")
    expect(grid_images(page)).to_have_count(SAMPLES)
    for words, sentence in (
        ("the of and", "names nothing to look for"),
        ("x" * 10_000, "this one has 10,000"),
        ("dog - dog", "cancel each other out"),
    ):
        search(page, words)
        expect(page.locator("#matches .is-tiles-empty")).to_contain_text(sentence)
    search(page, "\N{DOG FACE} على الشاطئ")
    expect(grid_images(page)).to_have_count(SAMPLES)  # the page still works
    expect(page.locator("#matches")).to_contain_text("Some words are new here")


def test_a_visitors_sentences_are_compared(visit):
    page = visit("/crossmodal")
    open_tab(page, "Describe")
    expect(page.locator("#describe")).to_contain_text("Choose a picture")
    upload_image(page, sample_images()["motorcycle"])
    expect(page.locator("#describe .is-bars dt")).to_have_count(10)
    expect(page.locator("#describe")).to_contain_text("The first one probably fits")
    expect(page.locator("#describe .is-bars dt").first).to_contain_text("motorcycle")
    page.get_by_label(re.compile("Your own sentences")).fill("A motorcycle in a garage.\nA dog on a beach.")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#describe .is-bars dt")).to_have_count(2)
    expect(page.locator("#describe")).to_contain_text("The first one probably fits")
    page.get_by_label(re.compile("Your own sentences")).fill("the of")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#describe")).to_contain_text("names nothing to look for")
