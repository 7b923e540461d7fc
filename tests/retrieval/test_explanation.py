"""Explanations: regions and heat at the right place of the right image, for every engine."""

import io

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError, encode_image
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import OFFLINE_ENGINES as ENGINES
from shared.retrieval.explanation.evidence import (
    RegionPair,
    color_evidence,
    descriptor_evidence,
    is_same_image,
)
from shared.retrieval.explanation.explanation import HEIGHT, select_pairs
from tests.predictors import astronaut
from tests.retrieval.samples import SIZE, make_search, sample_image, sample_vocabulary


@pytest.fixture(scope="module")
def describer(network_folder):
    head = DescriptorHead(sizes=[SIZE, 96], power=3.0)
    extractor = Extractor.load(folder=network_folder, head=head, device="cpu")
    return Describer(extractor, sample_vocabulary(extractor))


@pytest.fixture(scope="module")
def gallery(describer):
    search = make_search("exact", describer)
    search.add([sample_image(number) for number in range(6)])
    return search.gallery


@pytest.mark.parametrize("engine", ENGINES)
def test_regions_and_heat_lie_in_both_images(engine, describer, gallery):
    search = make_search(engine, describer, gallery=gallery)
    version = gallery.version
    explanation = search.explain(sample_image(2).resize((200, 150)), 2)
    assert explanation.engine == engine
    assert explanation.seconds > 0
    assert explanation.query.size == (200, 150)
    assert explanation.match.size == (130, 100)
    assert 1 <= len(explanation.pairs) <= 4
    weights = [pair.weight for pair in explanation.pairs]
    assert sum(weights) == pytest.approx(1)
    assert weights == sorted(weights, reverse=True)
    for pair in explanation.pairs:
        for box, (width, height) in ((pair.query, (200, 150)), (pair.match, (130, 100))):
            assert 0 <= box[0] < box[2] <= width
            assert 0 <= box[1] < box[3] <= height
    for heat, shape in ((explanation.query_heat, (150, 200)), (explanation.match_heat, (100, 130))):
        assert heat.shape == shape
        assert heat.dtype == np.float32
        assert 0 <= heat.min() < heat.max() <= 1
    drawing = explanation.image()
    assert drawing.height == HEIGHT
    assert drawing.width == pytest.approx(2 * 4 / 3 * HEIGHT, rel=0.1)
    assert gallery.version == version


@pytest.mark.parametrize("engine", ENGINES)
def test_the_regions_of_an_image_and_itself_are_the_same(engine, describer, gallery):
    search = make_search(engine, describer, gallery=gallery)
    image = sample_image(2)
    for query in (image, image.resize((260, 200), Image.Resampling.BICUBIC)):
        explanation = search.explain(query, 2)
        scale = np.array([*query.size, *query.size]) / [*explanation.match.size, *explanation.match.size]
        for pair in explanation.pairs:
            np.testing.assert_allclose(pair.query, pair.match * scale, atol=0.02 * max(query.size))
    assert explanation.query_heat.max() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple", "histogram"])
def test_a_box_bounds_the_evidence(engine, describer, gallery):
    search = make_search(engine, describer, gallery=gallery)
    query = Image.new("RGB", (300, 120), "blue")
    query.paste(sample_image(1), (150, 10))
    explanation = search.explain(query, 1, box=(150, 10, 280, 110))
    assert explanation.query.size == (300, 120)
    for pair in explanation.pairs:
        left, top, right, bottom = pair.query
        assert 150 <= left < right <= 280
        assert 10 <= top < bottom <= 110
    outside = explanation.query_heat.copy()
    outside[10:110, 150:280] = 0
    assert outside.max() == 0
    whole = search.explain(sample_image(1), 1)
    np.testing.assert_allclose(explanation.query_heat[10:110, 150:280], whole.query_heat, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (900, 2), (2, 900)])
