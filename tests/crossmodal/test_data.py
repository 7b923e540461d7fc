"""Readers of pictures with words, and the sentences that come with the package."""

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
    read_fashion,
    read_flickr8k,
    read_grocery_texts,
)
from shared.crossmodal.sentences import everyday_sentences


def picture(color):
    stream = io.BytesIO()
    Image.new("RGB", (6, 8), color).save(stream, "PNG")
    return stream.getvalue()


def archive(path, names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, picture((10, 20, 30)))


@pytest.fixture
def flickr(tmp_path):
    archive(tmp_path / "train-0.zip", ["b.png", "a.png"])
    archive(tmp_path / "test.zip", ["c.png"])
    head = ["image", "split", *(f"caption{number}" for number in range(1, 6))]
    rows = [
        [name, split, *(f'{name} says "{n}" , twice .' for n in range(5))]
        for name, split in (("b", "train"), ("c", "test"), ("a", "train"))
    ]
    text = "\n".join("\t".join(row) for row in [head, *rows])
    (tmp_path / "captions.tsv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def test_flickr8k(flickr):
    train = read_flickr8k(flickr, "train")
    assert [photo.name for photo in train.photos] == ["b", "a"]
    assert train.owners.tolist() == [0] * 5 + [1] * 5
    assert train.texts[6] == 'a says "1", twice.'
    assert train.photos[0].image().size == (6, 8)
    one = train.first(1)
    assert (len(one.photos), one.texts) == (1, train.texts[:5])
    assert train.first(None) is train


def test_flickr8k_without_its_parts(flickr):
    with pytest.raises(ValueError, match="train, dev, test, received 'val'"):
        read_flickr8k(flickr, "val")
    with pytest.raises(FileNotFoundError, match=r"captions.tsv is missing"):
        read_flickr8k(flickr / "nothing", "train")
    (flickr / "test.zip").unlink()
    with pytest.raises(FileNotFoundError, match="lacks 1 photos, such as c"):
        read_flickr8k(flickr, "test")


def test_fashion(tmp_path):
    archive(tmp_path / "images.zip", ["1.png", "2.png", "3.png"])
    rows = [
        "id\tsplit\tgender\tarticleType\tbaseColour\tname",
        '1\ttrain\tMen\tShirts\tNavy Blue\tAcme 5" Shirt',
        "2\tval\tWomen\tHandbags\tRed\tAcme Bag",
        "3\ttrain\tMen\tHandbags\tBlack\tAcme Case",
    ]
    (tmp_path / "products.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    train = read_fashion(tmp_path, "train")
    assert train.class_names == ("Handbags", "Shirts")
    assert train.classes.tolist() == [1, 0]
    assert train.texts[:2] == ('Acme 5" Shirt', "navy blue shirts for men")
    assert [photo.name for photo in read_fashion(tmp_path, "dev").photos] == ["2"]
    assert train.first(1).classes.tolist() == [1]


def test_grocery(tmp_path):
    archive(tmp_path / "images-0.zip", ["train/x/1.png", "val/x/2.png"])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["file", "class_id", "class", "split"],
                ["train/x/1.png", 1, "Oat-Milk", "train"],
                ["val/x/2.png", 0, "Pear", "val"],
            ]
        )
    with (tmp_path / "classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["class_id", "class", "description"],
                [0, "Pear", "Sweet."],
                [1, "Oat-Milk", 'A "drink", white. '],
            ]
        )
    train = read_grocery_texts(tmp_path, "train")
    assert train.texts == ("Oat Milk", 'A "drink", white.')
    assert train.classes.tolist() == [1]
    assert read_grocery_texts(tmp_path, "dev").texts == ("Pear", "Sweet.")


def test_joined_sets_keep_their_texts(flickr):
    both = join([read_flickr8k(flickr, "train"), read_flickr8k(flickr, "test")])
    assert both.name == "Flickr8k and Flickr8k"
    assert len(both.photos) == 3
    assert np.array_equal(both.owners, np.repeat([0, 1, 2], 5))


def test_sentences_come_with_the_package():
    sentences = everyday_sentences()
    assert len(sentences) >= 300
    assert len(set(map(str.lower, sentences))) == len(sentences)
    for sentence in sentences:
        assert sentence == sentence.strip()
        assert sentence.endswith(".")
        assert 4 <= len(sentence.split()) <= 16


def test_joined_sets_follow_one_another_with_their_classes():
    one, other = (
        CaptionedImages(
            name,
            (ImageFile(Path(name)),) * 2,
            ("a", "b"),
            np.arange(2),
            np.arange(2),
            (f"{name}1", f"{name}2"),
        )
        for name in ("x", "y")
    )
    both = join([one, other])
    assert both.class_names == ("x1", "x2", "y1", "y2")
    assert both.classes.tolist() == [0, 1, 2, 3]
    assert both.owners.tolist() == [0, 1, 2, 3]
