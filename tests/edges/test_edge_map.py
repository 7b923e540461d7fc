"""Results of the edge detector: drawings, files and plain values."""

import io
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from shared.edges.edge_map import STYLES, EdgeMap
from shared.edges.svg import SvgStyle


@pytest.fixture
def edges() -> EdgeMap:
    """A horizontal line of strength 0.8."""
    soft = np.zeros((20, 30), np.float32)
    soft[10] = 0.8
    return EdgeMap(soft=soft, side_outputs=(soft,) * 5, threshold=0.5, engine="rds", seconds=0.12345)


def test_styles(edges):
    white = np.asarray(edges.draw())
    assert (white[10, 0], white[0, 0]) == (204, 0)
    np.testing.assert_array_equal(np.asarray(edges.draw("black on white")), 255 - white)
    transparent = np.asarray(edges.draw("transparent"))
    np.testing.assert_array_equal(transparent[..., 3], white)
    assert not transparent[..., :3].any()
    with pytest.raises(ValueError, match=r"white on black, black on white, transparent, received 'red'"):
        edges.draw("red")


def test_thin_lines_are_black_or_white(edges):
    assert edges.draw().getextrema() == (0, 204)
    assert edges.draw(thin=True).getextrema() == (0, 255)


@pytest.mark.parametrize("style", STYLES)
def test_the_png_file_is_the_drawing(edges, style):
    image = Image.open(io.BytesIO(edges.png(style, thin=True)))
    assert image.format == "PNG"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(edges.draw(style, thin=True)))


def test_lines_are_computed_once(edges):
    assert edges.lines.sum() == 30
    assert edges.lines is edges.lines


def test_the_svg_file_has_the_lines(edges):
    root = ElementTree.fromstring(edges.svg(SvgStyle(color="navy", title="One line")))
    assert root.get("viewBox") == "0 0 30 20"
    (path,) = root.iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d") == "M1 21l58 0"


def test_files_are_the_drawing_and_the_lines(edges):
    files = edges.files("transparent", thin=True)
    assert files == {".png": edges.png("transparent", thin=True), ".svg": edges.svg().encode()}


def test_half_precision_gives_the_same_lines_and_drawing(edges):
    half = replace(edges, soft=edges.soft.astype(np.float16))
    np.testing.assert_array_equal(half.lines, edges.lines)
    assert half.draw().tobytes() == edges.draw().tobytes()
    empty = replace(half, soft=np.zeros((20, 30), np.float16), threshold=0.0)
    assert not empty.lines.any()


def test_a_tolerance_makes_smaller_files(edges):
    x = np.arange(30)
    edges.soft[:] = 0
    edges.soft[np.rint(10 + 6 * np.sin(x / 3)).astype(int), x] = 0.8
    assert len(edges.svg(tolerance=4)) < len(edges.svg(tolerance=0.2))
    assert edges.files(tolerance=4)[".svg"] == edges.svg(tolerance=4).encode()
    with pytest.raises(ValueError, match="above 0, received 0"):
        edges.svg(tolerance=0)


def test_plain_values_leave_the_maps_out(edges):
    values = {
        "size": [30, 20],
        "working_size": [30, 20],
        "note": "",
        "threshold": 0.5,
        "engine": "rds",
        "seconds": 0.123,
    }
    assert json.loads(json.dumps(edges.as_dict())) == values
    assert "soft" not in repr(edges)


def test_a_result_that_was_computed_smaller_says_so(edges):
    values = replace(edges, working_size=(15, 10)).as_dict()
    assert values["working_size"] == [15, 10]
    assert "computed at 15 × 10 pixels" in values["note"]
