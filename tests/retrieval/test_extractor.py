"""Extraction of descriptors: one image, batches, streams, several backbones, heads that do not fit."""

import logging
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.cfn import CFN
from shared.retrieval.descriptor.backbones import (
    CHANNELS,
    EXTRACTORS,
    extractor_levels,
    feature_maps,
    network_levels,
)
from shared.retrieval.descriptor.extractor import Extractor, input_size
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.pooling import gem
from shared.retrieval.descriptor.whitening import Whitening
from tests.predictors import PredictorTests, astronaut, with_random_weights


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[64, 96]), device="cpu")


class TestExtractor(PredictorTests):
    predictor_class, engines = Extractor, EXTRACTORS

    @pytest.fixture
    def predictor(self, extractor):
        return extractor

    def check(self, result, size):
        assert result.shape == (CHANNELS["mid"] + CHANNELS["high"],)
        assert result.dtype == np.float32
        assert np.linalg.norm(result) == pytest.approx(1, abs=1e-5)

    def values(self, result):
        return [result]

    def test_engines_are_complete_rows_under_their_names(self):
        for name, backbones in self.engines.items():
            assert len(backbones) == (2 if name == "both" else 1)
            assert all(weights.find(backbone.weights).is_dir() for backbone in backbones)


def test_a_batch_equals_single_calls(extractor):
    images = [astronaut(60, 40), astronaut(31, 97), astronaut(61, 40), np.zeros((20, 20), np.uint8)]
    boxes = [None, (0, 0, 31, 50), None, None]
    expected = [extractor(image, box) for image, box in zip(images, boxes, strict=True)]
    np.testing.assert_allclose(extractor.batch(images, boxes), expected, atol=1e-5)
    batched = Extractor("cfn", extractor.network, extractor.head)
    batched._batch_size = 16  # as on a GPU: images of one shape share a pass
    np.testing.assert_allclose(batched.batch(images, boxes), expected, atol=1e-5)
    assert extractor.batch([]).shape == (0, extractor.head.dims)
    with pytest.raises(ImageError):
        extractor.batch([images[0], b"not an image"])


