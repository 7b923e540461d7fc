"""Binary signatures: descriptors as bits, whose Hamming distance says what a cosine would.

Two uses. Inside a word of a codebook, where they tell the patches of one cell from each other: Hamming
embedding (Jegou, Douze and Schmid, "Improving bag-of-features for large scale image search", IJCV 2010). And
for a whole picture, where they refine the final score: the global signature of DeepIndex.
"""

from __future__ import annotations

import numpy as np

_ONES = np.array([bin(value).count("1") for value in range(2**16)], np.uint8)


def rotation(bits: int, dims: int, seed: int = 0) -> np.ndarray:
    """A random orthogonal projection, float32 `[bits, dims]`: its rows are of length 1 and at right angles.

    Raises:
        ValueError: `bits` is not a multiple of 16, or more than `dims`.
    """
    if bits < 16 or bits % 16:
        raise ValueError(f"bits must be a multiple of 16, received {bits!r}")
    if bits > dims:
        raise ValueError(f"at most {dims} bits can be taken of {dims} numbers, received {bits}")
    random = np.random.default_rng(seed).normal(size=(dims, bits))
    return np.linalg.qr(random)[0].T.astype(np.float32)


def medians(x: np.ndarray, words: np.ndarray, count: int, least: int = 8) -> np.ndarray:
    """The thresholds of Hamming embedding: within each word half of the bits are set.

    Args:
        x: projected descriptors, `[N, bits]`, N at least 1.
        words: int `[N]`, the word of each.
        count: how many words there are.
        least: a word with fewer descriptors takes the median of all instead.

    Returns:
        float32 `[count, bits]`.

    >>> medians(np.array([[1.0], [2.0], [6.0], [9.0]]), np.array([0, 0, 0, 1]), 2, least=3).tolist()
    [[2.0], [4.0]]
    """
    found = np.tile(np.median(x, axis=0), (count, 1)).astype(np.float32)
    order = np.argsort(words, kind="stable")
    ends = np.cumsum(np.bincount(words, minlength=count))
    for word, members in enumerate(np.split(order, ends[:-1])):
        if len(members) >= least:
            found[word] = np.median(x[members], axis=0)
    return found


def pack(bits: np.ndarray) -> np.ndarray:
    """Bits `[..., B]`, B a multiple of 16, as uint8 `[..., B / 8]`."""
    return np.packbits(np.asarray(bits, bool), axis=-1)


def hamming(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many bits differ between packed signatures, int64 `[...]`; the two broadcast.

    >>> hamming(pack(np.ones(16)), pack(np.eye(2, 16))).tolist()
    [15, 15]
    """
    different = np.ascontiguousarray(np.bitwise_xor(a, b)).view(np.uint16)
    return _ONES[different].sum(-1, dtype=np.int64)


def vote_weights(bits: int, sigma: float, cutoff: int | None = None) -> np.ndarray:
    """What a match at each Hamming distance counts: `exp(-h^2 / sigma^2)`.

    Jegou, Douze and Schmid, "On the burstiness of visual elements", CVPR 2009, with a sigma of 16
    for 64 bits.

    Args:
        bits: length of a signature.
        sigma: deviation in bits.
        cutoff: beyond this distance a match counts nothing; None for no limit.

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


def cosines(numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The cosines that the signatures of others stand for, seen from one vector that is still there.

    Only what is stored must be short. The signs of a vector agree the better with another's numbers the
    smaller their angle, and numbers near 0, whose sign says little, count little (Dong, Charikar and Li,
    "Asymmetric distance estimation with sketches for similarity search in high-dimensional spaces", SIGIR
    2008).

    Args:
        numbers: `[bits]`, what the bits of a signature say the signs of.
        codes: packed signatures, uint8 `[N, bits / 8]`.

    Returns:
        float32 `[N]`, 1 on average for the same vector, 0 for one at a right angle.

    >>> cosines(np.ones(16), pack(np.ones((1, 16)))) > 1  # all signs agree
    array([ True])
    """
    numbers = np.asarray(numbers, np.float32)
    # sqrt(2 / pi) is the mean of the absolute value, where numbers are distributed normally
    length = max(float(np.linalg.norm(numbers)) * np.sqrt(len(numbers) * 2 / np.pi), 1e-12)
    # the sum over the bits that are set, twice, less the sum over all, is that over the signs
    return (2 * (np.unpackbits(codes, axis=-1) @ numbers) - numbers.sum()) / np.float32(length)
