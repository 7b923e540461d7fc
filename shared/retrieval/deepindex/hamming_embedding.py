"""Hamming embedding: descriptors as binary codes, whose Hamming distance approximates the cosine.

Inside a visual word, codes tell the patches of one cell apart (Jegou, Douze and Schmid, "Improving
bag-of-features for large scale image search", IJCV 2010). For a whole image, a code refines the final score:
the global signature of DeepIndex.
"""

from __future__ import annotations

import numpy as np

_BIT_COUNTS = np.array([bin(value).count("1") for value in range(2**16)], np.uint8)


def random_rotation(bits: int, dims: int, seed: int = 0) -> np.ndarray:
    """Return a random projection with orthonormal rows, float32 `[bits, dims]`.

    Raises:
        ValueError: `bits` is not a multiple of 16, or exceeds `dims`.
    """
    if bits < 16 or bits % 16:
        raise ValueError(f"bits must be a multiple of 16, received {bits!r}")
    if bits > dims:
        raise ValueError(f"at most {dims} bits can be taken of {dims} numbers, received {bits}")
    gaussian = np.random.default_rng(seed).normal(size=(dims, bits))
    return np.linalg.qr(gaussian)[0].T.astype(np.float32)


def median_thresholds(x: np.ndarray, words: np.ndarray, word_count: int, min_count: int = 8) -> np.ndarray:
    """Compute the thresholds that set half of the bits within each word.

    Args:
        x: Projected descriptors `[N, bits]`, N at least 1.
        words: Word of each descriptor, int `[N]`.
        word_count: Number of words.
        min_count: A word with fewer descriptors takes the medians of all descriptors.

    Returns:
        float32 `[word_count, bits]`.

    >>> median_thresholds(
    ...     np.array([[1.0], [2.0], [6.0], [9.0]]), np.array([0, 0, 0, 1]), 2, min_count=3
    ... ).tolist()
    [[2.0], [4.0]]
    """
    thresholds = np.tile(np.median(x, axis=0), (word_count, 1)).astype(np.float32)
    order = np.argsort(words, kind="stable")
    ends = np.cumsum(np.bincount(words, minlength=word_count))
    for word, members in enumerate(np.split(order, ends[:-1])):
        if len(members) >= min_count:
            thresholds[word] = np.median(x[members], axis=0)
    return thresholds


def pack_bits(bits: np.ndarray) -> np.ndarray:
    """Pack bits `[..., B]`, B a multiple of 16, into uint8 `[..., B / 8]`."""
    return np.packbits(np.asarray(bits, bool), axis=-1)


def hamming_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Count the differing bits of packed codes, int64 `[...]`; the two broadcast.

    >>> hamming_distance(pack_bits(np.ones(16)), pack_bits(np.eye(2, 16))).tolist()
    [15, 15]
    """
    difference = np.ascontiguousarray(np.bitwise_xor(a, b)).view(np.uint16)
    distance: np.ndarray = _BIT_COUNTS[difference].sum(-1, dtype=np.int64)
    return distance


def vote_weights(bits: int, sigma: float, cutoff: int | None = None) -> np.ndarray:
    """Compute the weight of a match at each Hamming distance h, `exp(-h^2 / sigma^2)`.

    Jegou, Douze and Schmid, "On the burstiness of visual elements", CVPR 2009, with a sigma of 16 for 64
    bits.

    Args:
        bits: Length of a code.
        sigma: Width in bits.
        cutoff: Distance beyond which a match has weight 0; None for no limit.

    Returns:
        float64 `[bits + 1]`, falling from 1 at distance 0.

    >>> vote_weights(16, sigma=2.0, cutoff=2)[:4].round(3).tolist()
    [1.0, 0.779, 0.368, 0.0]
    """
    distance = np.arange(bits + 1)
    weights = np.exp(-((distance / sigma) ** 2))
    if cutoff is not None:
        weights[distance > cutoff] = 0.0
    return weights


def asymmetric_cosines(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Estimate the cosines of an uncoded query with coded vectors.

    Only stored vectors are coded; the query keeps its projected values, so that values near 0, whose sign is
    unreliable, count little (Dong, Charikar and Li, "Asymmetric distance estimation with sketches for
    similarity search in high-dimensional spaces", SIGIR 2008).

    Args:
        values: Projected values of the query `[bits]`, whose signs are its code.
        codes: Packed codes, uint8 `[N, bits / 8]`.

    Returns:
        float32 `[N]`, on average 1 for the same vector and 0 for an orthogonal one.

    >>> asymmetric_cosines(np.ones(16), pack_bits(np.ones((1, 16)))) > 1  # all signs agree
    array([ True])
    """
    values = np.asarray(values, np.float32)
    # sqrt(2 / pi) is the mean absolute value of a standard normal variable
    length = max(float(np.linalg.norm(values)) * np.sqrt(len(values) * 2 / np.pi), 1e-12)
    # twice the sum over the set bits, less the sum over all bits, is the sum weighted by the signs
    return (2 * (np.unpackbits(codes, axis=-1) @ values) - values.sum()) / np.float32(length)
