"""Training of the style network: distances, batches, cache of the teacher's results, benchmark."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import read_images
from shared.networks.style import StyleNetwork
from shared.training.feature_losses import content_distance, gram, style_distance
from shared.translation.benchmarks.painting import free_distances, named_distances
from shared.translation.painting.styles import STYLES
from shared.translation.training.painting.predictor import affine_matrix, vector_loss
from shared.translation.training.painting.targets import PaintingTargets, fill
from shared.translation.training.painting.teacher import NAMED_STYLES, VECTOR_LENGTH
from shared.translation.training.painting.transformer import PairSource, conditions, vector_scale
from tests.predictors import astronaut


class InvertingTeacher:
    """Stand-in for the public networks: inverts, and describes a style by its mean color."""

    def paint(self, image, style):
        return 255 - image

    def paint_as(self, image, vector):
        return 255 - image

    def style_vector(self, style):
        return np.resize(style.mean((0, 1)), VECTOR_LENGTH).astype(np.float32) / 255


@pytest.fixture
def cache(tmp_path):
    for index in range(3):
        astronaut(80 + 10 * index, 70).save(tmp_path / f"{index}.png")
    files = read_images([tmp_path])
    cache = PaintingTargets.create(tmp_path / "cache", 48, 7, 5)
    fill(cache, InvertingTeacher(), files, files, named=4)
    return PaintingTargets.load(tmp_path / "cache")


def test_the_cache_has_all_kinds_of_pairs(cache):
    assert sorted(cache.styles) == [-1, -1, -1, 0, 1, 2, 3]
    np.testing.assert_array_equal(cache.targets, 255 - cache.contents)
    free = cache.vectors[cache.styles < 0]
    assert all((cache.style_vectors == vector).all(1).any() for vector in free)
    assert not cache.vectors[cache.styles >= 0].any()


def test_every_pair_comes_once_in_an_epoch(cache):
    source = PairSource(cache, vector_scale(cache))
    photos = torch.cat([source.batch(2, step)[0] for step in range(3)])
    assert len(photos.flatten(1).unique(dim=0)) == 6
    for first, second in zip(source.batch(2, 1), source.batch(2, 1), strict=True):
        torch.testing.assert_close(first, second)
    assert photos.shape[1:] == (3, 48, 48)
    assert 0 <= photos.min() <= photos.max() <= 1


def test_named_styles_are_rows_of_the_table():
    network = StyleNetwork(styles=NAMED_STYLES)
    vectors = torch.randn(3, 100)
    rows = conditions(network, torch.tensor([4, -1, 25]), vectors)
    torch.testing.assert_close(rows, torch.stack([network.table[4], vectors[1], network.table[25]]))
    assert len(STYLES) == NAMED_STYLES


def test_distances_of_equal_maps_are_zero_and_relative():
    maps = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)]
    grams = [gram(x) for x in maps]
    assert content_distance(maps, maps).tolist() == [0, 0]
    assert style_distance(grams, grams).tolist() == [0, 0]
    louder = [10 * x for x in maps]
    shifted = [x + 1 for x in maps]
    scaled_shift = [10 * x for x in shifted]
    torch.testing.assert_close(
        content_distance(shifted, maps), content_distance(scaled_shift, louder), rtol=0.02, atol=0
    )
    torch.testing.assert_close(
        style_distance([4 * g for g in grams], [2 * g for g in grams]), torch.ones(2), rtol=1e-4, atol=0
    )


def test_gram_matrices_do_not_depend_on_positions():
    x = torch.randn(1, 3, 6, 6)
    torch.testing.assert_close(gram(x), gram(x.flip(-1).transpose(-1, -2)))


def test_vectors_count_by_their_effect_on_scales_and_shifts():
    matrix = torch.zeros(6, 2)
    matrix[:, 0] = 1  # the second component has no effect
    reference = torch.zeros(1, 2)
    strong, idle = (vector_loss(torch.eye(2)[i : i + 1], reference, matrix) for i in range(2))
    assert strong > 5 * idle > 0
    network = StyleNetwork().transformer
    assert affine_matrix(network).shape[1] == 100


def test_the_benchmark_prefers_paintings_of_the_right_style():
    photo, style = astronaut(64, 64), Image.effect_noise((64, 64), 90).convert("RGB")

    class Copying:
        def named(self, image, style):
            return image

        def free(self, image, style):
            return style

    class Faithful(Copying):
        def free(self, image, style):
            return image

    free = free_distances({"copy": Copying(), "photo": Faithful()}, [photo], [style])
    assert free["copy"]["free_style_distance"] == 0 < free["photo"]["free_style_distance"]
    assert free["photo"]["free_content_distance"] == 0 < free["copy"]["free_content_distance"]
    assert free["photo itself"] == free["photo"]


def test_references_of_named_styles_are_paintings_of_other_photos(monkeypatch):
    from shared.translation.benchmarks import painting

    monkeypatch.setattr(painting, "REFERENCE_PHOTOS", 1)
    monkeypatch.setattr(painting, "STYLES", {"night": STYLES["night"]})

    class Painter:
        def named(self, image, style):
            return image

    photo = astronaut(64, 64)
    figures = named_distances({"same": Painter()}, Painter(), [photo, photo])["same"]
    assert figures == {"named_content_distance": 0, "named_style_distance": pytest.approx(0, abs=1e-5)}
