"""Clothing Co-Parsing: street photos with the classes of their pixels, or with tags alone.

Yang, Luo and Lin, "Clothing Co-Parsing by Joint Image Segmentation and Labeling", CVPR 2014. The folder has
`photos.tsv` (`id`, `annotation`, `split`, `tag_ids`), `label_names.json`, `labels/ID.png`, and
`photos/ID.webp` or `photos/ID.jpg`, of any size.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.images import open_image
from shared.restyle.parsing.classes import classes_of_ccp


@dataclass(frozen=True)
class CCPPhoto:
    """Photo of the data set.

    Attributes:
        path: The photo.
        label_path: PNG with the ids of its labels; None for a photo with tags alone.
        tags: Classes that its tags name, sorted.
        lookup: uint8 `[labels]`, the class of every label.
    """

    path: Path
    label_path: Path | None
    tags: tuple[int, ...]
    lookup: np.ndarray

    @property
    def name(self) -> str:
        """Number of the photo, as a text."""
        return self.path.stem

    def image(self) -> Image.Image:
        """Decode the photo."""
        return open_image(self.path)

    def classes(self) -> np.ndarray:
        """Read the class of every pixel, uint8 `[h, w]`, at the size of the labels.

        Raises:
            ValueError: The photo has tags alone.
        """
        if self.label_path is None:
            raise ValueError(f"the photo {self.name} has no labelled pixels")
        classes: np.ndarray = self.lookup[np.asarray(Image.open(self.label_path))]
        return classes


def read_ccp(root: Path, split: str) -> list[CCPPhoto]:
    """List the photos of a split.

    Args:
        root: Folder of the data set.
        split: `"train"`, `"val"` or `"test"`, photos with labelled pixels; `"tags"`, those with tags alone.

    Raises:
        FileNotFoundError: `photos.tsv` is missing.
        ValueError: There is no such split.
    """
    table = root / "photos.tsv"
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing; --data must name the data set's folder")
    names = json.loads((root / "label_names.json").read_text(encoding="utf-8"))["names"]
    lookup = classes_of_ccp(names)
    annotation, part = ("image", "train") if split == "tags" else ("pixel", split)
    paths = {path.stem: path for path in (root / "photos").glob("*.*")}
    with table.open(encoding="utf-8", newline="") as file:
        rows = [
            CCPPhoto(
                paths[row["id"]],
                root / "labels" / f"{row['id']}.png" if annotation == "pixel" else None,
                tuple(sorted({int(lookup[int(label)]) for label in row["tag_ids"].split()})),
                lookup,
            )
            for row in csv.DictReader(file, delimiter="\t")
            if row["annotation"] == annotation and row["split"] == part
        ]
    if not rows:
        raise ValueError(f"{root} has no split {split!r}")
    return rows
