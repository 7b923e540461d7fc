"""Variable-byte compression of inverted files: gaps between rising numbers, seven bits per byte.

Witten, Moffat and Bell, "Managing Gigabytes", 1999, chapter 3. All numbers are coded and decoded at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shared.retrieval.deepindex.inverted_file import InvertedFile, Layout
from shared.retrieval.deepindex.postings import Postings


def compress(file: InvertedFile) -> dict[str, np.ndarray]:
    """Compress an inverted file into uint8 arrays by name."""
    counts = np.diff(file.starts)
    lists = file.starts[np.flatnonzero(counts)]
    cells, second = lists, np.zeros(0, np.uint8)
    if file.layout.multiple:
        is_start = np.zeros(len(file.slots), bool)
        is_start[1:] = file.second[1:] != file.second[:-1]
        is_start[lists] = True
        cells, second = np.flatnonzero(is_start), encode(gaps(file.second, lists))
    return {
        "lengths": encode(counts),
        "second": second,
        "slots": encode(gaps(file.slots, cells)),
        "codes": file.codes,
    }


def decompress(arrays: Mapping[str, np.ndarray], layout: Layout, images: int) -> InvertedFile:
    """Restore an inverted file from the result of `compress`.

    Args:
        arrays: Arrays by name.
        layout: Sizes of the file.
        images: Number of images.

    Raises:
        KeyError: An array is missing.
        ValueError: The arrays contradict each other.
    """
    for name in ("lengths", "second", "slots", "codes"):
        if arrays[name].dtype != np.uint8:
            raise ValueError(f"{name} is {arrays[name].dtype}")
    codes = arrays["codes"]
    lengths = decode(arrays["lengths"], layout.words[0])
    if codes.shape != (lengths.sum(), layout.code_bytes):
        raise ValueError(f"the codes are {list(codes.shape)} for {lengths.sum()} postings")
    count = len(codes)
    lists = (np.cumsum(lengths) - lengths)[lengths > 0]
    cells, words = lists, [np.repeat(np.arange(layout.words[0]), lengths)]
    if layout.multiple:
        second = cumulate(decode(arrays["second"], count), lists)
        if count and not 0 <= second.min() <= second.max() < layout.words[1]:
            raise ValueError("a word is unknown")
        is_start = np.diff(second, prepend=-1) != 0
        is_start[lists] = True
        cells, words = np.flatnonzero(is_start), [*words, second]
    slots = cumulate(decode(arrays["slots"], count), cells)
    if count and not 0 <= slots.min() <= slots.max() < images * layout.patches:
        raise ValueError("a posting belongs to no image")
    return InvertedFile.from_postings(layout, images, Postings(words, slots, codes))


def encode(numbers: np.ndarray) -> np.ndarray:
    """Encode numbers from 0 to below 2^63 as uint8, the lowest seven bits of a number first.

    >>> encode(np.array([5, 300])).tolist()
    [5, 172, 2]
    """
    remaining = np.asarray(numbers, np.int64).copy()
    lengths = np.ones(len(remaining), np.int64)
    for byte in range(1, 9):
        lengths += remaining >= 2 ** (7 * byte)
    starts = np.cumsum(lengths) - lengths
    coded = np.zeros(int(lengths.sum()), np.uint8)
    for byte in range(int(lengths.max(initial=0))):
        has_byte = lengths > byte
        continues = lengths[has_byte] > byte + 1
        coded[starts[has_byte] + byte] = (remaining[has_byte] & 127) | (continues << 7)
        remaining >>= 7
    return coded


def decode(coded: np.ndarray, count: int) -> np.ndarray:
    """Decode the result of `encode`, int64 `[count]`.

    Raises:
        ValueError: The bytes hold another number of values, or one that is too large.

    >>> decode(np.array([5, 172, 2], np.uint8), 2).tolist()
    [5, 300]
    """
    last = np.flatnonzero(coded < 128)
    if len(last) != count or (len(coded) and last[-1:].tolist() != [len(coded) - 1]):
        raise ValueError(f"{len(coded)} bytes hold {len(last)} whole numbers, and {count} are expected")
    if not count:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], last[:-1] + 1])
    lengths = last - starts + 1
    if lengths.max() > 9:
        raise ValueError("a number has more than nine bytes")
    position = np.arange(len(coded)) - np.repeat(starts, lengths)
    return np.add.reduceat((coded & 127).astype(np.int64) << (7 * position), starts)


def gaps(numbers: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the difference of each number to its predecessor; the first of a range stays as it is.

    Args:
        numbers: Numbers that rise within each range, int `[M]`.
        starts: Begin of each range that is not empty, int.

    >>> gaps(np.array([3, 9, 4]), np.array([0, 2])).tolist()
    [3, 6, 4]
    """
    differences = np.diff(np.asarray(numbers, np.int64), prepend=0)
    differences[starts] = numbers[starts]
    return differences


def cumulate(differences: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Restore the numbers from their `gaps`.

    >>> cumulate(np.array([3, 6, 4]), np.array([0, 2])).tolist()
    [3, 9, 4]
    """
    total = np.cumsum(differences)
    before = np.concatenate([[0], total])[starts]
    return total - np.repeat(before, np.diff(np.append(starts, len(differences))))
