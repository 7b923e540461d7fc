"""Data sets of products: walls of one color, and stripes as images of no product."""

import csv
import zipfile

import numpy as np
from PIL import Image

from shared.crossmodal.data.datasets import read_flickr8k
from tests.crossmodal.colors import COLORS

CLASS_NAMES = ("Red-Wall", "Green-Wall", "Blue-Wall", "White-Wall")
STRIPE_CAPTIONS = ("some stripes", "zebra", "a dog runs", "striped thing", "people on a road")


def wall_image(color):
    """Return the image of a wall of one color."""
    return Image.new("RGB", (30, 20), COLORS[color])


def striped_image(seed):
    """Return an image of random black and white stripes, which shows no wall."""
    rows = np.random.default_rng(seed).integers(0, 2, (12, 1, 1)).repeat(2, 0).repeat(24, 1).repeat(3, 2)
    return Image.fromarray((255 * rows).astype(np.uint8))


def write_walls(folder, color_folder):
    """Write the images of `color_folder`, Flickr8k's layout, in the layout of the Grocery Store set."""
    labels = [("file", "class_id", "class", "split")]
    with zipfile.ZipFile(folder / "images-0.zip", "w") as archive:
        for source_split, split in (("train", "train"), ("dev", "val"), ("test", "test")):
            for number, image in enumerate(read_flickr8k(color_folder, source_split).images):
                _store(archive, f"{split}/{number}.png", image.image())
                labels.append((f"{split}/{number}.png", number % 4, "", split))
    classes = [("class_id", "class", "coarse", "description")]
    for number, (name, material) in enumerate(
        zip(CLASS_NAMES, ("snow", "brick", "stone", "moss"), strict=True)
    ):
        color = name.partition("-")[0].lower()
        coarse = "Pale-Wall" if number == 3 else "Wall"
        classes.append((number, name, coarse, f"It is {color}, a wall of {material}."))
    for name, rows in (("labels.csv", labels), ("classes.csv", classes)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def write_stripes(folder):
    """Write images of stripes in the layout of Flickr8k, six in each split."""
    lines = ["image\tsplit\t" + "\t".join(f"caption{number}" for number in range(1, 6))]
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number in range(18):
            _store(archive, f"{number}.png", striped_image(number))
            split = ("train", "dev", "test")[number % 3]
            lines.append("\t".join([str(number), split, *STRIPE_CAPTIONS]))
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _store(archive, name, image):
    with archive.open(name, "w") as file:
        image.save(file, "PNG")
