"""The segmenter: a class for each pixel of an image of any size, within bounded memory."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from shared.core import weights
from shared.core.weights import WeightsError
from shared.networks.fcfn import FCFN
from shared.recognition import fcfn_backend
from shared.recognition.engines import SEGMENTERS
from shared.recognition.fcfn_backend import FCFNBackend, upsample_classes
from shared.recognition.segmenter import Segmenter
from tests.predictors import PredictorTests, astronaut, with_random_weights

LABELS = ("background", "cat", "dog", "sea", "tree")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Untrained weights."""
    config = {"labels": LABELS, "background": 0, "size": 96}
    return weights.save(
        with_random_weights(FCFN(classes=len(LABELS))), tmp_path_factory.mktemp("weights"), config=config
    )


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.load(folder=folder, device="cpu")


class TestSegmenter(PredictorTests):
    predictor_class, engines = Segmenter, SEGMENTERS

    @pytest.fixture
    def predictor(self, segmenter):
        return segmenter

    def check(self, result, size):
        assert result.size == result.image.size == size
        assert result.ids.shape == result.confidence.shape == size[::-1]
        assert (result.ids.dtype, result.confidence.dtype) == (np.uint8, np.float16)
        assert result.ids.max() < len(LABELS)
        assert result.confidence.min() >= 1 / len(LABELS) - 1e-3
        assert result.confidence.max() <= 1
        assert (result.labels, result.background, result.engine) == (LABELS, 0, "fcfn")
        assert result.seconds > 0

    def values(self, result):
        frequencies = np.bincount(result.ids.ravel(), minlength=5) / result.ids.size
        return [result.confidence, frequencies.astype(np.float16)]


def test_result_has_the_image(segmenter):
    image = astronaut(60, 40)
    result = segmenter(np.asarray(image))
    np.testing.assert_array_equal(np.asarray(result.image), np.asarray(image))


@pytest.mark.parametrize(
    ("size", "input_size"),
    [((50, 97), (96, 48)), ((960, 480), (48, 96)), ((1, 1), (96, 96)), ((1, 3000), (96, 4))],
)
def test_input_has_the_longer_side_of_the_weights(size, input_size, segmenter):
    shapes = []
    handle = segmenter.backend.network.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    segmenter(astronaut(*size))
    handle.remove()
    assert shapes == [(1, 3, *input_size)]


def test_segmentation_of_a_mirror_image_is_the_mirror_image(folder):
    network = weights.load(FCFN, "fcfn", folder=folder)
    symmetric, plain = (
        Segmenter("fcfn", FCFNBackend(network, labels=LABELS, background=0, size=96, mirror=mirror))
        for mirror in (True, False)
    )
    image = astronaut(70, 50)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    np.testing.assert_allclose(
        symmetric(mirrored).confidence, symmetric(image).confidence[:, ::-1], atol=2e-3
    )
    assert not np.allclose(plain(mirrored).confidence, plain(image).confidence[:, ::-1], atol=2e-3)


def row_logits(*columns: int, classes: int = 3) -> torch.Tensor:
    """Return logits of one row of cells, each certain of the class in its column."""
    return 20 * F.one_hot(torch.tensor([columns]), classes).movedim(-1, 0)[None].float()


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_borders_lie_where_cells_meet(zoom):
    ids, confidence = upsample_classes(row_logits(0, 2, 2, 1), (4, 16), (4 * zoom, 16 * zoom))
    assert (ids == ids[0]).all()
    assert ids[0].tolist() == [0] * 4 * zoom + [2] * 8 * zoom + [1] * 4 * zoom
    assert confidence.max() == 1
    assert confidence.min() >= 0.5


@pytest.mark.parametrize("values", [fcfn_backend.MAX_MAP_VALUES, 1])
def test_cells_beyond_the_image_do_not_shift_it(values, monkeypatch):
    """Only one column of four of the last cell lies over the image."""
    monkeypatch.setattr(fcfn_backend, "MAX_MAP_VALUES", values)
    ids, _ = upsample_classes(row_logits(0, 2, 1), (1, 9), (1, 90))
    assert ids[0, :40].eq(0).all()
    assert ids[0, 40:80].eq(2).all()
    assert ids[0, 85:].eq(1).all()


@pytest.mark.parametrize("size", [(40, 64), (97, 203), (5, 3)])
def test_class_by_class_equals_all_at_once(size, monkeypatch):
    logits = torch.randn(1, 6, 10, 16, generator=torch.Generator().manual_seed(0))
    ids, confidence = upsample_classes(logits, (37, 61), size)
    monkeypatch.setattr(fcfn_backend, "MAX_MAP_VALUES", 1)
    by_class = upsample_classes(logits, (37, 61), size)
    assert torch.equal(by_class[0], ids)
    assert torch.equal(by_class[1], confidence)
    assert ids.shape == confidence.shape == size
    assert len(ids.unique()) == 6 or size == (5, 3)


def test_excluded_classes_leave_the_others_as_they_are():
    logits = torch.randn(1, 6, 10, 16, generator=torch.Generator().manual_seed(0)) * 3
    logits[:, [0, 3]] = -torch.inf
    ids, confidence = upsample_classes(logits, (37, 61), (75, 120))
    finite_ids, finite_confidence = upsample_classes(logits.clamp(min=-1e4), (37, 61), (75, 120))
    assert sorted(ids.unique().tolist()) == [1, 2, 4, 5]
    assert torch.equal(ids, finite_ids)
    torch.testing.assert_close(confidence, finite_confidence)


def test_maps_of_a_large_image_are_never_in_memory_at_once(segmenter, monkeypatch):
    width, height = 900, 700
    expected = segmenter(astronaut(width, height))
    sizes = []
    interpolate = F.interpolate

    def watched(*args, **settings):
        result = interpolate(*args, **settings)
        sizes.append(result.numel())
        return result

    monkeypatch.setattr(F, "interpolate", watched)
    monkeypatch.setattr(fcfn_backend, "MAX_MAP_VALUES", 1_000_000)
    result = segmenter(astronaut(width, height))
    assert max(sizes) == width * height
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_allclose(result.confidence, expected.confidence, rtol=1e-3)  # the last bit of float16


def test_classes_without_a_background(tmp_path):
    folder = weights.save(
        with_random_weights(FCFN(classes=2)), tmp_path / "w", config={"labels": ["a", "b"], "size": 64}
    )
    result = Segmenter.load("fcfn", folder=folder, device="cpu")(astronaut(40, 30))
    assert result.background is None
    assert result.engine == "fcfn"
    assert sum(region.area_fraction for region in result.regions) == pytest.approx(1)


@pytest.mark.parametrize("labels", [None, [], LABELS[:-1]])
def test_weights_without_a_label_for_every_class_are_refused(labels, folder):
    config = json.loads((folder / "config.json").read_text())
    try:
        weights.update_config(folder, labels=labels)
        with pytest.raises(WeightsError, match=r"config\.json must list a label for every class"):
            Segmenter.load(folder=folder)
    finally:
        weights.update_config(folder, **config)
