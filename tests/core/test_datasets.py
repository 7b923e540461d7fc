"""Readers of photos and of photos with annotated pixels."""

import pytest
from PIL import Image

from shared.core.datasets import read_pairs


def test_pairs_match_by_name(tmp_path):
    for folder in ("images", "maps"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "images" / "a.jpg")
    Image.new("RGB", (4, 3)).save(tmp_path / "images" / "alone.jpg")
    Image.new("L", (4, 3), 128).save(tmp_path / "maps" / "a.png")
    (pair,) = read_pairs(tmp_path / "images", tmp_path / "maps")
    assert pair.image_path.name == "a.jpg"
    assert (pair.annotation() == 128).all()
    (tmp_path / "maps" / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="same name"):
        read_pairs(tmp_path / "images", tmp_path / "maps")
