"""SVG documents: appearance, and points that are exact to half a unit."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from shared.edges.svg import SvgStyle, to_svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_appearance():
    style = SvgStyle(color='red" onload="x', width=2, background="#fff", title="a < b & \x00 c")
    root = ElementTree.fromstring(to_svg([np.array([[1, 1]])], (20, 10), style))
    assert root.get("viewBox") == "0 0 20 10"
    assert root.find(f"{NAMESPACE}title").text == "a < b &  c"
    assert root.find(f"{NAMESPACE}rect").get("fill") == "#fff"
    path = root.find(f"{NAMESPACE}path")
    assert path.get("stroke") == 'red" onload="x'
    assert path.get("onload") is None
    assert (path.get("stroke-width"), path.get("transform")) == ("4", "scale(.5)")
    assert path.get("stroke-linejoin") == "round"


def test_without_lines_the_document_is_empty():
    root = ElementTree.fromstring(to_svg([], (1, 1)))
    assert root.find(f"{NAMESPACE}path").get("d") == ""
    assert root.find(f"{NAMESPACE}title") is root.find(f"{NAMESPACE}rect") is None


@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_lines_need_a_width(width):
    with pytest.raises(ValueError, match=f"above 0, received {width}"):
        SvgStyle(width=width)


def test_all_lines_are_one_path():
    curve = np.array([[0, 0], [0, 2], [2, 4], [4, 4]])
    straight = np.array([[9, 9], [8, 8], [7, 7], [6, 6], [5, 6], [4, 6], [3, 6]])
    root = ElementTree.fromstring(to_svg([curve, straight, np.array([[3, 3]])], (20, 10)))
    (path,) = root.iter(f"{NAMESPACE}path")
    assert path.get("d") == "M0 0c0 4 4 8 8 8m10 10l-6-6-6 0m0-6l0 0"


def test_points_are_rounded_without_drift():
    """A thousand steps of a third of a unit end where they should."""
    x = np.arange(3001) / 6
    curve = np.stack([x, np.sin(x)], 1)
    numbers = re.findall(r"-?\d+", to_svg([curve], (500, 3)).partition(' d="')[2])
    steps = np.array(numbers, int).reshape(-1, 2)
    assert abs(steps[:, 0].sum() / 2 - x[-1]) <= 0.25
