"""Images of one color each, and a gallery store whose model is their mean color."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError, open_image
from shared.gallery.snapshot import GalleryFullError
from shared.ui.gallery.gallery_store import GalleryStore


def ingest(images, gallery):
    """Add images with their mean color as the only feature."""
    ids, skipped, full_message = [], [], ""
    for name, source in images:
        try:
            image = open_image(source)
            ids.append(gallery.add(name, image, {"color": np.asarray(image, np.float32).mean((0, 1))}))
        except ImageError as error:
            skipped.append((name, str(error)))
        except GalleryFullError as error:
            full_message = str(error)
            break
    return SimpleNamespace(ids=ids, skipped=skipped, full_message=full_message)


@pytest.fixture
def colors(tmp_path, monkeypatch):
    """Paths of images by the name of their color."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    paths = {name: tmp_path / f"{name}.png" for name in ("red", "lime", "blue", "gold", "pink")}
    for name, path in paths.items():
        Image.new("RGB", (40, 30), name).save(path)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def store(colors):
    """A gallery store with two sample images."""
    return GalleryStore(ingest, lambda: {name: colors[name] for name in ("red", "lime")})