def test_a_descriptor_step_by_step(extractor):
    image = astronaut(90, 60)
    pooled = {"mid": [], "high": []}
    for size in (64, 96):
        maps = extractor.maps(image, size)
        width, height = input_size(image.size, size)
        assert maps["mid"].shape == (576, height // 16, width // 16)
        assert maps["high"].shape == (1280, -(-height // 32), -(-width // 32))
        assert all(0 <= x.min() <= x.max() <= 6 for x in maps.values())
        for level, x in maps.items():
            pooled[level].append(F.normalize(gem(torch.from_numpy(x)[None]), dim=-1))
    levels = [F.normalize(sum(vectors), dim=-1) for vectors in pooled.values()]
    expected = F.normalize(torch.cat(levels, 1), dim=-1)[0]
    np.testing.assert_allclose(extractor(image), expected, atol=1e-5)


def test_the_high_level_is_what_the_classifier_averages():
    network = with_random_weights(CFN(classes=3, fusion="none"))
    x = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(feature_maps(network, x, ["high"])["high"], network.branch_maps(x)[0])
    assert feature_maps(network, x, ["mid"]).keys() == {"mid"}


def test_levels_of_mobilenet_v1():
    network = with_random_weights(MobileNetV1())
    x = torch.rand(1, 3, 64, 96)
    maps = feature_maps(network, x)
    assert {level: values.shape[1] for level, values in maps.items()} == {"mid-v1": 512, "high-v1": 1024}
    torch.testing.assert_close(maps["high-v1"], network(x * 2 - 1)[-1])
    with pytest.raises(ValueError, match=r"some of mid-v1, high-v1, received \['high'\]"):
        feature_maps(network, x, ["high"])


def test_levels_of_efficientnet_lite():
    network = with_random_weights(EfficientNetLite())
    x = torch.rand(1, 3, 64, 96)
    maps = feature_maps(network, x)
    assert {level: tuple(values.shape[1:]) for level, values in maps.items()} == {
        "mid-lite": (720, 4, 6),
        "high-lite": (1280, 2, 3),
    }
    torch.testing.assert_close(maps["high-lite"], network(x * 2 - 1)[1])
    assert all(0 <= values.min() <= values.max() <= 6 for values in maps.values())


def test_an_extractor_has_the_levels_of_its_backbones():
    assert extractor_levels("cfn") == extractor_levels("plain") == ("mid", "high")
    assert extractor_levels("both") == extractor_levels("lite") + extractor_levels("mobilenet")
    assert extractor_levels("cfn") + extractor_levels("both") == tuple(CHANNELS)


def test_an_ensemble_has_the_maps_of_each_backbone(lite_folder, mobilenet_folder):
    folders = [lite_folder, mobilenet_folder]
    lite_head, mobilenet_head = (DescriptorHead([level], sizes=[64]) for level in ("high-lite", "high-v1"))
    lite = Extractor.load("lite", folder=lite_folder, head=lite_head, device="cpu")
    mobilenet = Extractor.load("mobilenet", folder=mobilenet_folder, head=mobilenet_head, device="cpu")
    head = DescriptorHead(extractor_levels("both"), sizes=[64, 96])
    ensemble = Extractor.load("both", folder=folders, head=head, device="cpu")
    assert network_levels(ensemble.network) == head.levels
    maps = ensemble.maps(astronaut(60, 40), 64)
    assert maps.keys() == set(head.levels)
    for member in (lite, mobilenet):
        for level, values in member.maps(astronaut(60, 40), 64).items():
            np.testing.assert_allclose(maps[level], values, atol=1e-5)
    assert ensemble(astronaut(60, 40)).shape == (sum(CHANNELS[level] for level in head.levels),)
    assert ensemble.network_digest == f"{lite.network_digest}+{mobilenet.network_digest}"


def test_a_backbone_without_a_level_of_the_head_does_not_run(lite_folder, mobilenet_folder, monkeypatch):
    head = DescriptorHead(["high-v1"], sizes=[64])
    ensemble = Extractor.load("both", folder=[lite_folder, mobilenet_folder], head=head, device="cpu")
    mobilenet = Extractor.load("mobilenet", folder=mobilenet_folder, head=head, device="cpu")
    monkeypatch.setattr(ensemble.network[0].base, "forward", None)
    np.testing.assert_allclose(ensemble(astronaut(60, 40)), mobilenet(astronaut(60, 40)), atol=1e-5)


def test_backbones_head_and_folders_must_fit(network_folder, mobilenet_folder):
    with pytest.raises(ValueError, match="pools mid, high, but the engine mobilenet has mid-v1, high-v1"):
        Extractor.load("mobilenet", folder=mobilenet_folder, head=DescriptorHead())
    with pytest.raises(ValueError, match="each of the engine's 2 networks, received 1"):
        Extractor.load("both", folder=network_folder, head=DescriptorHead())
    with pytest.raises(WeightsError, match="does not fit MobileNetV1"):
        Extractor.load("mobilenet", folder=network_folder, head=DescriptorHead(["mid-v1"]))


def test_several_heads_share_a_pass(extractor):
    heads = {
        "a": DescriptorHead(["high"], "mac", sizes=[64]),
        "b": DescriptorHead(["mid"], "rmac", sizes=[96]),
    }
    descriptors = extractor.compare_heads(astronaut(60, 40), heads)
    for name, head in heads.items():
        expected = Extractor("cfn", extractor.network, head)(astronaut(60, 40))
        np.testing.assert_allclose(descriptors[name], expected, atol=1e-6)


def test_a_box_describes_a_part(extractor):
    image = astronaut(120, 80)
    np.testing.assert_array_equal(extractor(image, (10, 20, 70, 60)), extractor(image.crop((10, 20, 70, 60))))
    np.testing.assert_array_equal(extractor(image, (-50, -50, 500, 500)), extractor(image))
    for box in ((10, 10, 10, 20), (130, 0, 150, 20), (50, 50, 40, 60)):
        with pytest.raises(ImageError, match="must lie in"):
            extractor(image, box)


@pytest.mark.parametrize("size", [(4, 3), (3, 4), (1000, 667), (5000, 1), (7, 7), (333, 1000)])
def test_the_network_sees_the_shape_of_the_image(size):
    width, height = input_size(size, 320)
    assert max(width, height) == 320
    assert width % 16 == height % 16 == 0
    assert min(width, height) >= 32
    if max(size) < 8 * min(size):
        assert np.log(width / height) == pytest.approx(np.log(size[0] / size[1]), abs=0.08)


def test_a_stream_skips_unusable_files(extractor, image_folder, tmp_path):
    good = sorted(image_folder.glob("*.png"))[:3]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(good[0], "a.png")
        archive.writestr("b.jpg", b"not an image")
        archive.write(good[1], "c.png")
        archive.writestr("d.png", good[2].read_bytes()[:200])
    damaged = bytearray((tmp_path / "photos.zip").read_bytes())
    damaged[100] ^= 255  # in the data of a.png, so that its checksum fails
    (tmp_path / "damaged.zip").write_bytes(damaged)
    images = [
        *read_images([tmp_path / "photos.zip"]),
        ImageFile(tmp_path / "missing.png"),
        read_images([tmp_path / "damaged.zip"])[0],
        ImageFile(good[2]),
    ]
    skipped = []
    described = list(extractor.stream(iter(images), on_skip=lambda *reason: skipped.append(reason)))
    assert [image.name for image, _ in described] == ["a", "c", good[2].stem]
    for (_, row), path in zip(described, good, strict=True):
        # sums are rounded in another order on one core than on several
        np.testing.assert_allclose(row, extractor(path), atol=1e-6)
    assert [image.name for image, _ in skipped] == ["b", "d", "missing", "a"]
    assert all(reason for _, reason in skipped)
    assert "is not a picture" in skipped[0][1]


def test_a_stream_reads_only_a_little_ahead(extractor, image_folder):
    requested = []

    def endless():
        while True:
            requested.append(ImageFile(image_folder / "0.png"))
            yield requested[-1]

    stream = extractor.stream(endless(), buffer_size=3)
    for _ in range(2):
        next(stream)
    assert len(requested) == 5
    stream.close()


def test_skipped_files_are_logged_by_default(extractor, tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"not an image")
    with caplog.at_level(logging.WARNING):
        assert list(extractor.stream([ImageFile(tmp_path / "a.png")])) == []
    assert "a.png" in caplog.text


def test_parallel_streams_equal_batches(extractor, image_folder, monkeypatch):
    images = read_images([image_folder]) * 3
    assert extractor.worker_pool.workers == torch.get_num_threads()
    monkeypatch.setattr(extractor, "worker_pool", replace(extractor.worker_pool, workers=3))
    described = list(extractor.stream(images))
    assert [image for image, _ in described] == images
    rows = np.stack([row for _, row in described])
    np.testing.assert_allclose(rows, extractor.batch([image.image() for image in images]), atol=1e-5)
    monkeypatch.setattr(extractor, "worker_pool", None)  # as on a GPU, which describes one after another
    np.testing.assert_allclose(rows, np.stack([row for _, row in extractor.stream(images)]), atol=1e-5)


def test_a_trained_head_belongs_to_one_network(network_folder, tmp_path):
    head = DescriptorHead(["high"], "spoc", sizes=[64], dims=5)
    assert head.whitening().projection.shape == (5, 1280)
    rng = np.random.default_rng(0)
    mean, projection = rng.normal(size=1280), rng.normal(size=(5, 1280))
    whitening = Whitening(mean.astype(np.float32), projection.astype(np.float32))
    head.whiten(whitening)
    config = {"network": weights.digest(network_folder)}
    folder = weights.save(head, tmp_path / "head", config=config, half=False)
    trained = Extractor.load(folder=network_folder, head=folder, device="cpu")
    plain_head = DescriptorHead(["high"], "spoc", sizes=[64])
    assert plain_head.whitening() is None
    plain = Extractor.load(folder=network_folder, head=plain_head, device="cpu")
    assert trained(astronaut(50, 40)).shape == (5,)
    expected = whitening.apply(plain.batch([astronaut(50, 40)]))
    np.testing.assert_allclose(trained.batch([astronaut(50, 40)]), expected, atol=1e-5)
    weights.update_config(folder, network="another")
    message = r"trained for other weights .* shared\.retrieval\.train whitening"
    with pytest.raises(WeightsError, match=message):
        Extractor.load(folder=network_folder, head=folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": ["low"]}, r"some of mid, high, mid-lite, high-lite, mid-v1, high-v1, received \['low'\]"),
        ({"levels": []}, "some of mid, high"),
        ({"pooling": "max"}, "one of mac, spoc, crow, gem, rmac, received 'max'"),
        ({"sizes": []}, "at least one"),
    ],
)
def test_a_head_that_cannot_be_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        DescriptorHead(**arguments)


def test_a_head_without_whitening_needs_no_weights():
    assert DescriptorHead(["mid"]).dims == 576
    assert DescriptorHead(dims=7).dims == 7


def test_power_normalisation_follows_pooling():
    maps = {64: {"high": torch.rand(2, 1280, 2, 2), "mid": torch.rand(2, 576, 4, 4)}}
    plain, rooted = (DescriptorHead(["high"], "mac", root=root, sizes=[64])(maps) for root in (1.0, 0.5))
    torch.testing.assert_close(rooted, F.normalize(plain.sqrt(), dim=-1))
