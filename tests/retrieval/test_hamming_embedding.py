"""Hamming embedding: rotation, thresholds, distances, vote weights, asymmetric cosines."""

import numpy as np
import pytest

from shared.retrieval.deepindex.hamming_embedding import (
    asymmetric_cosines,
    hamming_distance,
    median_thresholds,
    pack_bits,
    random_rotation,
    vote_weights,
)


def test_the_rotation_has_orthonormal_rows():
    rotation = random_rotation(32, 48)
    assert np.allclose(rotation @ rotation.T, np.eye(32), atol=1e-6)
    assert (random_rotation(32, 48) == rotation).all()
    assert (random_rotation(32, 48, seed=1) != rotation).any()


@pytest.mark.parametrize(("bits", "dims"), [(0, 16), (24, 64), (32, 16)])
def test_an_impossible_number_of_bits_is_an_error(bits, dims):
    with pytest.raises(ValueError, match="bits"):
        random_rotation(bits, dims)


def test_thresholds_set_half_of_the_bits_in_each_word():
    rng = np.random.default_rng(0)
    x, words = rng.normal(size=(400, 16)) + 5, rng.integers(0, 4, 400)
    thresholds = median_thresholds(x, words, 5)
    assert thresholds.shape == (5, 16)
    for word in range(4):
        fraction = (x[words == word] > thresholds[word]).mean(0)
        assert np.allclose(fraction, 0.5, atol=0.01)
    assert np.allclose(thresholds[4], np.median(x, axis=0))  # an empty word has the medians of all


def test_hamming_distance_counts_differing_bits():
    rng = np.random.default_rng(1)
    a, b = rng.random((6, 48)) > 0.5, rng.random((6, 48)) > 0.5
    distance = hamming_distance(pack_bits(a)[:, None], pack_bits(b)[None])
    assert distance.tolist() == [[int((x != y).sum()) for y in b] for x in a]
    assert hamming_distance(pack_bits(a), pack_bits(a)).tolist() == [0] * 6
    assert hamming_distance(pack_bits(a), pack_bits(~a)).tolist() == [48] * 6


def test_vote_weights_fall_with_the_distance():
    weights = vote_weights(64, 16.0, cutoff=30)
    assert weights[0] == 1
    assert (np.diff(weights[:31]) < 0).all()
    assert weights[16] == pytest.approx(np.exp(-1))
    assert weights[30] > 0 == weights[31:].max()


def test_asymmetric_cosines_estimate_cosines():
    rng = np.random.default_rng(2)
    x = np.linalg.qr(rng.normal(size=(256, 2)))[0].T
    y = np.stack([x[0], 0.8 * x[0] + 0.6 * x[1], x[1], -x[0]])
    values = y @ random_rotation(256, 256).T
    cosines = asymmetric_cosines(values[0], pack_bits(values > 0))
    assert cosines == pytest.approx([1.0, 0.8, 0.0, -1.0], abs=0.1)


def test_asymmetric_cosines_are_closer_than_hamming_distances():
    pairs = np.random.default_rng(3).normal(size=(100, 2, 256))
    pairs[:, 1] += pairs[:, 0]
    expected = (pairs[:, 0] * pairs[:, 1]).sum(1) / np.prod(np.linalg.norm(pairs, axis=2), axis=1)
    codes = pack_bits(pairs > 0)
    symmetric = np.cos(np.pi * hamming_distance(codes[:, 0], codes[:, 1]) / 256)
    asymmetric = np.concatenate(
        [asymmetric_cosines(pair[0], code[None, 1]) for pair, code in zip(pairs, codes, strict=True)]
    )
    assert np.abs(asymmetric - expected).mean() < 0.8 * np.abs(symmetric - expected).mean()
