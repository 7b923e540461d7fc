"""Near duplicates: the same photo saved again, resized, or a little changed."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import fft, sparse
from scipy.sparse.csgraph import connected_components

from shared.retrieval.deepindex.hamming_embedding import hamming

#: How many pairs are compared at once.
TOGETHER = 2**22


def perceptual_hash(image: Image.Image) -> np.uint64:
    """64 bits that hardly change when a photo is resized, compressed anew or brightened.

    The signs, against their median, of the lowest 8 x 8 frequencies of the photo at 32 x 32 in grey: the
    DCT-based hash of Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.

    Args:
        image: of any size and mode that PIL converts to grey.
    """
    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    low = fft.dctn(np.asarray(small, np.float64))[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first is the brightness, far above all others
    return np.packbits(bits).view(">u8").astype(np.uint64)[0]


def near_duplicates(
    hashes: np.ndarray,
    descriptors: np.ndarray | None = None,
    *,
    bits: int = 8,
    cosine: float = 0.85,
) -> np.ndarray:
    """Groups of pictures that are the same but for small changes.

    Two pictures are joined when their hashes agree and, where descriptors are given, these agree too: of
    dim or plain pictures, hashes may agree by chance. A group holds all that are joined by a chain.

    Args:
        hashes: uint64 `[N]`, from `perceptual_hash`.
        descriptors: `[N, D]` of length 1.
        bits: how many bits of two hashes may differ; 32 do by chance.
        cosine: the least cosine of two descriptors.

    Returns:
        int64 `[N]`, the number of each picture's group, from 0 in the order of their first pictures.

    Raises:
        ValueError: there are not as many descriptors as hashes.

    >>> near_duplicates(np.array([0, 2**63, 3, 2**20 - 1], np.uint64), bits=2).tolist()
    [0, 0, 0, 1]
    """
    hashes = np.asarray(hashes, np.uint64)
    count = len(hashes)
    if descriptors is not None and len(descriptors) != count:
        raise ValueError(f"give a descriptor for each of {count} hashes, received {len(descriptors)}")
    codes = hashes.view(np.uint8).reshape(count, 8)
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    step = max(TOGETHER // max(count, 1), 1)
    for start in range(0, count, step):
        close = hamming(codes[start : start + step, None], codes[None]) <= bits
        row, column = np.nonzero(close)
        row += start
        later = column > row
        row, column = row[later], column[later]
        if descriptors is not None:
            alike = np.einsum("md,md->m", descriptors[row], descriptors[column]) >= cosine
            row, column = row[alike], column[alike]
        rows.append(row)
        columns.append(column)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = sparse.coo_matrix((np.ones(len(row), bool), (row, column)), (count, count))
    _, label = connected_components(graph, directed=False)
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group].astype(np.int64)
