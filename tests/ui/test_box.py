"""Boxes on an image, as text."""

import pytest

from shared.core.images import ImageError
from shared.ui.components.box import parse_box


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("", None),
        ("10, 5, 30, 25", (10, 5, 30, 25)),
        ("[10.4,5, 300,25]", (10, 5, 40, 25)),
        ("-5, -5, 4, 4", (0, 0, 4, 4)),
    ],
)
def test_boxes_are_clipped_to_the_image(text, box):
    assert parse_box(text, (40, 30)) == box


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1, 2, 3", "left, top, right, bottom.*received .1, 2, 3."),
        ("a, b, c, d", "left, top, right, bottom"),
        ("1e9, 0, 2, 2", "left, top, right, bottom"),
        ("50, 0, 60, 20", "outside the picture, which has 40 × 30 pixels"),
        ("20, 20, 10, 10", "outside the picture, which has 40 × 30 pixels"),
    ],
)
def test_invalid_boxes_are_explained(text, message):
    with pytest.raises(ImageError, match=message):
        parse_box(text, (40, 30))