@pytest.mark.parametrize("engine", ["exact", "deepindex-signature", "histogram"])
def test_every_size_can_be_drawn(engine, size, describer, gallery):
    drawing = make_search(engine, describer, gallery=gallery).explain(astronaut(*size), 3).image()
    assert drawing.height == HEIGHT
    assert drawing.width <= 4 * HEIGHT + 50


def test_arguments_out_of_range_are_an_error(describer, gallery):
    search = make_search("exact", describer, gallery=gallery)
    with pytest.raises(ImageError, match="no picture 77"):
        search.explain(sample_image(0), 77)
    with pytest.raises(ImageError, match="must lie in"):
        search.explain(sample_image(0), 0, box=(900, 900, 950, 950))
    with pytest.raises(ImageError, match="not a picture"):
        search.explain(b"text", 0)
    with pytest.raises(ValueError, match="strength"):
        search.explain(sample_image(0), 0).image(strength=2)


class FixedExtractor:
    """Extractor with fixed maps `[576, 3, 6]` for each width of an image."""

    def __init__(self, maps):
        self.head = DescriptorHead(levels=["mid"], sizes=[SIZE])
        self._maps = maps

    def maps(self, image, size, levels):
        assert (size, tuple(levels)) == (SIZE, ("mid",))
        return {"mid": self._maps[image.width].copy()}


def test_heat_lies_where_the_cosine_comes_from():
    """Two images share one thing, which is on the left of one and on the right of the other."""
    maps = np.full((2, 576, 3, 6), 0.01, np.float32)
    maps[0, 0, 1, 0] = maps[1, 0, 1, 5] = 5.0
    maps[0, 1, :, 4:] = maps[1, 2, :, :2] = 3.0
    extractor = FixedExtractor({1: maps[0], 2: maps[1]})
    evidence = descriptor_evidence(extractor, *(Image.new("RGB", (width, 9)) for width in (1, 2)))
    query_heat, match_heat = evidence.query_heat, evidence.match_heat
    assert query_heat.shape == match_heat.shape == (32, 32)
    assert query_heat[:, :8].sum() > 20 * query_heat[:, 16:].sum()
    assert match_heat[:, 24:].sum() > 20 * match_heat[:, :16].sum()
    (best,) = select_pairs(evidence.pairs, 1)
    assert best.query[2] <= 0.5 <= best.match[0]


def test_images_are_the_same_but_for_size_and_compression():
    image = astronaut(120, 90)
    assert is_same_image(image, image.resize((60, 45)))
    assert is_same_image(image, Image.open(io.BytesIO(encode_image(image, "JPEG", 60))))
    assert not is_same_image(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not is_same_image(image, image.crop((0, 0, 90, 90)))


def test_common_colors_are_evidence():
    query, match = Image.new("RGB", (60, 30), "red"), Image.new("RGB", (60, 30), "blue")
    assert color_evidence(query, match).pairs == []
    query.paste("green", (0, 0, 20, 30))
    match.paste("green", (30, 0, 60, 15))
    evidence = color_evidence(query, match)
    weight = pytest.approx(np.sqrt(1 / 3 / 4))
    assert evidence.pairs == [RegionPair((0, 0, 1 / 3, 1), (0.5, 0, 1, 0.5), weight)]
    assert (evidence.query_heat[:, :20] > 0).all()
    assert (evidence.query_heat[:, 20:] == 0).all()
    assert evidence.match_heat[20:].max() == 0


def test_selected_pairs_show_different_regions():
    whole, left, right = (0, 0, 1, 1), (0, 0, 0.4, 0.5), (0.6, 0.5, 1, 1)
    near_left = (0.02, 0, 0.42, 0.5)

    def select(*pairs):
        return select_pairs([RegionPair(*pair) for pair in pairs], 4)

    pairs = select((left, right, 4.0), (near_left, left, 3.0), (right, left, 1.0), (whole, whole, 0.5))
    assert pairs == [RegionPair(left, right, 0.8), RegionPair(right, left, 0.2)]
    assert [pair.query for pair in select((whole, whole, 2.0), (left, left, 1.0))] == [whole]
    assert select((left, left, 0.0)) == []
