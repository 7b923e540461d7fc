"""The edge detector: one call for every engine, at any size and scale."""

import json
import shutil
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage import data

from shared.core import weights
from shared.core.errors import StoppedError
from shared.core.weights import WeightsError
from shared.edges import detector as module
from shared.edges.backend import EdgeBackend
from shared.edges.detector import EdgeDetector
from shared.edges.edge_map import EdgeMap
from shared.edges.engines import ENGINES
from shared.networks.rds import RDS
from tests.predictors import SIZES, PredictorTests, astronaut


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random weights, for properties that do not depend on the values of the maps."""
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
    assert len(edges.side_outputs) == 5
    for soft in (edges.soft, *edges.side_outputs):
        assert soft.shape == (size[1], size[0])
        assert soft.dtype == np.float32
        assert soft.min() >= 0
        assert soft.max() <= 1
    assert edges.lines.shape == edges.soft.shape
    assert edges.draw(thin=True).size == size


class TestNetwork(PredictorTests):
    predictor_class, engines = EdgeDetector, ENGINES

    @pytest.fixture
    def predictor(self, untrained):
        return untrained

    def check(self, result, size):
        check(result, size)
        assert result.engine == "rds"

    def values(self, result):
        return [result.soft, *result.side_outputs]


@pytest.mark.parametrize(("engine", "scales"), [("rds", (0.25, 2)), ("canny", (1,)), ("canny", (0.25, 2))])
@pytest.mark.parametrize("size", SIZES)
def test_the_result_has_the_size_of_the_image(engine, size, scales, untrained):
    detector = untrained if engine == "rds" else EdgeDetector.load(engine)
    edges = detector(astronaut(*size), scales=scales)
    check(edges, size)
    assert edges.engine == engine


def test_scales_are_averaged(untrained):
    image = astronaut(96, 64)
    maps = [untrained(image, scales=[scale]).soft for scale in (0.5, 1, 1.5)]
    np.testing.assert_allclose(untrained(image, scales=(0.5, 1, 1.5)).soft, np.mean(maps, 0), atol=1e-6)


def test_the_threshold_comes_from_the_weights(untrained, folder):
    assert untrained.threshold == untrained(astronaut(8, 8)).threshold == 0.4
    assert untrained(astronaut(8, 8), threshold=np.float32(0.25)).threshold == 0.25
    config = json.loads((folder / "config.json").read_text())
    try:
        for threshold in (7, "high"):
            weights.update_config(folder, threshold=threshold)
            with pytest.raises(WeightsError, match=rf"config\.json.*received {threshold!r}"):
                EdgeDetector.load(folder=folder)
    finally:
        weights.update_config(folder, **config)


def test_the_edges_are_a_mean_of_the_maps_above_a_floor(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    image = astronaut(48, 32)
    *sides, fusion = EdgeDetector.load(folder=tmp_path).backend.edge_maps(image)
    weights.update_config(tmp_path, map_weights=[1, 0, 0, 0, 0, 3], map_floor=0.2)
    maps = EdgeDetector.load(folder=tmp_path).backend.edge_maps(image)
    torch.testing.assert_close(maps[-1], ((sides[0] + 3 * fusion) / 4 - 0.2).clamp(min=0) / 0.8)
    torch.testing.assert_close(maps[0], sides[0])


@pytest.mark.parametrize("config", [{"map_weights": [1, 2]}, {"map_weights": [0] * 6}, {"map_floor": 1}])
def test_a_mean_that_is_none_is_refused(config, folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights.update_config(tmp_path, **config)
    with pytest.raises(WeightsError, match=r"config\.json.*received "):
        EdgeDetector.load(folder=tmp_path)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "0.5", 2])
def test_a_threshold_out_of_range_is_refused(threshold, untrained):
    with pytest.raises(ValueError, match=f"0..1, received {threshold!r}"):
        untrained(astronaut(8, 8), threshold=threshold)


@pytest.mark.parametrize("scales", [(), (0.2,), (1, 2.5), (1,) * 5, 1.0, None, ("big",), (float("nan"),)])
def test_scales_out_of_range_are_refused(scales, untrained):
    with pytest.raises(ValueError, match=r"1 to 4 factors in 0\.25\.\.2, received"):
        untrained(astronaut(8, 8), scales=scales)


class Constant(EdgeBackend):
    """A backend that returns 0.5 everywhere and records the sizes of its inputs."""

    threshold = 0.5

    def __init__(self):
        self.pixels = []

    def edge_maps(self, image):
        self.pixels.append(image.width * image.height)
        return torch.full((6, image.height, image.width), 0.5)


@pytest.mark.parametrize("size", [(4200, 1000), (65, 65_000)])
@pytest.mark.parametrize("scale", [0.25, 1.0, 1.5])
def test_inputs_of_a_backend_are_bounded(size, scale):
    backend = Constant()
    edges = EdgeDetector("constant", backend)(Image.new("RGB", size), scales=[scale])
    assert max(backend.pixels) <= module.TILE_PIXELS
    assert edges.soft.dtype == edges.side_outputs[0].dtype == np.float16  # half the memory
    np.testing.assert_allclose(edges.soft, 0.5, atol=1e-3)


def test_large_images_are_computed_smaller_at_several_scales(monkeypatch):
    monkeypatch.setattr(module, "MAX_NETWORK_PIXELS", 100 * 80)
    backend = Constant()
    detector = EdgeDetector("constant", backend)
    image = Image.new("RGB", (100, 80))
    edges = detector(image, scales=(0.5, 1, 1.5))
    assert edges.size == (100, 80)
    assert edges.working_size == (53, 43)
    assert sum(backend.pixels) <= 1.05 * 100 * 80
    assert detector(image).working_size is None


def test_tiles_do_not_show(rds, monkeypatch):
    image = Image.fromarray(data.astronaut()).resize((1024, 1024)).crop((0, 200, 1024, 520))
    whole = rds(image)
    monkeypatch.setattr(module, "TILE_PIXELS", 640 * 320)
    tiled = rds(image)
    difference = np.abs(tiled.soft - whole.soft)
    assert difference.mean() < 0.001
    assert difference.max() < 0.05
    # Where two tiles meet, steps from column to column are as large as without tiles.
    steps = [np.abs(np.diff(soft, axis=1)).mean(0) for soft in (tiled.soft, whole.soft)]
    assert np.abs(steps[0] - steps[1]).max() < 0.05 * steps[1].mean()
    dilated = ndimage.binary_dilation(tiled.lines, np.ones((3, 3)))
    assert dilated[whole.lines].mean() > 0.99


def test_a_run_reports_each_tile_and_stops_before_the_next_one():
    backend, stop, reports = Constant(), threading.Event(), []

    def report(finished, total):
        reports.append((finished, total))
        if finished == 3:
            stop.set()

    detector = EdgeDetector("constant", backend)
    image = Image.new("RGB", (4200, 1000))
    with pytest.raises(StoppedError):
        detector(image, progress=report, stop=stop)
    assert len(backend.pixels) == 3
    total = reports[0][1]
    assert reports == [(n + 1, total) for n in range(3)]
    stop.clear()
    reports.clear()
    detector(image, scales=(1, 0.5), progress=report)
    assert reports[-1][0] == reports[-1][1] > total


def test_the_default_engine_detects_outlines(rds):
    """A scene with known outlines: a disc and a square, with noise as texture."""
    noise = np.random.default_rng(0).normal(0, 8, (240, 320, 3))
    scene = np.full((240, 320, 3), 90.0)
    y, x = np.mgrid[:240, :320]
    shapes = ((y - 120) ** 2 + (x - 90) ** 2 < 60**2) | ((abs(y - 120) < 55) & (abs(x - 235) < 50))
    scene[shapes] = 190
    edges = rds(np.clip(scene + noise, 0, 255).astype(np.uint8))
    outline = shapes ^ ndimage.binary_erosion(shapes)
    distance = ndimage.distance_transform_edt(~outline)
    assert (distance[edges.lines] < 4).mean() > 0.9
    assert (ndimage.distance_transform_edt(~edges.lines)[outline] < 4).mean() > 0.9
