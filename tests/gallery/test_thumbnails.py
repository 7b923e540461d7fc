"""Thumbnails of a gallery's images."""

from PIL import Image

from shared.core.images import open_image
from shared.gallery.thumbnails import thumbnail


def test_thumbnails_of_narrow_images_have_pixels():
    assert open_image(thumbnail(Image.new("RGB", (3000, 1)))).size == (640, 1)
