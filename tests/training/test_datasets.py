"""Readers of images, annotated images and labelled images."""

import csv
import zipfile

import numpy as np
import pytest
from PIL import Image

from shared.core.image_files import IMAGE_SUFFIXES
from shared.training.datasets import read_annotated_images, read_grocery


def save(path, color=(0, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), color).save(path)
    return path


def test_annotations_match_by_name(tmp_path):
    save(tmp_path / "images" / "a.jpg")
    save(tmp_path / "images" / "alone.jpg")
    (tmp_path / "maps").mkdir()
    Image.new("L", (4, 3), 128).save(tmp_path / "maps" / "a.png")
    (annotated,) = read_annotated_images(tmp_path / "images", tmp_path / "maps")
    assert annotated.image_path.name == "a.jpg"
    assert (annotated.annotation() == 128).all()
    assert annotated.image().mode == "RGB"
    (tmp_path / "maps" / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="same name"):
        read_annotated_images(tmp_path / "images", tmp_path / "maps")


def test_annotations_with_a_palette_give_their_ids(tmp_path):
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    annotation = Image.fromarray(ids)
    annotation.putpalette([200, 100, 50] * 256)
    (tmp_path / "labels").mkdir()
    annotation.save(tmp_path / "labels" / "a.png")
    for suffix in IMAGE_SUFFIXES:
        photo = save(tmp_path / "images" / f"a{suffix}")
        (annotated,) = read_annotated_images(tmp_path / "images", tmp_path / "labels")
        np.testing.assert_array_equal(annotated.annotation(), ids)
        photo.unlink()


def test_grocery(tmp_path):
    save(tmp_path / "one.webp", (255, 0, 0))
    with zipfile.ZipFile(tmp_path / "images-0.zip", "w") as archive:
        archive.write(tmp_path / "one.webp", "train/kiwi/one.webp")
        archive.write(tmp_path / "one.webp", "test/kiwi/two.webp")
    rows = [("train/kiwi/one.webp", 1, "kiwi", "train"), ("test/kiwi/two.webp", 1, "kiwi", "test")]
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "class_id", "class", "split"), *rows])
    with (tmp_path / "classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("class_id", "class"), (1, "kiwi"), (0, "apple")])
    labelled = read_grocery(tmp_path, "train")
    assert labelled.classes == ("apple", "kiwi")
    assert labelled.targets.tolist() == [1]
    assert labelled.images[0].image().size == (4, 3)
    with pytest.raises(ValueError, match="holdout"):
        read_grocery(tmp_path, "holdout")
    with pytest.raises(FileNotFoundError, match=r"labels\.csv"):
        read_grocery(tmp_path / "nowhere", "train")
