"""Whitening of descriptors: covariance, shrinkage, pairs, rank."""

import numpy as np
import pytest

from shared.retrieval.descriptor.whitening import Whitening, fit_pairs, fit_pca, l2_normalize


def correlated_samples(count=400, dims=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dims)) @ rng.normal(size=(dims, dims)) + rng.normal(size=dims)


@pytest.mark.parametrize("dims", [1, 4, 6])
def test_pca_whitening_removes_correlations(dims):
    x = correlated_samples()
    whitening = fit_pca(x, dims)
    assert whitening.projection.shape == (dims, 6)
    assert whitening.mean.dtype == whitening.projection.dtype == np.float32
    projected = (x - whitening.mean) @ whitening.projection.T
    covariance = np.cov(projected, rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, np.eye(dims) if dims > 1 else 1, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(whitening.apply(x), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(fit_pca(x, 6).projection[:dims], whitening.projection, rtol=1e-5)


def test_shrinkage_goes_from_whitening_to_rotation():
    x = correlated_samples()
    gains = [np.linalg.norm(fit_pca(x, 6, shrinkage).projection, axis=1) for shrinkage in (0, 0.5, 1)]
    spread = [gain.max() / gain.min() for gain in gains]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(1)


def test_whitening_by_pairs_suppresses_differences_within_pairs():
    rng = np.random.default_rng(0)
    objects = rng.normal(size=(500, 8)) * [1, 1, 1, 1, 1, 1, 1, 0]
    noise = [*[0.05] * 7, 3.0]  # the last direction only separates the two of a pair
    x, y = (objects + rng.normal(size=objects.shape) * noise for _ in range(2))

    def recall(queries, base):
        return ((queries @ base.T).argmax(1) == np.arange(len(queries))).mean()

    whitening = fit_pairs(x, y, 7)
    assert recall(l2_normalize(x), l2_normalize(y)) < 0.5
    assert recall(whitening.apply(x), whitening.apply(y)) > 0.8
    projected = (np.concatenate([x, y]) - whitening.mean) @ whitening.projection.T
    within = (projected[:500] - projected[500:]) / 2**0.5
    np.testing.assert_allclose(within.T @ within / 500, np.eye(7), atol=1e-3)


@pytest.mark.parametrize("dims", [0, 7])
def test_dims_out_of_range_are_an_error(dims):
    x = correlated_samples()
    with pytest.raises(ValueError, match=f"1..6, the rank .* received {dims}"):
        fit_pca(x, dims)
    with pytest.raises(ValueError, match=f"received {dims}"):
        fit_pairs(x, correlated_samples(seed=1), dims)
    with pytest.raises(ValueError, match=r"1\.\.2, .* more photos"):
        fit_pca(correlated_samples(count=3), 3)
    with pytest.raises(ValueError, match=r"0\.\.1, received 2"):
        fit_pca(x, 3, shrinkage=2)


def test_zeros_stay_zeros():
    assert Whitening.identity(2).apply(np.array([[0.0, 0.0], [0.0, 2.0]])).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_few_samples_in_many_dimensions(shrinkage):
    """The result is the same as in the subspace that the samples span."""
    x, y = correlated_samples(20), correlated_samples(20, seed=1)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(60, 6)))[0].T
    for whitening, embedded in (
        (fit_pairs(x, y, 4, shrinkage), fit_pairs(x @ rotation, y @ rotation, 4, shrinkage)),
        (fit_pca(x, 4), fit_pca(x @ rotation, 4)),
    ):
        expected, rows = whitening.apply(x), embedded.apply(x @ rotation)
        np.testing.assert_allclose(rows @ rows.T, expected @ expected.T, atol=1e-4)
