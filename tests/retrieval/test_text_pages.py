"""Pages of text: telling them from photos, and from each other."""

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from shared.core.calibration import ConfidenceBand, ConfidenceBands
from shared.core.images import open_image
from shared.retrieval.describer import Describer, ScoreCalibration
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.text_pages import is_text_page, same_page
from tests.retrieval.samples import SIZE, make_search

FONT = ImageFont.load_default(18)


def page(seed: int, *, dark: bool = False) -> Image.Image:
    """Return a page of random words."""
    rng = random.Random(seed)
    image = Image.new("RGB", (600, 800), "black" if dark else "white")
    for top in range(30, 760, 26):
        words = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(2, 9))) for _ in range(11)]
        line = " ".join(words)
        ImageDraw.Draw(image).text((30, top), line[:56], fill="white" if dark else "black", font=FONT)
    return image


@pytest.mark.parametrize("dark", [False, True])
def test_pages_of_text_are_recognized(dark):
    assert is_text_page(page(0, dark=dark))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_photos_and_plain_pictures_are_no_pages(name):
    assert not is_text_page(Image.fromarray(getattr(data, name)()))
    assert not is_text_page(Image.new("RGB", (300, 200), "white"))
    assert not is_text_page(Image.new("RGB", (1, 1)))


def test_a_copy_is_the_same_page_and_other_text_is_not():
    first, second, stream = page(0), page(1), io.BytesIO()
    first.resize((450, 600)).save(stream, "JPEG", quality=40)
    assert same_page(first, open_image(stream.getvalue()))
    assert not same_page(first, second)
    assert not same_page(first, Image.new("RGB", (60, 80), "white"))


def test_pages_with_other_text_are_never_very_likely_the_same(network_folder):
    """The small network of the tests takes all pages for the same."""
    steps = (ConfidenceBand("very likely the same", 0.2, 0.1, 0.5), ConfidenceBand("maybe", 0.1, 0.2, 0.8))
    bands = ConfidenceBands(steps, "similar", 8.0, -4.0)
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")
    search = make_search("exact", Describer(extractor, calibration=ScoreCalibration(0.2, 0.1, bands)))
    search.add([("first", page(0)), ("second", page(1))])
    for results in (search(page(0)), search(page(0).resize((300, 400)))):
        verdicts = {hit["name"]: hit["confidence"] for hit in results.as_dict()["hits"]}
        assert verdicts == {"first": "very likely the same", "second": "maybe"}
    by_id = search.search_by_id(0)
    assert [hit["confidence"] for hit in by_id.as_dict()["hits"]] == ["maybe"]
    assert by_id.good_match is False
