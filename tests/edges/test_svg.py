"""SVG documents."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from shared.edges.svg import SvgStyle, to_svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_appearance():
    style = SvgStyle(color='red" onload="x', width=2, background="#fff", title="a < b & \x00 c")
    root = ElementTree.fromstring(to_svg([np.array([[1, 1], [2, 2]])], (20, 10), style))
    assert root.get("viewBox") == "0 0 20 10"
    assert root.find(f"{NAMESPACE}title").text == "a < b &  c"
    assert root.find(f"{NAMESPACE}rect").get("fill") == "#fff"
    group = root.find(f"{NAMESPACE}g")
    assert group.get("stroke") == 'red" onload="x'
    assert group.get("onload") is None
    assert (group.get("stroke-width"), group.get("stroke-linejoin")) == ("2", "round")


def test_without_lines_the_document_is_empty():
    root = ElementTree.fromstring(to_svg([], (1, 1)))
    assert len(root.find(f"{NAMESPACE}g")) == 0
    assert root.find(f"{NAMESPACE}title") is root.find(f"{NAMESPACE}rect") is None


@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_lines_need_a_width(width):
    with pytest.raises(ValueError, match=f"above 0, received {width}"):
        SvgStyle(width=width)
