"""Readers of images with texts."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.core.image_files import ImageFile
from shared.crossmodal.data.datasets import (
    CaptionedImages,
    join,
    read_coco,
    read_fashion,
    read_flickr8k,
    read_grocery_texts,
)


def write_archive(path, names):
    """Write a ZIP archive with an image of 6 x 8 pixels under each name."""
    stream = io.BytesIO()
    Image.new("RGB", (6, 8), (10, 20, 30)).save(stream, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, stream.getvalue())


@pytest.fixture
def flickr_folder(tmp_path):
    """Two images for training and one for tests, in Flickr8k's layout."""
    write_archive(tmp_path / "train-0.zip", ["b.png", "a.png"])
    write_archive(tmp_path / "test.zip", ["c.png"])
    header = ["image", "split", *(f"caption{number}" for number in range(1, 6))]
    rows = [
        [name, split, *(f'{name} says "{number}" , twice .' for number in range(5))]
        for name, split in (("b", "train"), ("c", "test"), ("a", "train"))
    ]
    text = "\n".join("\t".join(row) for row in [header, *rows])
    (tmp_path / "captions.tsv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def test_flickr8k_has_five_captions_for_each_image(flickr_folder):
    train = read_flickr8k(flickr_folder, "train")
    assert [image.name for image in train.images] == ["b", "a"]
    assert train.image_index.tolist() == [0] * 5 + [1] * 5
    assert train.texts[6] == 'a says "1", twice.'
    assert train.images[0].image().size == (6, 8)


def test_a_limit_keeps_the_first_images_with_their_texts(flickr_folder):
    train = read_flickr8k(flickr_folder, "train")
    head = train.head(1)
    assert (len(head.images), head.texts) == (1, train.texts[:5])
    assert train.head(None) is train


def test_missing_parts_of_flickr8k_are_an_error(flickr_folder):
    with pytest.raises(ValueError, match="train, dev, test, received 'val'"):
        read_flickr8k(flickr_folder, "val")
    with pytest.raises(FileNotFoundError, match=r"captions.tsv is missing"):
        read_flickr8k(flickr_folder / "nothing", "train")
    (flickr_folder / "test.zip").unlink()
    with pytest.raises(FileNotFoundError, match="lacks 1 images, such as c"):
        read_flickr8k(flickr_folder, "test")


def test_coco_has_any_number_of_captions_for_each_photo(tmp_path):
    write_archive(tmp_path / "photos.zip", ["1.png", "2.png", "3.png"])
    (tmp_path / "photos.tsv").write_text("number\tid\tsplit\n0\t1\tdev\n1\t2\ttest\n2\t3\tdev\n")
    (tmp_path / "captions.tsv").write_text("id\tcaption\n1\tA dog .\n2\tA cat.\n1\tA wet dog.\n3\tA kite.\n")
    data = read_coco(tmp_path, "dev")
    assert [image.name for image in data.images] == ["1", "3"]
    assert data.texts == ("A dog.", "A wet dog.", "A kite.")
    assert data.image_index.tolist() == [0, 0, 1]


def test_fashion_has_names_and_attributes(tmp_path):
    write_archive(tmp_path / "images.zip", ["1.png", "2.png", "3.png"])
    lines = [
        "id\tsplit\tgender\tarticleType\tbaseColour\tname",
        '1\ttrain\tMen\tShirts\tNavy Blue\tAcme 5" Shirt',
        "2\tval\tWomen\tHandbags\tRed\tAcme Bag",
        "3\ttrain\tMen\tHandbags\tBlack\tAcme Case",
    ]
    (tmp_path / "products.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    train = read_fashion(tmp_path, "train")
    assert train.class_names == ("Handbags", "Shirts")
    assert train.classes.tolist() == [1, 0]
    assert train.texts[:2] == ('Acme 5" Shirt', "navy blue shirts for men")
    assert [image.name for image in read_fashion(tmp_path, "dev").images] == ["2"]
    assert train.head(1).classes.tolist() == [1]


def test_groceries_have_names_and_descriptions(tmp_path):
    write_archive(tmp_path / "images-0.zip", ["train/x/1.png", "val/x/2.png"])
    tables = {
        "labels.csv": [
            ["file", "class_id", "class", "split"],
            ["train/x/1.png", 1, "Oat-Milk", "train"],
            ["val/x/2.png", 0, "Pear", "val"],
        ],
        "classes.csv": [
            ["class_id", "class", "description"],
            [0, "Pear", "Sweet."],
            [1, "Oat-Milk", 'A "drink", white. '],
        ],
    }
    for name, rows in tables.items():
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    train = read_grocery_texts(tmp_path, "train")
    assert train.texts == ("Oat Milk", 'A "drink", white.')
    assert train.classes.tolist() == [1]
    assert read_grocery_texts(tmp_path, "dev").texts == ("Pear", "Sweet.")


def test_joined_data_sets_keep_their_texts(flickr_folder):
    data = join([read_flickr8k(flickr_folder, "train"), read_flickr8k(flickr_folder, "test")])
    assert data.name == "Flickr8k and Flickr8k"
    assert len(data.images) == 3
    assert np.array_equal(data.image_index, np.repeat([0, 1, 2], 5))


def test_classes_of_joined_data_sets_follow_one_another():
    parts = [
        CaptionedImages(
            name,
            (ImageFile(Path(name)),) * 2,
            ("a", "b"),
            np.arange(2),
            np.arange(2),
            (f"{name}1", f"{name}2"),
        )
        for name in ("x", "y")
    ]
    data = join(parts)
    assert data.class_names == ("x1", "x2", "y1", "y2")
    assert data.classes.tolist() == [0, 1, 2, 3]
    assert data.image_index.tolist() == [0, 1, 2, 3]
