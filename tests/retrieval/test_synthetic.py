"""Synthetic descriptors: mixtures, noise, intrinsic dimension."""

import numpy as np
import pytest

from shared.retrieval.data.synthetic import intrinsic_dimension, reduce_dimension, synthesize
from shared.retrieval.descriptor.whitening import l2_normalize


def random_descriptors(count, dimension, seed=0):
    return l2_normalize(np.random.default_rng(seed).normal(size=(count, dimension))).astype("f4")


def random_rotation(dimension):
    return np.linalg.qr(np.random.default_rng(1).normal(size=(dimension, dimension)))[0]


def test_samples_lie_around_real_descriptors():
    real = random_descriptors(20, 5) @ random_rotation(12)[:5].astype("f4")
    samples = synthesize(real, 500, seed=0)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(samples, axis=1), 1, atol=1e-6)
    assert np.linalg.svd(samples, compute_uv=False)[5] < 1e-4  # only in directions of real variation
    assert (samples == synthesize(real, 500, seed=0)).all()
    assert not (samples == synthesize(real, 500, seed=1)).any()
    copies = synthesize(real, 500, seed=0, neighbors=0, noise=0)
    np.testing.assert_allclose((copies @ real.T).max(1), 1, atol=1e-6)
    for settings in ({"neighbors": 3, "noise": 0}, {"neighbors": 0, "noise": 0.3}):
        cosine = (synthesize(real, 500, seed=0, **settings) @ real.T).max(1).mean()
        assert 0.8 < cosine < 0.99


def test_mixtures_are_of_neighbors():
    pairs = np.eye(6, dtype="f4")[[0, 1, 2, 3]] + np.eye(6, dtype="f4")[[4, 4, 5, 5]]
    samples = synthesize(pairs / np.sqrt(2), 300, seed=0, neighbors=1, noise=0)
    first_pair = samples[samples[:, 4] > 0]
    weights = first_pair[:, :2] / first_pair[:, 4:5]
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    assert (first_pair[:, [2, 3, 5]] == 0).all()
    np.testing.assert_allclose(np.quantile(weights[:, 0], [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.15)


def test_noise_has_the_covariance_of_real_descriptors():
    # so far from the origin that the unit length changes nothing but the scale
    real = l2_normalize(random_descriptors(400, 3) * [5, 1, 0.2] + [100, 0, 0])
    samples = synthesize(real, 20_000, seed=0, neighbors=0, noise=1)
    deviation = (samples / samples[:, :1])[:, 1:].std(0)
    expected = np.sqrt(2) * (real / real[:, :1])[:, 1:].std(0)
    np.testing.assert_allclose(deviation, expected, rtol=0.05)


@pytest.mark.parametrize("dimension", [2, 8])
def test_the_intrinsic_dimension_of_a_cloud(dimension):
    cloud = np.ones((4000, 10), np.float32)
    cloud[:, :dimension] += 0.1 * np.random.default_rng(0).random((4000, dimension))
    cloud[:, dimension:] += 5  # far from the origin, so that the unit length removes no direction
    cloud = l2_normalize(cloud)
    near_median = (np.abs(cloud - np.median(cloud, 0)) < 0.6 * np.ptp(cloud, 0)).all(1)
    queries = cloud[near_median][:300]
    assert intrinsic_dimension(queries, cloud) == pytest.approx(dimension, rel=0.2)
    assert np.isnan(intrinsic_dimension(cloud[:5], cloud[:21]))


def test_principal_directions_keep_the_cosines():
    real = random_descriptors(30, 4) @ random_rotation(9)[:4]
    reduced = reduce_dimension(real, 4)
    np.testing.assert_allclose(reduced @ reduced.T, real @ real.T, atol=1e-6)
    reduced = reduce_dimension(real[:3], 6)
    np.testing.assert_allclose(reduced @ reduced.T, real[:3] @ real[:3].T, atol=1e-6)
    assert (reduce_dimension(real, 9) == real / np.linalg.norm(real, axis=1, keepdims=True)).all()
    with pytest.raises(ValueError, match=r"at least 10 numbers, received \[30, 9\]"):
        reduce_dimension(real, 10)
