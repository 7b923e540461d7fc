"""Clothing Co-Parsing: photos of people with the mask of the person.

Yang, Luo and Lin, "Clothing Co-Parsing by Joint Image Segmentation and Labeling", CVPR 2014. The folder has
`photos.tsv` (`id`, `annotation`, `split`), `photos/ID.webp` and `labels/ID.png`, whose class 0 is background.
"""

from __future__ import annotations

import csv
from pathlib import Path

from shared.matting.data.masks import MaskedPhoto


def read_ccp(root: Path, split: str, photos: Path | None = None) -> list[MaskedPhoto]:
    """List the labelled photos of a split.

    Args:
        root: Folder of the data set.
        split: `"train"`, `"val"` or `"test"`.
        photos: Folder with the photos at a larger size, `ID.jpg`; those of the data set by default.

    Raises:
        FileNotFoundError: `photos.tsv` is missing.
        ValueError: There is no such split.
    """
    table = root / "photos.tsv"
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing; --data must name the data set's folder")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = [row["id"] for row in rows if row["annotation"] == "pixel" and row["split"] == split]
    if not names:
        raise ValueError(f"{root} has no split {split!r}")
    folder, suffix = (photos, ".jpg") if photos else (root / "photos", ".webp")
    return [MaskedPhoto(folder / f"{name}{suffix}", root / "labels" / f"{name}.png") for name in names]
