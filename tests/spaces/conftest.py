"""Visitors, and photos that they may bring."""

import pytest
from gradio_client import Client
from PIL import Image, ImageOps

from shared.ui.photos import sample_photos


@pytest.fixture
def visitor(server, tmp_path):
    """Somebody with a session of their own; a function that makes another one."""

    def new():
        return Client(server.url, verbose=False, download_files=str(tmp_path))

    return new


@pytest.fixture(scope="session")
def changed(tmp_path_factory):
    """Sample photos, each as somebody else might have it: smaller, mirrored, saved again."""
    folder = tmp_path_factory.mktemp("changed")
    paths = {}
    for name in ("cat", "coffee", "rocket"):
        photo = Image.open(sample_photos()[name])
        photo.thumbnail((300, 300))
        paths[name] = folder / f"{name}-changed.jpg"
        ImageOps.mirror(photo).save(paths[name], quality=70)
    return paths
