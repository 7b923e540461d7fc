"""Ids take no memory while none is missing."""

import numpy as np
import pytest

from shared.index.metadata import SortedIds


def rising(*parts):
    ids = SortedIds()
    for first, count in parts:
        ids.append(np.arange(first, first + count))
    return ids


def test_a_run_takes_no_memory():
    ids = rising((5, 3), (8, 2))
    assert ids.rows.tolist() == [5, 6, 7, 8, 9]
    assert (len(ids), ids.nbytes) == (5, 0)
    assert ids.find(np.array([9, 5])).tolist() == [4, 0]
    for missing in (4, 10, -1, 2**40):
        assert ids.find(np.array([5, missing])) is None


@pytest.mark.parametrize(
    ("mask", "remaining", "nbytes"),
    [
        ([0, 0, 1, 1, 1], [2, 3, 4], 0),
        ([1, 1, 0, 0, 0], [0, 1], 0),
        ([1, 0, 1, 1, 0], [0, 2, 3], 12),
        ([0, 0, 0, 0, 0], [], 0),
    ],
)
def test_ids_after_removals(mask, remaining, nbytes):
    ids = rising((0, 5))
    ids.keep(np.array(mask, bool))
    assert ids.rows.tolist() == remaining
    assert ids.nbytes == nbytes
    assert ids.find(np.array(remaining, np.int64)).tolist() == list(range(len(remaining)))
    assert all(ids.find(np.array([id])) is None for id in set(range(5)) - set(remaining))
    ids.append(np.arange(7, 9))  # with or without a gap before them
    assert ids.rows.tolist() == [*remaining, 7, 8]
    ids.keep(np.arange(len(ids)) % 2 == 0)
    assert ids.rows.tolist() == [*remaining, 7, 8][::2]


def test_large_ids_take_eight_bytes():
    ids = rising((2**32 - 2, 1), (2**32 - 1, 1))
    assert ids.nbytes == 0
    ids.append(np.array([2**32 + 5]))
    assert ids.rows.tolist() == [2**32 - 2, 2**32 - 1, 2**32 + 5]
    assert ids.nbytes == 24
    assert ids.find(np.array([2**32 + 5])).tolist() == [2]
    gap = rising((1, 1), (3, 1))
    assert gap.nbytes == 8
    gap.append(np.array([2**33]))
    assert gap.rows.tolist() == [1, 3, 2**33]
    assert gap.find(np.array([2**32 + 1])) is None
