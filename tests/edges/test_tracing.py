"""Tracing of masks: topology of the polylines, and an SVG document that reproduces the mask."""

import re
import time
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, draw, feature

from shared.edges.svg import to_svg
from shared.edges.tracing import prune, simplify, trace_lines
from shared.evaluation.thinning import thin


def mask_of(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def photo_lines() -> np.ndarray:
    return thin(feature.canny(data.camera() / 255, 2))


def read_paths(svg: str) -> list[np.ndarray]:
    """Return the points of every path of a document of `to_svg`."""
    lines = []
    for path in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
        lines.append(np.cumsum(np.reshape(numbers, (-1, 2)), axis=0))
    return lines


def rasterize(lines: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for line in lines:
        pixels = np.floor(line).astype(int)
        for (x0, y0), (x1, y1) in pairwise(pixels):
            mask[draw.line(y0, x0, y1, x1)] = True
        mask[pixels[:, 1], pixels[:, 0]] = True
    return mask


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


@pytest.mark.parametrize("tolerance", [0, 0.5])
def test_the_svg_of_a_photo_reproduces_its_lines(tolerance):
    mask = photo_lines()
    lines = [simplify(line, tolerance) for line in trace_lines(mask)]
    drawn = rasterize(read_paths(to_svg(lines, mask.shape[::-1])), mask.shape)
    if tolerance == 0:
        np.testing.assert_array_equal(drawn, mask)
    else:
        assert ndimage.distance_transform_edt(~mask)[drawn].max() < 2
        assert ndimage.distance_transform_edt(~drawn)[mask].max() < 2
        off = ndimage.distance_transform_edt(~drawn)[mask] > 1
        assert off.mean() < 0.005


def test_simplify_smooths_stairs():
    x = np.arange(60)
    stairs = np.stack([x, x // 3], axis=1) + 0.5
    assert len(simplify(stairs)) == 2
    angle = np.linspace(0, 2 * np.pi, 200)
    rows, columns = draw.circle_perimeter(40, 40, 30)
    circle = np.zeros((80, 80), bool)
    circle[rows, columns] = True
    (line,) = trace_lines(thin(circle))
    short = simplify(line)
    assert short[0].tolist() == short[-1].tolist()
    assert len(short) < len(line) / 5
    truth = 40.5 + 30 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert np.linalg.norm(short[:, None] - truth, axis=2).min(1).max() < 1
    np.testing.assert_array_equal(simplify(line, 0), line)


def test_a_large_image_takes_seconds():
    mask = np.tile(photo_lines(), (4, 4))  # 4 million pixels, 100,000 of them on lines
    started = time.process_time()
    lines = [simplify(line) for line in trace_lines(mask, min_length=4)]
    svg = to_svg(lines, mask.shape[::-1])
    assert time.process_time() - started < 10
    assert len(svg) < 10 * mask.sum()
