"""Images of one color each, and stores of galleries whose search knows their mean color."""

import numpy as np
import pytest
from PIL import Image

from shared.gallery.index import FINGERPRINT, VectorGalleryIndex
from shared.gallery.ingest import DescribedImage, decode_stream
from shared.gallery.search import GallerySearch
from shared.ui.gallery.album_store import AlbumStore
from shared.ui.gallery.gallery_store import GalleryStore


class ColorSearch(GallerySearch):
    """Search by the mean color of images; it counts the images that it described.

    Args:
        weights: Stands for the weights of a network.
    """

    def __init__(self, weights: int = 7) -> None:
        super().__init__("color")
        self._fingerprint = np.array([weights], np.uint64)
        self.described = 0

    @property
    def model_fingerprint(self):
        return self._fingerprint

    def describe_stream(self, images, on_skip):
        def prepare(name, image):
            self.described += 1
            mean = np.asarray(image, np.float32).mean((0, 1))
            return DescribedImage(name, image.size, image, {"color": mean, FINGERPRINT: self._fingerprint})

        return decode_stream(images, prepare, on_skip=on_skip)

    def new_index(self):
        return VectorGalleryIndex("exact", "color", self._fingerprint)


@pytest.fixture
def colors(tmp_path, monkeypatch):
    """Paths of images by the name of their color."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    paths = {name: tmp_path / f"{name}.png" for name in ("red", "lime", "blue", "gold", "pink")}
    for name, path in paths.items():
        Image.new("RGB", (40, 30), name).save(path)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def search():
    return ColorSearch()


@pytest.fixture
def albums():
    """Albums of all visitors of the stores of a test."""
    return AlbumStore()


@pytest.fixture
def samples(colors):
    """Function that returns two sample images."""
    return lambda: {name: colors[name] for name in ("red", "lime")}


@pytest.fixture
def store(search, samples, albums):
    """A gallery store with two sample images."""
    return GalleryStore(lambda: search, samples, albums)


@pytest.fixture
def other_store(samples, albums):
    """The store of another space, with a search of its own, over the same albums."""
    other = ColorSearch(weights=9)
    return GalleryStore(lambda: other, samples, albums)
