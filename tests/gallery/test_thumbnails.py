"""Thumbnails and names: small enough to keep, and fit to be shown."""

import pytest
from PIL import Image

from shared.core.images import open_image
from shared.gallery.thumbnails import display_name, thumbnail


def test_thumbnails_of_narrow_pictures_have_pixels():
    assert open_image(thumbnail(Image.new("RGB", (3000, 1)))).size == (640, 1)


@pytest.mark.parametrize(
    ("name", "shown"), [("", "picture"), ("a\x00b", "ab"), ("\u202ex.png", "x.png"), ("y" * 200, "y" * 200)]
)
def test_names_can_be_shown(name, shown):
    assert display_name(name) == shown


def test_long_names_keep_their_suffix():
    name = display_name("y" * 999 + ".jpeg")
    assert len(name) == 200
    assert name.endswith("y.jpeg")
