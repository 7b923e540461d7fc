"""Poolings and whitenings, by hand where that is possible."""

import numpy as np
import pytest
import torch

from shared.retrieval.descriptor.pooling import (
    POOLINGS,
    combine_scales,
    crow,
    gem,
    l2_normalise,
    mac,
    regions,
    rmac,
    spoc,
)
from shared.retrieval.descriptor.whitening import Whitening, fit_pairs, fit_pca


def maps(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (9, 12)])
def test_poolings_take_maps_of_any_shape_picture_by_picture(name, size):
    pool, x = POOLINGS[name], maps(3, 6, *size)
    together = pool(x)
    assert together.shape == (3, 6)
    assert (together >= 0).all()
    assert together.isfinite().all()
    for one, row in zip(x, together, strict=True):
        torch.testing.assert_close(pool(one[None])[0], row)


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings_of_mirrored_and_of_empty_maps(name):
    pool, x = POOLINGS[name], maps(1, 4, 12, 12)
    torch.testing.assert_close(pool(x.flip(-1)), pool(x))
    torch.testing.assert_close(pool(x.flip(-2)), pool(x))
    assert l2_normalise(pool(torch.zeros(1, 4, 3, 3)))[0].isfinite().all()
    torch.testing.assert_close(pool(x - 10 * (x < 0.3)), pool(x * (x >= 0.3)), atol=1e-4, rtol=1e-4)


def test_gem_lies_between_mean_and_maximum():
    x = maps(2, 5, 4, 4)
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


def test_regions_are_squares_inside_that_cover_the_map():
    for height, width in [(1, 1), (1, 6), (10, 10), (8, 10), (20, 15), (13, 40)]:
        covered = np.zeros((height, width), bool)
        for top, left, side in regions(height, width):
            assert 0 <= top <= top + side <= height
            assert 0 <= left <= left + side <= width
            covered[top : top + side, left : left + side] = True
        level = regions(height, width, levels=1)
        assert {side for _, _, side in level} == {min(height, width)}
        if max(height, width) <= 2 * min(height, width):
            assert covered.all()
    assert len(regions(12, 12)) == 1 + 4 + 9
    assert len(regions(12, 16)) == 2 + 6 + 12


def test_rmac_weighs_all_regions_alike():
    x = torch.zeros(1, 2, 2, 2)
    x[0, 0, 0, 0], x[0, 1] = 100.0, 1.0
    # the whole, the level of the whole again, four cells (one of them strong in the first channel)
    whole = l2_normalise(torch.tensor([100.0, 1.0]))
    expected = 2 * whole + whole + 3 * torch.tensor([0.0, 1.0])
    torch.testing.assert_close(rmac(x, levels=2)[0], expected)


def test_scales_count_alike():
    found = combine_scales([torch.tensor([[100.0, 0.0]]), torch.tensor([[0.0, 0.1]])])
    torch.testing.assert_close(found, torch.full((1, 2), 0.5**0.5))


def samples(count=400, dims=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dims)) @ rng.normal(size=(dims, dims)) + rng.normal(size=dims)


@pytest.mark.parametrize("dims", [1, 4, 6])
def test_pca_whitening_leaves_no_correlations(dims):
    x = samples()
    learned = fit_pca(x, dims)
    assert learned.projection.shape == (dims, 6)
    assert learned.mean.dtype == learned.projection.dtype == np.float32
    white = (x - learned.mean) @ learned.projection.T
    np.testing.assert_allclose(
        np.cov(white, rowvar=False, bias=True), np.eye(dims) if dims > 1 else 1, atol=1e-3
    )
    np.testing.assert_allclose(np.linalg.norm(learned.apply(x), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(fit_pca(x, 6).projection[:dims], learned.projection, rtol=1e-5)


def test_shrinkage_goes_from_whitening_to_rotation():
    x = samples()
    strengths = [np.linalg.norm(fit_pca(x, 6, shrinkage).projection, axis=1) for shrinkage in (0, 0.5, 1)]
    spread = [strength.max() / strength.min() for strength in strengths]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(1)


def test_whitening_by_pairs_overlooks_what_differs_within_pairs():
    rng = np.random.default_rng(0)
    things = rng.normal(size=(500, 8)) * [1, 1, 1, 1, 1, 1, 1, 0]
    noise = [*[0.05] * 7, 3.0]  # the last direction only tells the two of a pair apart
    x, y = (things + rng.normal(size=things.shape) * noise for _ in range(2))

    def right(one, other):
        return ((one @ other.T).argmax(1) == np.arange(len(one))).mean()

    def unit(v):
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    learned = fit_pairs(x, y, 7)
    assert right(unit(x), unit(y)) < 0.5
    assert right(learned.apply(x), learned.apply(y)) > 0.8
    both = (np.concatenate([x, y]) - learned.mean) @ learned.projection.T
    within = (both[:500] - both[500:]) / 2**0.5
    np.testing.assert_allclose(within.T @ within / 500, np.eye(7), atol=1e-3)


@pytest.mark.parametrize("dims", [0, 7])
def test_dims_that_do_not_fit_say_so(dims):
    with pytest.raises(ValueError, match=f"1..6, the directions .* received {dims}"):
        fit_pca(samples(), dims)
    with pytest.raises(ValueError, match=f"received {dims}"):
        fit_pairs(samples(), samples(seed=1), dims)
    with pytest.raises(ValueError, match=r"1\.\.2, .* more photos"):
        fit_pca(samples(count=3), 3)
    with pytest.raises(ValueError, match=r"0\.\.1, received 2"):
        fit_pca(samples(), 3, shrinkage=2)


def test_zeros_stay_zeros():
    learned = Whitening(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    assert learned.apply(np.array([[0.0, 0.0], [0.0, 2.0]])).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_few_photos_in_many_dimensions_give_what_the_covariance_gives(shrinkage):
    x, y = samples(20), samples(20, seed=1)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(60, 6)))[0].T  # the same, in 60 dimensions
    for few, many in (
        (fit_pairs(x, y, 4, shrinkage), fit_pairs(x @ rotation, y @ rotation, 4, shrinkage)),
        (fit_pca(x, 4), fit_pca(x @ rotation, 4)),
    ):
        one, other = few.apply(x), many.apply(x @ rotation)
        np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-4)
