"""Patches of a feature map, against a plain mean over cells."""

import numpy as np
import pytest
import torch

from shared.retrieval.deepindex.patches import bag, grid, in_pixels, pool_patches
from shared.retrieval.descriptor.pooling import gem

X = torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(0))


def test_three_levels_cover_the_picture():
    boxes = grid()
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
def test_patches_stay_in_the_picture(overlap):
    boxes = grid((1, 4), overlap)
    assert boxes.min() == 0
    assert boxes.max() <= 1 + 1e-6


@pytest.mark.parametrize(("levels", "overlap"), [((), 0.5), ((0,), 0.5), ((2,), 1.0), ((2,), -0.1)])
def test_impossible_grids_are_refused(levels, overlap):
    with pytest.raises(ValueError, match="must be"):
        grid(levels, overlap)


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_boxes_on_cell_borders_are_means_of_their_cells(power):
    boxes = np.array([[0, 0, 1, 1], [2 / 8, 1 / 6, 5 / 8, 4 / 6], [7 / 8, 5 / 6, 1, 1]])
    found = pool_patches(X, boxes, power)
    parts = [X, X[:, 1:4, 2:5], X[:, 5:, 7:]]
    assert torch.allclose(found, torch.stack([gem(part[None], power)[0] for part in parts]), atol=1e-5)


def test_cells_that_are_covered_in_part_count_in_part():
    """As on the same map at sixteen times the size, of which the boxes cut no cell."""
    boxes = np.array([[3 / 32, 5 / 24, 19 / 32, 21 / 24], [1 / 32, 0, 2 / 32, 1 / 24]])
    fine = X.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.allclose(pool_patches(X, boxes, 2.0), pool_patches(fine, boxes, 2.0), atol=1e-5)


def test_a_mirrored_map_has_the_mirrored_patches():
    boxes = grid((1, 3))
    mirrored = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    assert torch.allclose(pool_patches(X, boxes), pool_patches(X.flip(-1), mirrored), atol=1e-5)


def test_batches_are_pooled_one_by_one():
    both = torch.stack([X, X.flip(0)])
    assert torch.allclose(pool_patches(both, grid())[1], pool_patches(X.flip(0), grid()))


def test_what_is_below_0_counts_as_0():
    assert pool_patches(-X, grid()).max() == 0
    assert pool_patches(-X, grid(), 3.0).max() < 1e-5


@pytest.mark.parametrize("box", [[0.5, 0, 0.5, 1], [0, 0.8, 1, 0.2], [0, 0, 1.1, 1], [-0.1, 0, 1, 1]])
def test_boxes_without_area_or_outside_are_refused(box):
    with pytest.raises(ValueError, match=r"0\.\.1"):
        pool_patches(X, np.array([[0, 0, 1, 1], box]))


def test_no_boxes_give_no_patches():
    assert pool_patches(X, np.zeros((0, 4))).shape == (0, 5)


def test_a_map_may_have_one_cell():
    assert torch.allclose(pool_patches(X[:, :1, :1], grid()), X[:, 0, 0].expand(14, 5))


def test_a_bag_holds_all_levels_and_the_whole():
    made = bag({"mid": X.numpy(), "high": X[:3, :3, :3]}, power=3.0)
    assert made.boxes.tolist() == grid().tolist()
    assert {level: x.shape for level, x in made.features.items()} == {"mid": (14, 5), "high": (14, 3)}
    mid, high = made.features["mid"][0], made.features["high"][0]
    expected = np.concatenate([mid / np.linalg.norm(mid), high / np.linalg.norm(high)])
    assert np.allclose(made.whole, expected, atol=1e-6)


def test_boxes_in_pixels():
    assert in_pixels(grid((2,), 0.0), (40, 20)).tolist()[1] == [20, 0, 40, 10]
