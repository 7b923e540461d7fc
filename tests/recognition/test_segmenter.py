"""The segmenter: a class for every pixel of a picture of any size, within bounded memory."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from shared.core import weights
from shared.core.weights import WeightsError
from shared.networks.fcfn import FCFN
from shared.recognition import segmenter as module
from shared.recognition.engines import SEGMENTERS
from shared.recognition.segmenter import Segmenter, _enlarge
from tests.predictors import DoerTests, lively, photo

LABELS = ("background", "cat", "dog", "sea", "tree")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights that have learned nothing."""
    config = {"labels": LABELS, "background": 0, "size": 96}
    return weights.save(lively(FCFN(classes=len(LABELS))), tmp_path_factory.mktemp("weights"), config=config)


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.load(folder=folder, device="cpu")


class TestSegmenter(DoerTests):
    doer_class, engines = Segmenter, SEGMENTERS

    @pytest.fixture
    def doer(self, segmenter):
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
        shares = np.bincount(result.ids.ravel(), minlength=5) / result.ids.size
        return [result.confidence, shares.astype(np.float16)]


def test_the_result_keeps_the_picture(segmenter):
    picture = photo(60, 40)
    result = segmenter(np.asarray(picture))
    np.testing.assert_array_equal(np.asarray(result.image), np.asarray(picture))


@pytest.mark.parametrize(
    ("size", "seen"), [((50, 97), (96, 48)), ((960, 480), (48, 96)), ((1, 1), (96, 96)), ((1, 3000), (96, 4))]
)
def test_the_network_sees_every_picture_at_its_own_size(size, seen, segmenter):
    shapes = []
    handle = segmenter._network.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    segmenter(photo(*size))
    handle.remove()
    assert shapes == [(1, 3, *seen)]


def test_a_mirrored_picture_is_segmented_as_the_mirror_of_the_picture(folder, tmp_path):
    config = {**weights.read_config(folder), "mirror": True}
    both = Segmenter("fcfn", weights.load(FCFN, "fcfn", folder=folder), config)
    once = Segmenter("fcfn", both._network, {**config, "mirror": False})
    picture = photo(70, 50)
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    np.testing.assert_allclose(both(mirrored).confidence, both(picture).confidence[:, ::-1], atol=2e-3)
    assert not np.allclose(once(mirrored).confidence, once(picture).confidence[:, ::-1], atol=2e-3)


def scores(*columns: int, classes: int = 3) -> torch.Tensor:
    """Logits of one row of cells, each sure of the class in its column."""
    return 20 * F.one_hot(torch.tensor([columns]), classes).movedim(-1, 0)[None].float()


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_borders_lie_where_cells_meet(zoom):
    ids, confidence = _enlarge(scores(0, 2, 2, 1), (4, 16), (4 * zoom, 16 * zoom))
    assert (ids == ids[0]).all()
    assert ids[0].tolist() == [0] * 4 * zoom + [2] * 8 * zoom + [1] * 4 * zoom
    assert confidence.max() == 1
    assert confidence.min() >= 0.5


@pytest.mark.parametrize("values", [module.MAP_VALUES, 1])
def test_cells_beyond_the_picture_do_not_shift_it(values, monkeypatch):
    """Of the last cell only one column of four lies over the picture."""
    monkeypatch.setattr(module, "MAP_VALUES", values)
    ids, _ = _enlarge(scores(0, 2, 1), (1, 9), (1, 90))
    assert ids[0, :40].eq(0).all()
    assert ids[0, 40:80].eq(2).all()
    assert ids[0, 85:].eq(1).all()


@pytest.mark.parametrize("size", [(40, 64), (97, 203), (5, 3)])
def test_class_by_class_gives_the_same_as_all_at_once(size, monkeypatch):
    logits = torch.randn(1, 6, 10, 16, generator=torch.Generator().manual_seed(0))
    ids, confidence = _enlarge(logits, (37, 61), size)
    monkeypatch.setattr(module, "MAP_VALUES", 1)
    one_by_one = _enlarge(logits, (37, 61), size)
    assert torch.equal(one_by_one[0], ids)
    assert torch.equal(one_by_one[1], confidence)
    assert ids.shape == confidence.shape == size
    assert len(ids.unique()) == 6 or size == (5, 3)


def test_the_maps_of_a_large_picture_are_never_whole_at_once(segmenter, monkeypatch):
    width, height = 900, 700
    expected = segmenter(photo(width, height))
    made = []
    interpolate = F.interpolate

    def watched(*args, **settings):
        made.append(interpolate(*args, **settings))
        return made[-1]

    monkeypatch.setattr(F, "interpolate", watched)
    monkeypatch.setattr(module, "MAP_VALUES", 1_000_000)
    result = segmenter(photo(width, height))
    assert max(one.numel() for one in made) == width * height
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_array_equal(result.confidence, expected.confidence)


def test_classes_without_a_background(tmp_path):
    folder = weights.save(lively(FCFN(classes=2)), tmp_path / "w", config={"labels": ["a", "b"], "size": 64})
    result = Segmenter.load("fcfn", folder=folder, device="cpu")(photo(40, 30))
    assert result.background is None
    assert result.engine == "fcfn"
    assert sum(region.area_fraction for region in result.regions) == pytest.approx(1)


@pytest.mark.parametrize("labels", [None, [], LABELS[:-1]])
def test_weights_without_a_label_for_every_class_say_so(labels, folder):
    config = json.loads((folder / "config.json").read_text())
    try:
        weights.update_config(folder, labels=labels)
        with pytest.raises(WeightsError, match=r"config\.json must list a label for every class"):
            Segmenter.load(folder=folder)
    finally:
        weights.update_config(folder, **config)
