"""An inverted file in few bytes: the steps between rising numbers, seven bits to a byte.

The variable-byte code of inverted files (Witten, Moffat and Bell, "Managing Gigabytes", 1999, chapter 3); all
numbers are coded and decoded at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shared.retrieval.deepindex.inverted_file import InvertedFile


def pack(file: InvertedFile) -> dict[str, np.ndarray]:
    """An inverted file in few bytes: arrays by name, all uint8."""
    full = np.flatnonzero(np.diff(file.starts))
    lists = file.starts[full]
    cells, second = lists, np.zeros(0, np.uint8)
    if file.multiple:
        new = np.zeros(len(file.slots), bool)
        new[1:] = file.second[1:] != file.second[:-1]
        new[lists] = True
        cells, second = np.flatnonzero(new), encode(steps(file.second, lists))
    return {
        "lengths": encode(np.diff(file.starts)),
        "second": second,
        "slots": encode(steps(file.slots, cells)),
        "codes": file.codes,
    }


def unpack(arrays: Mapping[str, np.ndarray], empty: InvertedFile, pictures: int) -> InvertedFile:
    """The inverted file that was packed.

    Args:
        arrays: what `pack` gave.
        empty: a file without pictures, of the same words, patches and codes.
        pictures: how many pictures it holds.

    Raises:
        KeyError: an array is missing.
        ValueError: the arrays contradict each other.
    """
    for name in ("lengths", "second", "slots", "codes"):
        if arrays[name].dtype != np.uint8:
            raise ValueError(f"{name} is {arrays[name].dtype}")
    codes = arrays["codes"]
    lengths = decode(arrays["lengths"], empty.words[0])
    if codes.shape != (lengths.sum(), empty.codes.shape[1]):
        raise ValueError(f"the codes are {list(codes.shape)} for {lengths.sum()} postings")
    count = len(codes)
    lists = (np.cumsum(lengths) - lengths)[lengths > 0]
    first = np.repeat(np.arange(empty.words[0]), lengths)
    cells, parts = lists, [first]
    if empty.multiple:
        second = sums(decode(arrays["second"], count), lists)
        if count and not 0 <= second.min() <= second.max() < empty.words[1]:
            raise ValueError("a word is unknown")
        new = np.diff(second, prepend=-1) != 0
        new[lists] = True
        cells, parts = np.flatnonzero(new), [first, second]
    slots = sums(decode(arrays["slots"], count), cells)
    if count and not 0 <= slots.min() <= slots.max() < pictures * empty.patches:
        raise ValueError("a posting belongs to no picture")
    return InvertedFile.sort(empty.words, empty.patches, pictures, parts, slots, codes)


def encode(numbers: np.ndarray) -> np.ndarray:
    """Numbers from 0 to below 2^63 as bytes: uint8, the lowest seven bits of a number first.

    >>> encode(np.array([5, 300])).tolist()
    [5, 172, 2]
    """
    rest = np.asarray(numbers, np.int64).copy()
    lengths = np.ones(len(rest), np.int64)
    for byte in range(1, 9):
        lengths += rest >= 2 ** (7 * byte)
    starts = np.cumsum(lengths) - lengths
    coded = np.zeros(int(lengths.sum()), np.uint8)
    for byte in range(int(lengths.max(initial=0))):
        there = lengths > byte
        more = lengths[there] > byte + 1
        coded[starts[there] + byte] = (rest[there] & 127) | (more << 7)
        rest >>= 7
    return coded


def decode(coded: np.ndarray, count: int) -> np.ndarray:
    """The numbers that were encoded, int64 `[count]`.

    Raises:
        ValueError: the bytes do not hold so many numbers, or one that is too large.

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
    place = np.arange(len(coded)) - np.repeat(starts, lengths)
    return np.add.reduceat((coded & 127).astype(np.int64) << (7 * place), starts)


def steps(numbers: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """What each number adds to the one before it; a stretch's first number stays as it is.

    Args:
        numbers: int `[M]`, rising within each stretch.
        starts: int, where the stretches begin that are not empty.

    >>> steps(np.array([3, 9, 4]), np.array([0, 2])).tolist()
    [3, 6, 4]
    """
    found = np.diff(np.asarray(numbers, np.int64), prepend=0)
    found[starts] = numbers[starts]
    return found


def sums(found: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The numbers whose `steps` these are.

    >>> sums(np.array([3, 6, 4]), np.array([0, 2])).tolist()
    [3, 9, 4]
    """
    total = np.cumsum(found)
    before = np.concatenate([[0], total])[starts]
    return total - np.repeat(before, np.diff(np.append(starts, len(found))))
