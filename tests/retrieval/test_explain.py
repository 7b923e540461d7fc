"""Explanations name the regions that match, at the right place of the right picture, for every engine."""

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.retrieval.benchmarks import explain as protocol
from shared.retrieval.descriptor.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import ENGINES
from shared.retrieval.explanation.explain import by_color, by_descriptor
from shared.retrieval.explanation.regions import HEIGHT, choose
from shared.retrieval.search import ImageSearch
from tests.predictors import photo
from tests.retrieval.test_search import SIZE, learned, part


@pytest.fixture(scope="module")
def extractor(network_folder):
    head = DescriptorHead(sizes=[SIZE, 96], power=3.0)
    return Extractor.load(folder=network_folder, head=head, device="cpu")


@pytest.fixture(scope="module")
def describer(extractor):
    return Describer(extractor, learned(extractor), size=SIZE, settings={"assignments": (4, 4)})


@pytest.fixture(scope="module")
def filled(describer):
    search = ImageSearch("exact", describer)
    search.add([part(number) for number in range(6)])
    return search.gallery


@pytest.mark.parametrize("engine", ENGINES)
def test_an_explanation_lies_in_both_pictures(engine, describer, filled):
    search = ImageSearch(engine, describer, filled)
    before = filled.version
    explanation = search.explain(part(2).resize((200, 150)), 2)
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
    for heat, size in ((explanation.query_heat, (150, 200)), (explanation.match_heat, (100, 130))):
        assert heat.shape == size
        assert heat.dtype == np.float32
        assert 0 <= heat.min() < heat.max() <= 1
    both = explanation.picture()
    assert both.height == HEIGHT
    assert both.width == pytest.approx(2 * 4 / 3 * HEIGHT, rel=0.1)
    assert filled.version == before


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple", "histogram"])
def test_a_box_bounds_what_is_explained(engine, describer, filled):
    search = ImageSearch(engine, describer, filled)
    wide = Image.new("RGB", (300, 120), "blue")
    wide.paste(part(1), (150, 10))
    explanation = search.explain(wide, 1, box=(150, 10, 280, 110))
    assert explanation.query.size == (300, 120)
    for pair in explanation.pairs:
        assert pair.query[0] >= 150
        assert pair.query[1] >= 10
        assert pair.query[2] <= 280
        assert pair.query[3] <= 110
    outside = explanation.query_heat.copy()
    outside[10:110, 150:280] = 0
    assert outside.max() == 0
    whole = search.explain(part(1), 1)
    np.testing.assert_allclose(explanation.query_heat[10:110, 150:280], whole.query_heat, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (900, 2), (2, 900)])
@pytest.mark.parametrize("engine", ["exact", "deepindex-signature", "histogram"])
def test_every_size_is_explained(engine, size, describer, filled):
    picture = ImageSearch(engine, describer, filled).explain(photo(*size), 3).picture()
    assert picture.height == HEIGHT
    assert picture.width <= 4 * HEIGHT + 50


def test_what_cannot_be_explained_says_so(describer, filled):
    search = ImageSearch("exact", describer, filled)
    with pytest.raises(ImageError, match="no picture 77"):
        search.explain(part(0), 77)
    with pytest.raises(ImageError, match="must lie in the picture"):
        search.explain(part(0), 0, box=(900, 900, 950, 950))
    with pytest.raises(ImageError, match="not a picture"):
        search.explain(b"text", 0)
    with pytest.raises(ValueError, match="strength"):
        search.explain(part(0), 0).picture(strength=2)


class Planted:
    """An extractor that sees in each picture what was put there: `[576, 3, 6]` by the picture's width."""

    def __init__(self, maps):
        self.head = DescriptorHead(levels=["mid"], sizes=[SIZE])
        self._maps = maps

    def maps(self, image, size, levels):
        assert (size, tuple(levels)) == (SIZE, ("mid",))
        return {"mid": self._maps[image.width].copy()}


def test_heat_lies_where_the_cosine_is_made():
    """Two pictures share one thing, which is on the left of one and on the right of the other."""
    maps = np.full((2, 576, 3, 6), 0.01, np.float32)
    maps[0, 0, 1, 0] = maps[1, 0, 1, 5] = 5.0
    maps[0, 1, :, 4:] = maps[1, 2, :, :2] = 3.0
    heat, other_heat, pairs = by_descriptor(
        Planted({1: maps[0], 2: maps[1]}), *(Image.new("RGB", (n, 9)) for n in (1, 2))
    )
    assert heat.shape == other_heat.shape == (32, 32)
    assert heat[:, :8].sum() > 20 * heat[:, 16:].sum()
    assert other_heat[:, 24:].sum() > 20 * other_heat[:, :16].sum()
    best = choose(pairs, 1)[0]
    assert best.query[2] <= 0.5 <= best.match[0]


def test_colors_in_common_are_boxed():
    one, other = Image.new("RGB", (60, 30), "red"), Image.new("RGB", (60, 30), "blue")
    one.paste("green", (0, 0, 20, 30))
    other.paste("green", (30, 0, 60, 15))
    heat, other_heat, pairs = by_color(one, other)
    assert pairs == [((0, 0, 1 / 3, 1), (0.5, 0, 1, 0.5), pytest.approx(np.sqrt(1 / 3 / 4)))]
    assert (heat[:, :20] > 0).all()
    assert (heat[:, 20:] == 0).all()
    assert other_heat[20:].max() == 0
    assert by_color(Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue"))[2] == []


def test_pairs_show_different_regions():
    whole, left, right = (0, 0, 1, 1), (0, 0, 0.4, 0.5), (0.6, 0.5, 1, 1)
    near = (0.02, 0, 0.42, 0.5)
    pairs = choose([(left, right, 4.0), (near, left, 3.0), (right, left, 1.0), (whole, whole, 0.5)], most=4)
    assert [(pair.query, pair.match) for pair in pairs] == [(left, right), (right, left)]
    assert [pair.weight for pair in pairs] == [0.8, 0.2]
    assert [pair.query for pair in choose([(whole, whole, 2.0), (left, left, 1.0)], most=4)] == [whole]
    assert choose([(left, left, 0.0)], most=4) == []


def test_cells_are_hidden_and_moved():
    explanation = protocol.Explanation(
        query=part(0), match=part(1), pairs=(), query_heat=np.zeros((100, 130), np.float32),
        match_heat=np.zeros((100, 130), np.float32), engine="exact",
    )  # fmt: skip
    assert not protocol.region_cells(explanation).any()
    heat = explanation.query_heat
    heat[:50, :50] = 1
    hot = protocol.hot_cells(explanation)
    assert hot.sum() == round(0.2 * 24 * 24)
    assert hot[:12, :9].sum() > 90
    assert protocol.moved(hot, np.random.default_rng(0)).sum() == hot.sum()
    cells = np.zeros((24, 24), bool)
    cells[:, 12:] = True
    hidden = np.asarray(protocol.hide(part(0), cells))
    assert (hidden[:, :64] == np.asarray(part(0))[:, :64]).all()
    assert (hidden[:, 66:] == hidden[0, 66]).all()


def test_explanations_are_measured(describer, filled):
    search = ImageSearch("exact", describer, filled)
    figures = protocol.measure(search, [part(number) for number in range(4)], range(4), draws=2)
    assert set(figures) == {"regions", "heat"}
    for row in figures.values():
        assert row["pairs"] == 4
        assert 0 <= row["better"] <= 1
        assert 0 < row["drop"] < 2
        assert 0 < row["random_drop"] < 2
    assert figures == protocol.measure(search, [part(number) for number in range(4)], range(4), draws=2)
