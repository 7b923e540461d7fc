"""Bits of descriptors: projections, medians, Hamming distances and what they count."""

import numpy as np
import pytest

from shared.retrieval.deepindex.hamming_embedding import (
    cosines,
    hamming,
    medians,
    pack,
    rotation,
    vote_weights,
)


def test_directions_are_orthogonal():
    found = rotation(32, 48)
    assert np.allclose(found @ found.T, np.eye(32), atol=1e-6)
    assert (rotation(32, 48) == found).all()
    assert (rotation(32, 48, seed=1) != found).any()


@pytest.mark.parametrize(("bits", "dims"), [(0, 16), (24, 64), (32, 16)])
def test_impossible_signatures_are_refused(bits, dims):
    with pytest.raises(ValueError, match="bits"):
        rotation(bits, dims)


def test_half_of_a_words_members_have_each_bit():
    rng = np.random.default_rng(0)
    x, words = rng.normal(size=(400, 16)) + 5, rng.integers(0, 4, 400)
    thresholds = medians(x, words, 5)
    assert thresholds.shape == (5, 16)
    for word in range(4):
        share = (x[words == word] > thresholds[word]).mean(0)
        assert np.allclose(share, 0.5, atol=0.01)
    assert np.allclose(thresholds[4], np.median(x, axis=0))  # no member: the median of all


def test_hamming_distance_counts_the_bits_that_differ():
    rng = np.random.default_rng(1)
    a, b = rng.random((6, 48)) > 0.5, rng.random((6, 48)) > 0.5
    found = hamming(pack(a)[:, None], pack(b)[None])
    assert found.tolist() == [[int((x != y).sum()) for y in b] for x in a]
    assert hamming(pack(a), pack(a)).tolist() == [0] * 6
    assert hamming(pack(a), pack(~a)).tolist() == [48] * 6


def test_nearer_votes_count_more():
    weights = vote_weights(64, 16.0, cutoff=30)
    assert weights[0] == 1
    assert (np.diff(weights[:31]) < 0).all()
    assert weights[16] == pytest.approx(np.exp(-1))
    assert weights[30] > 0 == weights[31:].max()


def test_the_bits_of_one_and_the_numbers_of_the_other_tell_the_cosine():
    rng = np.random.default_rng(2)
    x = np.linalg.qr(rng.normal(size=(256, 2)))[0].T
    y = np.stack([x[0], 0.8 * x[0] + 0.6 * x[1], x[1], -x[0]])
    numbers = y @ rotation(256, 256).T
    found = cosines(numbers[0], pack(numbers > 0))
    assert found == pytest.approx([1.0, 0.8, 0.0, -1.0], abs=0.1)
    # numbers count more than signs do: nearer than two signatures tell, for many pairs
    pairs = rng.normal(size=(100, 2, 256))
    pairs[:, 1] += pairs[:, 0]
    expected = (pairs[:, 0] * pairs[:, 1]).sum(1) / np.prod(np.linalg.norm(pairs, axis=2), axis=1)
    signs = pack(pairs > 0)
    symmetric = np.cos(np.pi * hamming(signs[:, 0], signs[:, 1]) / 256)
    ours = np.array([cosines(a, code[None])[0] for a, code in zip(pairs[:, 0], signs[:, 1], strict=True)])
    assert np.abs(ours - expected).mean() < 0.8 * np.abs(symmetric - expected).mean()
