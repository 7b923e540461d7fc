"""Tracing of masks: topology of the polylines."""

import time
from itertools import pairwise

import numpy as np
import pytest
from skimage import data, feature

from shared.edges.tracing import prune, trace_lines
from shared.evaluation.thinning import thin


def mask_of(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def photo_lines() -> np.ndarray:
    return thin(feature.canny(data.camera() / 255, 2))


def test_an_open_line_is_one_polyline():
    lines = trace_lines(mask_of("#....", ".#.##", "..#.."))
    assert len(lines) == 1
    assert sorted([lines[0][0].tolist(), lines[0][-1].tolist()]) == [[0.5, 0.5], [4.5, 1.5]]
    assert len(lines[0]) == 5


def test_stairs_have_no_shortcuts():
    (line,) = trace_lines(mask_of("##..", ".##.", "..##"))
    assert len(line) == 6
    assert (np.abs(np.diff(line, axis=0)).sum(1) == 1).all()


def test_lines_meet_in_one_junction():
    lines = trace_lines(mask_of("..#..", "..#..", "#####", "..#..", "..#.."))
    assert len(lines) == 4
    assert all([2.5, 2.5] in line[[0, -1]].tolist() and len(line) == 3 for line in lines)


def test_a_loop_ends_where_it_began():
    (line,) = trace_lines(mask_of(".##.", "#..#", ".##."))
    assert line[0].tolist() == line[-1].tolist()
    assert len(line) == 7


def test_a_loop_on_a_stalk_is_two_lines():
    lines = trace_lines(mask_of("..##.", "##..#", "..##."))
    assert sorted(len(line) for line in lines) == [2, 7]


def test_isolated_pixels_and_empty_masks():
    (line,) = trace_lines(mask_of("...", ".#.", "..."))
    assert line.tolist() == [[1.5, 1.5]]
    assert trace_lines(np.zeros((3, 4), bool)) == []
    with pytest.raises(ValueError, match=r"\(2, 3, 1\)"):
        trace_lines(np.zeros((2, 3, 1), bool))


@pytest.mark.parametrize("seed", range(5))
def test_every_pixel_and_every_link_is_on_a_line(seed):
    """On any mask, thin or not: steps lead to neighbors, no step occurs twice, no pixel is missing."""
    mask = np.random.default_rng(seed).random((40, 50)) < (0.2, 0.4, 0.6, 0.9, 1.0)[seed]
    lines = trace_lines(mask)
    covered = np.zeros_like(mask)
    steps = []
    for line in lines:
        pixels = (line - 0.5).astype(int)
        covered[pixels[:, 1], pixels[:, 0]] = True
        assert (np.abs(np.diff(pixels, axis=0)).max(1, initial=0) == 1).all()
        steps += [frozenset(map(tuple, pair)) for pair in pairwise(pixels)]
    np.testing.assert_array_equal(covered, mask)
    assert len(steps) == len(set(steps))


def test_short_lines_are_removed_unless_they_connect_junctions():
    mask = mask_of(
        "#.....#...",
        "#.....#..#",
        "#######...",
        "#..#..#...",
        "#.....#...",
    )
    lengths = sorted(len(line) for line in trace_lines(mask, min_length=3))
    assert lengths == [4, 4]  # the bar in two halves; the arms of 2, the stub of 1 and the dot are gone
    assert len(trace_lines(mask)) == 8


def test_prune_removes_short_branches_only():
    mask = mask_of(
        "....#.....##",
        "....#.......",
        "############",
        "......#.....",
        "......#.....",
        "......#.....",
    )
    expected = mask.copy()
    expected[:2, 4] = False
    np.testing.assert_array_equal(prune(mask, 3), expected)  # the dash is as short, but no hair
    np.testing.assert_array_equal(prune(mask, 2), mask)


def test_a_large_image_takes_seconds():
    mask = np.tile(photo_lines(), (4, 4))  # 4 million pixels, 100,000 of them on lines
    started = time.process_time()
    lines = trace_lines(mask, min_length=4)
    assert time.process_time() - started < 5
    assert sum(map(len, lines)) > 0.9 * mask.sum()
