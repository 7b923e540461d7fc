"""People of Clothing Co-Parsing in their frames, with classes of clothes and joints.

Besides what `shared.restyle.parsing.data.ccp` reads, the folder has `keypoints.tsv`: for every photo the 17
joints as `x,y,score`, in pixels of the photo.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from shared.restyle.parsing.data.ccp import read_ccp
from shared.restyle.swap.figure import HEIGHT, WIDTH, Figure, cut_figure


def read_joints(root: Path) -> dict[str, np.ndarray]:
    """Read the joints of all photos, float32 `[17, 3]` each, by the names of the photos.

    Args:
        root: Folder of the data set.

    Raises:
        FileNotFoundError: `keypoints.tsv` is missing.
    """
    with (root / "keypoints.tsv").open(encoding="utf-8", newline="") as file:
        return {
            row.pop("id"): np.array([cell.split(",") for cell in row.values()], np.float32)
            for row in csv.DictReader(file, delimiter="\t")
        }


def read_figures(
    root: Path, split: str, *, size: tuple[int, int] = (WIDTH, HEIGHT), limit: int | None = None
) -> list[Figure]:
    """Read the labelled people of a split; photos whose labels show nobody are left out.

    Args:
        root: Folder of the data set.
        split: `"train"`, `"val"` or `"test"`.
        size: Width and height of the frames in pixels.
        limit: Number of photos to read, by default all.

    Raises:
        FileNotFoundError: A table is missing.
        ValueError: There is no such split.
    """
    joints = read_joints(root)
    figures = []
    for photo in read_ccp(root, split)[:limit]:
        classes = photo.classes()
        if classes.any():
            figures.append(cut_figure(photo.image(), classes, joints[photo.name], size=size))
    return figures
