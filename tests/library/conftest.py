"""Libraries of small photos, described without networks."""

import numpy as np
import pytest
from PIL import Image

from shared.library import ingest
from shared.library.library import Library
from tests.library.fakes import ColorExtractor, replace_models


def write_photo(path, color, seed=0, exif=None, side=48):
    """Write a photo of one color and some noise, whose content depends on the seed."""
    rng = np.random.default_rng(seed)
    pixels = np.clip(rng.normal(color, 8, (side, side, 3)), 0, 255).astype(np.uint8)
    pixels[rng.integers(side - 9) :][:9] = pixels[0, 0]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({} if exif is None else {"exif": exif}))
    return path


@pytest.fixture
def extractor(monkeypatch):
    """Extractor of all libraries of a test."""
    extractor = ColorExtractor()
    replace_models(extractor, attribute=monkeypatch.setattr)
    monkeypatch.setattr(ingest, "WRITE_BATCH", 4)
    monkeypatch.setattr(ingest, "LOOKUP_BATCH", 6)
    return extractor


@pytest.fixture
def photos(tmp_path):
    """Folder with ten photos in three folders."""
    colors = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220)}
    folder = tmp_path / "photos"
    for number in range(9):
        name, color = list(colors.items())[number % 3]
        write_photo(folder / name / f"{number}.png", color, number)
    write_photo(folder / "white.png", (240, 240, 240), 99)
    return folder


@pytest.fixture
def library(tmp_path, extractor):
    """Empty library."""
    with Library.open(tmp_path / "library") as library:
        yield library
