"""Poolings of feature maps, against results by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shared.retrieval.descriptor.pooling import (
    POOLINGS,
    combine_scales,
    crow,
    gem,
    mac,
    rmac,
    rmac_regions,
    spoc,
)


def random_maps(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (9, 12)])
def test_maps_of_any_shape_are_pooled_image_by_image(name, size):
    pool, x = POOLINGS[name], random_maps(3, 6, *size)
    pooled = pool(x)
    assert pooled.shape == (3, 6)
    assert (pooled >= 0).all()
    assert pooled.isfinite().all()
    for maps, row in zip(x, pooled, strict=True):
        torch.testing.assert_close(pool(maps[None])[0], row)


@pytest.mark.parametrize("name", POOLINGS)
def test_mirrored_empty_and_negative_maps(name):
    pool, x = POOLINGS[name], random_maps(1, 4, 12, 12)
    torch.testing.assert_close(pool(x.flip(-1)), pool(x))
    torch.testing.assert_close(pool(x.flip(-2)), pool(x))
    assert F.normalize(pool(torch.zeros(1, 4, 3, 3)), dim=-1)[0].isfinite().all()
    torch.testing.assert_close(pool(x - 10 * (x < 0.3)), pool(x * (x >= 0.3)), atol=1e-4, rtol=1e-4)


def test_gem_lies_between_mean_and_maximum():
    x = random_maps(2, 5, 4, 4)
    torch.testing.assert_close(gem(x, 1.0), spoc(x))
    assert (gem(x, 3.0) > spoc(x)).all()
    assert (gem(x, 3.0) < mac(x)).all()
    torch.testing.assert_close(gem(x, 200.0), mac(x), rtol=0.05, atol=0)
    torch.testing.assert_close(gem(torch.tensor([[[[1.0, 2.0]]]]), 3.0), torch.tensor([[4.5 ** (1 / 3)]]))


def test_the_centering_prior_of_spoc():
    x = torch.zeros(1, 2, 7, 7)
    x[0, 0, 3, 3] = x[0, 1, 0, 0] = 1.0
    center, corner = spoc(x, center=1 / 3)[0].tolist()
    distance, sigma = 18, 7 / 6
    assert corner / center == pytest.approx(np.exp(-distance / (2 * sigma**2)), rel=1e-4)
    torch.testing.assert_close(spoc(torch.ones(1, 1, 4, 9), center=1 / 3), torch.ones(1, 1))


def test_crow_by_hand():
    # two positions with sums 3 and 1: weights (3 / sqrt(10))^0.5 and (1 / sqrt(10))^0.5
    x = torch.tensor([[[[2.0, 0.0]], [[1.0, 1.0]], [[0.0, 0.0]]]])
    strong, weak = (3 / 10**0.5) ** 0.5, (1 / 10**0.5) ** 0.5
    # of the two positions, half, all and none are filled: rarities log(1.5 / 0.5), log(1.5 / 1), and no value
    expected = [2 * strong * np.log(3), (strong + weak) * np.log(1.5), 0.0]
    np.testing.assert_allclose(crow(x)[0], expected, rtol=1e-4)


def test_rmac_regions_are_squares_that_cover_the_map():
    for height, width in [(1, 1), (1, 6), (10, 10), (8, 10), (20, 15), (13, 40)]:
        covered = np.zeros((height, width), bool)
        for top, left, side in rmac_regions(height, width):
            assert 0 <= top <= top + side <= height
            assert 0 <= left <= left + side <= width
            covered[top : top + side, left : left + side] = True
        first_level = rmac_regions(height, width, levels=1)
        assert {side for _, _, side in first_level} == {min(height, width)}
        if max(height, width) <= 2 * min(height, width):
            assert covered.all()
    assert len(rmac_regions(12, 12)) == 1 + 4 + 9
    assert len(rmac_regions(12, 16)) == 2 + 6 + 12


def test_rmac_weights_all_regions_equally():
    x = torch.zeros(1, 2, 2, 2)
    x[0, 0, 0, 0], x[0, 1] = 100.0, 1.0
    # the whole, the level of the whole again, four cells (one of them strong in the first channel)
    whole = F.normalize(torch.tensor([100.0, 1.0]), dim=-1)
    expected = 2 * whole + whole + 3 * torch.tensor([0.0, 1.0])
    torch.testing.assert_close(rmac(x, levels=2)[0], expected)


def test_scales_are_weighted_equally():
    combined = combine_scales([torch.tensor([[100.0, 0.0]]), torch.tensor([[0.0, 0.1]])])
    torch.testing.assert_close(combined, torch.full((1, 2), 0.5**0.5))
