"""Batches of a training: cached region features, test-time augmentation views, and random draws."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.region_features import IMAGE_SIZE, Framing, embed_views, load_backbone
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training import feature_cache
from shared.crossmodal.training.batches import PairSampler, add_typos, augment_image
from shared.crossmodal.training.feature_cache import cached_features, region_features
from shared.crossmodal.training.teacher import TEACHER_DIM
from shared.networks.crossmodal.joint import JointSpace

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def backbone(recognition_folder):
    """Backbone with random weights, and their digest."""
    return load_backbone(recognition_folder)


def noise_image(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def test_region_features_are_cached_and_resume(backbone, color_folder, tmp_path, monkeypatch):
    network, digest, _ = backbone
    assert len(digest) == 64
    images = read_flickr8k(color_folder, "train").images
    path = tmp_path / "rows.npy"
    rows = cached_features(path, network, images)
    assert rows.shape == (8, 10, network.CHANNELS)
    assert np.array_equal(rows[3:4], region_features(network, [images[3].image()]))
    # An interrupted computation leaves these two files.
    path.rename(path.with_suffix(".partial"))
    path.with_suffix(".done").write_text("6")
    described = []

    def counted_features(network, images, *args, **options):
        described.extend(images)
        return region_features(network, images, *args, **options)

    monkeypatch.setattr(feature_cache, "region_features", counted_features)
    assert np.array_equal(cached_features(path, network, images), rows)
    assert len(described) == 2
    with pytest.raises(ValueError, match="another folder"):
        cached_features(path, network, images[:3])


def test_mirrored_features_are_those_of_the_mirrored_image(backbone):
    image = noise_image(64, 64)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    expected = region_features(backbone.network, [mirrored])
    assert np.array_equal(region_features(backbone.network, [image], mirrored=True), expected)


def test_embeddings_of_several_views_are_averaged(backbone):
    image, network = noise_image(70, 50), backbone.network
    encoder = JointSpace(["plain"], features=8, width=8, hidden=4).image.eval()

    def embed(**view):
        return encoder(torch.from_numpy(region_features(network, [image], **view)).float())[0]

    mean = (embed(framing=Framing(96)) + embed(framing=Framing(64), mirrored=True)) / 2
    views = [(96, False), (64, True)]
    assert torch.allclose(embed_views(network, encoder, image, views), mean, atol=1e-5)
    assert torch.allclose(embed_views(network, encoder, image), embed(), atol=1e-5)


@pytest.fixture(scope="module")
def pairs(color_folder):
    """Sampler whose features are the number of an image, or its negative (mirrored)."""
    data = read_flickr8k(color_folder, "train")
    rows = np.arange(8, dtype=np.float16)[:, None, None].repeat(10, 1)
    teacher = np.ones((40, TEACHER_DIM), np.float16)
    return PairSampler(data, SubwordTokenizer([], 64), [rows, -rows], teacher)


def test_the_seed_alone_decides_the_batch(pairs):
    batch, repeated, different = (pairs.draw(5, seed) for seed in (1, 1, 2))
    assert all(torch.equal(first, second) for first, second in zip(batch, repeated, strict=True))
    assert not torch.equal(batch[0], different[0])


def test_a_batch_holds_distinct_images_with_a_text_each(pairs):
    features, subword_ids, ids, classes, teacher = pairs.draw(5, 1)
    assert len(subword_ids) == 5
    images = features[:, 0, 0].abs().long()
    assert len(set(images.tolist())) == 5
    identities = pairs.data.identities
    assert ids.tolist() == [identities[image] for image in images]
    assert identities.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]  # images of one color share all their texts
    assert not classes.any()
    assert teacher.shape == (5, TEACHER_DIM)


def test_several_texts_of_an_image_are_distinct_and_in_a_row(pairs):
    features, subword_ids, ids, classes, teacher = pairs.draw(5, 1, texts_per_image=3)
    assert (len(features), len(subword_ids), len(classes), len(teacher)) == (5, 15, 15, 15)
    assert ids.view(5, 3).unique(dim=1).shape == (5, 1)
    for texts in subword_ids.view(5, 3, -1):
        assert len({tuple(text.tolist()) for text in texts}) == 3


def test_images_are_drawn_where_there_are_no_features(pairs):
    sampler = PairSampler(pairs.data, pairs.tokenizer)
    assert sampler.draw(3, 0, size=40)[0].shape == (3, 3, 40, 40)


def test_a_typo_keeps_most_letters_of_a_word():
    rng = np.random.default_rng(0)
    words = {add_typos("skateboard", rng, rate=1) for _ in range(50)}
    assert len(words) > 10
    assert all(abs(len(word) - 10) <= 1 and set(word) <= set("skateboard") for word in words)
    assert add_typos("a cat on top", np.random.default_rng(0), rate=1) == "a cat on top"


def test_an_image_of_any_shape_is_augmented_to_a_square():
    image = Image.new("RGB", (3, 900))
    assert augment_image(image, np.random.default_rng(0)).shape == (1, 3, IMAGE_SIZE, IMAGE_SIZE)


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((100, 100), (256, 256)),
        ((640, 480), (288, 224)),
        ((480, 640), (224, 288)),
        ((600, 400), (320, 208)),
        ((10, 2000), (208, 320)),
        ((3000, 1), (320, 208)),
    ],
)
def test_an_image_keeps_the_nearest_aspect_ratio(size, sides):
    assert Framing(256, keeps_aspect=True).sides(Image.new("RGB", size)) == sides
    assert Framing(256).sides(Image.new("RGB", size)) == (256, 256)
