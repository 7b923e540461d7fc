"""Pictures become descriptors: one by one, in batches, in streams, as a whole and in part."""

import logging
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

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
from shared.retrieval.descriptor.extractor import Extractor, crop, fit, network_digest
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.pooling import gem, l2_normalize
from shared.retrieval.descriptor.whitening import Whitening
from tests.predictors import DoerTests, lively, photo


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[64, 96]), device="cpu")


class TestExtractor(DoerTests):
    doer_class, engines = Extractor, EXTRACTORS

    @pytest.fixture
    def doer(self, extractor):
        return extractor

    def check(self, result, size):
        assert result.shape == (CHANNELS["mid"] + CHANNELS["high"],)
        assert result.dtype == np.float32
        assert np.linalg.norm(result) == pytest.approx(1, abs=1e-5)

    def values(self, result):
        return [result]


def test_a_batch_gives_what_single_calls_give(extractor):
    pictures = [photo(60, 40), photo(31, 97), photo(61, 40), np.zeros((20, 20), np.uint8)]
    boxes = [None, (0, 0, 31, 50), None, None]
    expected = [extractor(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    np.testing.assert_allclose(extractor.batch(pictures, boxes), expected, atol=1e-5)
    together = Extractor("cfn", extractor.network, extractor.head)
    together._together = 16  # as on a GPU: pictures of one shape share a pass
    np.testing.assert_allclose(together.batch(pictures, boxes), expected, atol=1e-5)
    assert extractor.batch([]).shape == (0, extractor.head.dims)
    with pytest.raises(ImageError):
        extractor.batch([pictures[0], b"not a picture"])


def test_a_descriptor_step_by_step(extractor):
    picture = photo(90, 60)
    levels = {"mid": [], "high": []}
    for size in (64, 96):
        maps = extractor.maps(picture, size)
        width, height = fit(picture.size, size)
        assert maps["mid"].shape == (576, height // 16, width // 16)
        assert maps["high"].shape == (1280, -(-height // 32), -(-width // 32))
        assert all(0 <= one.min() <= one.max() <= 6 for one in maps.values())
        for level, one in maps.items():
            levels[level].append(l2_normalize(gem(torch.from_numpy(one)[None])))
    parts = [l2_normalize(sum(vectors)) for vectors in levels.values()]
    np.testing.assert_allclose(extractor(picture), l2_normalize(torch.cat(parts, 1))[0], atol=1e-5)


def test_the_high_level_is_what_the_classifier_averages():
    network = lively(CFN(classes=3, fusion="none"))
    x = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(feature_maps(network, x, ["high"])["high"], network.branch_maps(x)[0])
    assert feature_maps(network, x, ["mid"]).keys() == {"mid"}


def test_levels_of_a_network_that_halves_elsewhere():
    network = lively(MobileNetV1())
    x = torch.rand(1, 3, 64, 96)
    maps = feature_maps(network, x)
    assert {level: one.shape[1] for level, one in maps.items()} == {"mid-v1": 512, "high-v1": 1024}
    torch.testing.assert_close(maps["high-v1"], network(x * 2 - 1)[-1])
    with pytest.raises(ValueError, match=r"some of mid-v1, high-v1, received \['high'\]"):
        feature_maps(network, x, ["high"])


def test_levels_of_a_network_with_a_wide_last_layer():
    network = lively(EfficientNetLite())
    x = torch.rand(1, 3, 64, 96)
    maps = feature_maps(network, x)
    assert {level: tuple(one.shape[1:]) for level, one in maps.items()} == {
        "mid-lite": (720, 4, 6),
        "high-lite": (1280, 2, 3),
    }
    torch.testing.assert_close(maps["high-lite"], network(x * 2 - 1)[1])
    assert all(0 <= one.min() <= one.max() <= 6 for one in maps.values())


def test_every_engine_has_the_levels_of_its_networks():
    assert extractor_levels("cfn") == extractor_levels("plain") == ("mid", "high")
    assert extractor_levels("both") == extractor_levels("lite") + extractor_levels("mobilenet")
    assert extractor_levels("cfn") + extractor_levels("both") == tuple(CHANNELS)


def test_two_networks_describe_as_each_alone(lite_folder, second_folder):
    folders = [lite_folder, second_folder]
    plain = DescriptorHead(["high-lite"], sizes=[64])
    extractor = Extractor.load("lite", folder=lite_folder, head=plain, device="cpu")
    head = DescriptorHead(extractor_levels("both"), sizes=[64, 96])
    both = Extractor.load("both", folder=folders, head=head, device="cpu")
    assert network_levels(both.network) == head.levels
    first, second = extractor.maps(photo(60, 40), 64), both.maps(photo(60, 40), 64, ["high-v1", "mid-v1"])
    together = both.maps(photo(60, 40), 64)
    assert together.keys() == set(head.levels)
    for level, one in (first | second).items():
        np.testing.assert_allclose(together[level], one, atol=1e-5)
    assert both(photo(60, 40)).shape == (sum(CHANNELS[level] for level in head.levels),)
    assert network_digest(*folders) == f"{network_digest(lite_folder)}+{network_digest(second_folder)}"


def test_a_network_that_is_not_needed_does_not_run(lite_folder, second_folder, monkeypatch):
    head = DescriptorHead(["high-v1"], sizes=[64])
    both = Extractor.load("both", folder=[lite_folder, second_folder], head=head, device="cpu")
    alone = Extractor.load("mobilenet", folder=second_folder, head=head, device="cpu")
    monkeypatch.setattr(both.network[0].base, "forward", None)
    np.testing.assert_allclose(both(photo(60, 40)), alone(photo(60, 40)), atol=1e-5)


def test_networks_head_and_folders_must_fit_together(network_folder, second_folder):
    with pytest.raises(ValueError, match="pools mid, high, but the engine mobilenet has mid-v1, high-v1"):
        Extractor.load("mobilenet", folder=second_folder, head=DescriptorHead())
    with pytest.raises(ValueError, match="each of the engine's 2 networks, received 1"):
        Extractor.load("both", folder=network_folder, head=DescriptorHead())
    with pytest.raises(WeightsError, match="does not fit MobileNetV1"):
        Extractor.load("mobilenet", folder=network_folder, head=DescriptorHead(["mid-v1"]))


def test_several_heads_see_one_pass(extractor):
    heads = {
        "a": DescriptorHead(["high"], "mac", sizes=[64]),
        "b": DescriptorHead(["mid"], "rmac", sizes=[96]),
    }
    found = extractor.compare(photo(60, 40), heads)
    for name, head in heads.items():
        alone = Extractor("cfn", extractor.network, head)(photo(60, 40))
        np.testing.assert_allclose(found[name], alone, atol=1e-6)


def test_a_box_is_a_part_of_the_picture(extractor):
    picture = photo(120, 80)
    np.testing.assert_array_equal(
        extractor(picture, (10, 20, 70, 60)), extractor(picture.crop((10, 20, 70, 60)))
    )
    np.testing.assert_array_equal(extractor(picture, (-50, -50, 500, 500)), extractor(picture))
    assert crop(picture, (100.4, 9.6, 300, 300)).size == (20, 70)
    for box in ((10, 10, 10, 20), (130, 0, 150, 20), (50, 50, 40, 60)):
        with pytest.raises(ValueError, match=r"The part must lie in the picture of \(120, 80\), received"):
            crop(picture, box)


@pytest.mark.parametrize("size", [(4, 3), (3, 4), (1000, 667), (5000, 1), (7, 7), (333, 1000)])
def test_the_shape_of_a_picture_stays(size):
    width, height = fit(size, 320)
    assert max(width, height) == 320
    assert width % 16 == height % 16 == 0
    assert min(width, height) >= 32
    if max(size) < 8 * min(size):
        assert np.log(width / height) == pytest.approx(np.log(size[0] / size[1]), abs=0.08)


def test_a_stream_skips_what_is_not_a_picture(extractor, photo_folder, tmp_path):
    good = sorted(photo_folder.glob("*.png"))[:3]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(good[0], "a.png")
        archive.writestr("b.jpg", b"not a picture")
        archive.write(good[1], "c.png")
        archive.writestr("d.png", good[2].read_bytes()[:200])
    damaged = bytearray((tmp_path / "photos.zip").read_bytes())
    damaged[100] ^= 255  # in the data of a.png, so that its checksum fails
    (tmp_path / "damaged.zip").write_bytes(damaged)
    photos = [
        *read_images([tmp_path / "photos.zip"]),
        ImageFile(tmp_path / "gone.png"),
        read_images([tmp_path / "damaged.zip"])[0],
        ImageFile(good[2]),
    ]
    skipped = []
    found = list(extractor.stream(iter(photos), skipped=lambda *one: skipped.append(one)))
    assert [one.name for one, _ in found] == ["a", "c", good[2].stem]
    for (_, vector), path in zip(found, good, strict=True):
        # on one core and on several, sums are rounded in another order
        np.testing.assert_allclose(vector, extractor(path), atol=1e-6)
    assert [one.name for one, _ in skipped] == ["b", "d", "gone", "a"]
    assert all(reason for _, reason in skipped)
    assert "is not a picture" in skipped[0][1]


def test_a_stream_reads_only_a_little_ahead(extractor, photo_folder):
    taken = []

    def endless():
        while True:
            taken.append(ImageFile(photo_folder / "0.png"))
            yield taken[-1]

    stream = extractor.stream(endless(), ahead=3)
    for _ in range(2):
        next(stream)
    assert len(taken) == 5
    stream.close()


def test_without_a_listener_what_is_skipped_is_logged(extractor, tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with caplog.at_level(logging.WARNING):
        assert list(extractor.stream([ImageFile(tmp_path / "a.png")])) == []
    assert "a.png" in caplog.text


def test_a_trained_head_belongs_to_one_network(network_folder, tmp_path):
    head = DescriptorHead(["high"], "spoc", sizes=[64], dims=5)
    rng = np.random.default_rng(0)
    learned = Whitening(
        rng.normal(size=1280).astype(np.float32), rng.normal(size=(5, 1280)).astype(np.float32)
    )
    head.whiten(learned)
    folder = weights.save(
        head, tmp_path / "head", config={"network": network_digest(network_folder)}, half=False
    )
    trained = Extractor.load(folder=network_folder, head=folder, device="cpu")
    raw = Extractor.load(
        folder=network_folder, head=DescriptorHead(["high"], "spoc", sizes=[64]), device="cpu"
    )
    assert trained(photo(50, 40)).shape == (5,)
    expected = learned.apply(raw.batch([photo(50, 40)]))
    np.testing.assert_allclose(trained.batch([photo(50, 40)]), expected, atol=1e-5)
    weights.update_config(folder, network="another")
    with pytest.raises(
        WeightsError, match=r"trained for other weights .* shared\.retrieval\.train whitening"
    ):
        Extractor.load(folder=network_folder, head=folder)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"levels": ["low"]}, r"some of mid, high, mid-lite, high-lite, mid-v1, high-v1, received \['low'\]"),
        ({"levels": []}, "some of mid, high"),
        ({"pooling": "max"}, "one of mac, spoc, crow, gem, rmac, received 'max'"),
        ({"sizes": []}, "at least one"),
    ],
)
def test_a_head_that_cannot_be_says_so(wrong, message):
    with pytest.raises(ValueError, match=message):
        DescriptorHead(**wrong)


def test_power_normalisation_comes_after_pooling():
    x = {64: {"high": torch.rand(2, 1280, 2, 2), "mid": torch.rand(2, 576, 4, 4)}}
    plain, rooted = (DescriptorHead(["high"], "mac", root=root, sizes=[64])(x) for root in (1.0, 0.5))
    torch.testing.assert_close(rooted, l2_normalize(plain.sqrt()))


def test_threads_with_one_core_each_describe_as_one_with_all(extractor, photo_folder, monkeypatch):
    photos = read_images([photo_folder]) * 3
    assert extractor.worker_pool.workers == torch.get_num_threads()
    monkeypatch.setattr(extractor, "worker_pool", replace(extractor.worker_pool, workers=3))
    found = list(extractor.stream(photos))
    assert [photo for photo, _ in found] == photos
    rows = np.stack([row for _, row in found])
    np.testing.assert_allclose(rows, extractor.batch([photo.image() for photo in photos]), atol=1e-5)
    monkeypatch.setattr(extractor, "worker_pool", None)  # as where a GPU describes one after another
    np.testing.assert_allclose(rows, np.stack([row for _, row in extractor.stream(photos)]), atol=1e-5)
