"""Near duplicates: the same photo saved again, resized, or slightly edited."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import fft, sparse
from scipy.sparse.csgraph import connected_components

from shared.retrieval.deepindex.hamming_embedding import hamming_distance

#: Number of pairs that are compared at a time, which take some 100 MB.
BLOCK = 2**20


def perceptual_hash(image: Image.Image) -> np.uint64:
    """Compute a 64-bit hash that hardly changes under resizing, compression and brightening.

    The signs, against their median, of the lowest 8 x 8 DCT frequencies of the image at 32 x 32 in grey:
    Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.

    Args:
        image: Image of any size and mode that PIL converts to grey.
    """
    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    low = fft.dctn(np.asarray(small, np.float64))[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first is the brightness, which exceeds all others
    return np.uint64(np.packbits(bits).view(">u8")[0])


def near_duplicates(
    hashes: np.ndarray,
    descriptors: np.ndarray | None = None,
    *,
    max_bits: int = 8,
    min_cosine: float = 0.85,
) -> np.ndarray:
    """Group near-duplicate images.

    Two images are linked if their hashes agree and, where descriptors are given, these agree too, since
    hashes of dim or plain images may agree by chance. A group is a connected component of the links.

    Args:
        hashes: uint64 `[N]`, see `perceptual_hash`.
        descriptors: Unit-length descriptors `[N, D]`.
        max_bits: Largest number of differing bits; 32 differ by chance.
        min_cosine: Lowest cosine of two descriptors.

    Returns:
        Number of each image's group, int64 `[N]`, from 0 in the order of the groups' first images.

    Raises:
        ValueError: The numbers of descriptors and hashes differ.

    >>> near_duplicates(np.array([0, 2**63, 3, 2**20 - 1], np.uint64), max_bits=2).tolist()
    [0, 0, 0, 1]
    """
    hashes = np.asarray(hashes, np.uint64)
    count = len(hashes)
    if descriptors is not None and len(descriptors) != count:
        raise ValueError(f"give a descriptor for each of {count} hashes, received {len(descriptors)}")
    if descriptors is not None:
        descriptors = np.asarray(descriptors, np.float32)
    codes = hashes.view(np.uint8).reshape(count, 8)
    group = np.arange(count)
    step = max(BLOCK // max(count, 1), 1)
    for start in range(0, count, step):
        block = slice(start, start + step)
        linked = hamming_distance(codes[block, None], codes[None]) <= max_bits
        if descriptors is not None:
            linked &= descriptors[block] @ descriptors.T >= min_cosine
        row, column = np.nonzero(linked)
        group = _join(group, row + start, column)
    return group


def _join(group: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Join the groups of linked images.

    Args:
        group: Number of each image's group, `[N]`.
        row: First image of each link, `[L]`.
        column: Second image of each link, `[L]`.

    Returns:
        New numbers, int64 `[N]`, in the order of the groups' first images.
    """
    count = len(group)
    _, first = np.unique(group, return_index=True)
    links = np.concatenate([row, np.arange(count)]), np.concatenate([column, first[group]])
    graph = sparse.coo_matrix((np.ones(len(links[0]), bool), links), (count, count))
    _, label = connected_components(graph, directed=False)
    _, first, members = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[members].astype(np.int64)
