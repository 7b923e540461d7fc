"""Readers of edge data."""

import json

import numpy as np
import pytest
from PIL import Image

from shared.training.bsds import read_bsds


@pytest.fixture
def bsds(tmp_path):
    index = {}
    for split, name, annotators in (("train", "20", 2), ("val", "10", 3), ("test", "30", 4)):
        for folder in ("images", "boundaries"):
            (tmp_path / folder / split).mkdir(parents=True)
        Image.new("RGB", (6, 5), "red").save(tmp_path / "images" / split / f"{name}.jpg")
        maps = np.zeros((annotators, 5, 6), bool)
        for k in range(annotators):
            maps[k, k] = True
        Image.fromarray(maps.reshape(-1, 6)).save(tmp_path / "boundaries" / split / f"{name}.png")
        index[name] = {"split": split, "height": 5, "width": 6, "annotators": annotators}
    (tmp_path / "index.json").write_text(json.dumps(index))
    return tmp_path


def test_every_annotator_has_a_map(bsds):
    (sample,) = read_bsds(bsds, "val")
    maps = sample.boundaries()
    assert maps.shape == (3, 5, 6)
    assert maps.dtype == bool
    assert [list(np.flatnonzero(lines.all(1))) for lines in maps] == [[0], [1], [2]]
    assert sample.image().size == (6, 5)


def test_splits_can_be_joined(bsds):
    assert [sample.id for sample in read_bsds(bsds, "train+val")] == ["10", "20"]


def test_missing_data_is_named(bsds, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match=r"index\.json"):
        read_bsds(tmp_path_factory.mktemp("empty"), "test")
    with pytest.raises(ValueError, match="holdout"):
        read_bsds(bsds, "train+holdout")
