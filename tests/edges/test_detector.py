"""The edge detector: one call for every engine, every source, every size; and what comes back."""

import io
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage import data

from shared.core import weights
from shared.core.weights import WeightsError
from shared.edges import detector as module
from shared.edges.detector import EdgeDetector
from shared.edges.edge_map import STYLES, EdgeMap
from shared.edges.engines import ENGINES
from shared.networks.rds import RDS
from tests.predictors import SIZES, DoerTests, photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights that have learned nothing: for all that does not hang on what is in the maps."""
    torch.manual_seed(0)
    return weights.save(RDS(), tmp_path_factory.mktemp("weights"), config={"threshold": 0.4})


@pytest.fixture(scope="module")
def untrained(folder):
    return EdgeDetector.load("rds", folder=folder, device="cpu")


@pytest.fixture(scope="module")
def rds():
    return EdgeDetector.load()


def check(edges: EdgeMap, size: tuple[int, int]) -> None:
    assert edges.size == size
    assert len(edges.sides) == 5
    for soft in (edges.soft, *edges.sides):
        assert soft.shape == (size[1], size[0])
        assert soft.dtype == np.float32
        assert soft.min() >= 0
        assert soft.max() <= 1
    assert edges.lines.shape == edges.soft.shape
    assert edges.picture(thin=True).size == size


class TestNetwork(DoerTests):
    doer_class, engines = EdgeDetector, ENGINES

    @pytest.fixture
    def doer(self, untrained):
        return untrained

    def check(self, result, size):
        check(result, size)
        assert result.engine == "rds"

    def values(self, result):
        return [result.soft, *result.sides]


@pytest.mark.parametrize(("engine", "scales"), [("rds", (0.25, 2)), ("canny", (1,)), ("canny", (0.25, 2))])
@pytest.mark.parametrize("size", SIZES)
def test_the_result_has_the_size_of_the_picture(engine, size, scales, untrained):
    detector = untrained if engine == "rds" else EdgeDetector.load(engine)
    edges = detector(photo(*size), scales=scales)
    check(edges, size)
    assert edges.engine == engine


def test_scales_are_averaged(untrained):
    picture = photo(96, 64)
    each = [untrained(picture, scales=[scale]).soft for scale in (0.5, 1, 1.5)]
    np.testing.assert_allclose(untrained(picture, scales=(0.5, 1, 1.5)).soft, np.mean(each, 0), atol=1e-6)


def test_the_threshold_comes_from_the_weights(untrained, folder):
    assert untrained.threshold == untrained(photo(8, 8)).threshold == 0.4
    assert untrained(photo(8, 8), threshold=np.float32(0.25)).threshold == 0.25
    config = json.loads((folder / "config.json").read_text())
    try:
        weights.update_config(folder, threshold=7)
        with pytest.raises(WeightsError, match=r"config\.json.*received 7"):
            EdgeDetector.load(folder=folder)
    finally:
        weights.update_config(folder, **config)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "0.5", 2])
def test_a_wrong_threshold_says_so(threshold, untrained):
    with pytest.raises(ValueError, match=f"0..1, received {threshold!r}"):
        untrained(photo(8, 8), threshold=threshold)


@pytest.mark.parametrize("scales", [(), (0.2,), (1, 2.5), (1,) * 5, 1.0, None, ("big",), (float("nan"),)])
def test_wrong_scales_say_so(scales, untrained):
    with pytest.raises(ValueError, match=r"1 to 4 factors in 0\.25\.\.2, received"):
        untrained(photo(8, 8), scales=scales)


@pytest.mark.parametrize("size", [(4200, 1000), (4, 1_050_000)])
@pytest.mark.parametrize("scale", [0.25, 1.0, 1.5])
def test_what_an_engine_sees_at_once_is_bounded(size, scale):
    seen = []

    def find(picture: Image.Image) -> torch.Tensor:
        seen.append(picture.width * picture.height)
        return torch.full((6, picture.height, picture.width), 0.5)

    edges = EdgeDetector("spy", find, 0.5)(Image.new("RGB", size), scales=[scale])
    assert max(seen) <= module.TILE_PIXELS
    assert edges.soft.dtype == np.float32
    assert edges.sides[0].dtype == np.float16  # half the memory for what is mostly looked at
    np.testing.assert_allclose(edges.soft, 0.5, atol=1e-3)


def test_tiles_do_not_show(rds, monkeypatch):
    picture = Image.fromarray(data.astronaut()).resize((1024, 1024)).crop((0, 200, 1024, 520))
    whole = rds(picture)
    monkeypatch.setattr(module, "TILE_PIXELS", 640 * 320)
    tiled = rds(picture)
    apart = np.abs(tiled.soft - whole.soft)
    assert apart.mean() < 0.001
    assert apart.max() < 0.05
    # Where two tiles meet, steps from column to column are as large as in one piece.
    steps = [np.abs(np.diff(soft, axis=1)).mean(0) for soft in (tiled.soft, whole.soft)]
    assert np.abs(steps[0] - steps[1]).max() < 0.05 * steps[1].mean()
    found = ndimage.binary_dilation(tiled.lines, np.ones((3, 3)))
    assert found[whole.lines].mean() > 0.99


def test_the_embedded_engine_finds_outlines(rds):
    """A plain scene whose outlines are known: a disc and a square, with noise as texture."""
    noise = np.random.default_rng(0).normal(0, 8, (240, 320, 3))
    scene = np.full((240, 320, 3), 90.0)
    y, x = np.mgrid[:240, :320]
    shapes = ((y - 120) ** 2 + (x - 90) ** 2 < 60**2) | ((abs(y - 120) < 55) & (abs(x - 235) < 50))
    scene[shapes] = 190
    edges = rds(np.clip(scene + noise, 0, 255).astype(np.uint8))
    outline = shapes ^ ndimage.binary_erosion(shapes)
    near = ndimage.distance_transform_edt(~outline)
    assert (near[edges.lines] < 4).mean() > 0.9
    assert (ndimage.distance_transform_edt(~edges.lines)[outline] < 4).mean() > 0.9


def edge_map(**changes) -> EdgeMap:
    soft = np.zeros((20, 30), np.float32)
    soft[10] = 0.8
    return EdgeMap(**{"soft": soft, "sides": (soft,) * 5, "threshold": 0.5, "engine": "rds", **changes})


def test_styles_of_the_picture():
    edges = edge_map()
    light = np.asarray(edges.picture())
    assert (light[10, 0], light[0, 0]) == (204, 0)
    np.testing.assert_array_equal(np.asarray(edges.picture("black on white")), 255 - light)
    clear = np.asarray(edges.picture("transparent"))
    np.testing.assert_array_equal(clear[..., 3], light)
    assert not clear[..., :3].any()
    with pytest.raises(ValueError, match=r"white on black, black on white, transparent, received 'red'"):
        edges.picture("red")


def test_thin_is_the_default_that_the_call_asked_for(untrained):
    for thin in (False, True):
        edges = edge_map(thin=thin)
        assert edges.picture().getextrema() == ((0, 255) if thin else (0, 204))
        assert edges.picture(thin=True).getextrema() == (0, 255)
        assert edges.picture(thin=False).getextrema() == (0, 204)
        assert untrained(photo(8, 8), thin=thin).thin is thin


@pytest.mark.parametrize("style", STYLES)
def test_png_is_the_picture(style):
    edges = edge_map()
    opened = Image.open(io.BytesIO(edges.png(style, thin=True)))
    assert opened.format == "PNG"
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(edges.picture(style, thin=True)))


def test_svg_has_the_lines():
    edges = edge_map()
    assert edges.lines.sum() == 30
    assert edges.lines is edges.lines
    root = ElementTree.fromstring(edges.svg(color="navy", title="One line"))
    assert root.get("viewBox") == "0 0 30 20"
    (path,) = root.iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d") == "M.5 10.5l29 0"
    assert "soft" not in repr(edges)
