"""Patches of a feature map, against plain means over cells."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shared.retrieval.deepindex.patches import (
    PatchHead,
    WholeImageHead,
    compute_bag,
    patch_grid,
    pool_patches,
)
from shared.retrieval.descriptor.pooling import gem

X = torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(0))


def test_three_levels_cover_the_image():
    boxes = patch_grid()
    assert boxes.shape == (14, 4)
    assert boxes[0].tolist() == [0, 0, 1, 1]
    for level, (start, end) in {2: (1, 5), 3: (5, 14)}.items():
        part = boxes[start:end]
        assert part.min() == 0
        assert part.max() == pytest.approx(1)
        sides = part[:, 2:] - part[:, :2]
        assert np.allclose(sides, 1 / (level - (level - 1) / 2))
        assert np.allclose(part[1, 0], sides[0, 0] / 2)  # neighbors share half


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.9])
def test_patches_stay_in_the_image(overlap):
    boxes = patch_grid((1, 4), overlap)
    assert boxes.min() == 0
    assert boxes.max() <= 1 + 1e-6


@pytest.mark.parametrize(("levels", "overlap"), [((), 0.5), ((0,), 0.5), ((2,), 1.0), ((2,), -0.1)])
def test_an_impossible_grid_is_an_error(levels, overlap):
    with pytest.raises(ValueError, match="must be"):
        patch_grid(levels, overlap)


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_boxes_on_cell_borders_are_means_of_their_cells(power):
    boxes = np.array([[0, 0, 1, 1], [2 / 8, 1 / 6, 5 / 8, 4 / 6], [7 / 8, 5 / 6, 1, 1]])
    expected = [gem(cells[None], power)[0] for cells in (X, X[:, 1:4, 2:5], X[:, 5:, 7:])]
    assert torch.allclose(pool_patches(X, boxes, power), torch.stack(expected), atol=1e-5)


def test_cells_covered_in_part_count_in_part():
    """The result is the same on an upsampled map, of which the boxes cut no cell."""
    boxes = np.array([[3 / 32, 5 / 24, 19 / 32, 21 / 24], [1 / 32, 0, 2 / 32, 1 / 24]])
    fine = X.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.allclose(pool_patches(X, boxes, 2.0), pool_patches(fine, boxes, 2.0), atol=1e-5)


def test_a_mirrored_map_has_the_mirrored_patches():
    boxes = patch_grid((1, 3))
    mirrored = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    assert torch.allclose(pool_patches(X, boxes), pool_patches(X.flip(-1), mirrored), atol=1e-5)


def test_batches_are_pooled_image_by_image():
    batch = torch.stack([X, X.flip(0)])
    assert torch.allclose(pool_patches(batch, patch_grid())[1], pool_patches(X.flip(0), patch_grid()))


def test_negative_values_count_as_0():
    assert pool_patches(-X, patch_grid()).max() == 0
    assert pool_patches(-X, patch_grid(), 3.0).max() < 1e-5


@pytest.mark.parametrize("box", [[0.5, 0, 0.5, 1], [0, 0.8, 1, 0.2], [0, 0, 1.1, 1], [-0.1, 0, 1, 1]])
def test_a_box_without_area_or_outside_is_an_error(box):
    with pytest.raises(ValueError, match=r"0\.\.1"):
        pool_patches(X, np.array([[0, 0, 1, 1], box]))


def test_no_boxes_give_no_patches():
    assert pool_patches(X, np.zeros((0, 4))).shape == (0, 5)


def test_a_map_may_have_one_cell():
    assert torch.allclose(pool_patches(X[:, :1, :1], patch_grid()), X[:, 0, 0].expand(14, 5))


def test_a_bag_holds_all_levels_and_the_whole_image():
    bag = compute_bag({"mid": X.numpy(), "high": X[:3, :3, :3]}, power=3.0)
    assert bag.boxes.tolist() == patch_grid().tolist()
    assert {level: x.shape for level, x in bag.features.items()} == {"mid": (14, 5), "high": (14, 3)}
    mid, high = bag.features["mid"][0], bag.features["high"][0]
    expected = np.concatenate([mid / np.linalg.norm(mid), high / np.linalg.norm(high)])
    assert np.allclose(bag.whole, expected, atol=1e-6)


def test_heads_pool_what_a_bag_holds():
    maps = {"mid": X, "high": X[:3, :3, :3]}
    bag = compute_bag(maps, power=3.0)
    batches = {64: {level: torch.stack([x, x.flip(-1)]) for level, x in maps.items()}}
    for level, features in bag.features.items():
        head = PatchHead(level, bag.boxes, 3.0, 64)
        assert head.levels == (level,)
        assert head(batches).shape == (2, *features.shape)
        np.testing.assert_allclose(head(batches)[0], features, atol=1e-6)
    whole = WholeImageHead(("mid", "high"), 3.0, 64)(batches)
    np.testing.assert_allclose(whole[0], bag.whole, atol=1e-6)
    torch.testing.assert_close(F.normalize(whole[:, :5], dim=1), whole[:, :5])
