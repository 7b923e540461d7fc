"""Readers for edge detection: BSDS500, label maps with coarse borders, and photos with soft edge maps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Sample:
    """One photo of BSDS500 with the boundary maps of its annotators."""

    id: str
    image_path: Path
    boundaries_path: Path
    annotators: int

    def image(self) -> Image.Image:
        """The photo, RGB."""
        return Image.open(self.image_path).convert("RGB")

    def boundaries(self) -> np.ndarray:
        """Boundary maps, bool `[annotators, H, W]`; lines are one pixel wide."""
        stacked = np.asarray(Image.open(self.boundaries_path)).astype(bool)
        return stacked.reshape(self.annotators, -1, stacked.shape[1])


def read_bsds(root: str | Path, split: str) -> list[Sample]:
    """Lists BSDS500 (Arbelaez et al., TPAMI 2011), sorted by id.

    Args:
        root: folder with `index.json`, `images/SPLIT/ID.jpg` and `boundaries/SPLIT/ID.png`, where a boundary
            file holds the annotators' 1-bit maps one below the other.
        split: `"train"` (200), `"val"` (100), `"test"` (200) or `"train+val"`.

    Raises:
        FileNotFoundError: where the folder has no `index.json`.
        ValueError: for a split that the folder does not have.
    """
    root = Path(root)
    index_path = root / "index.json"
    if not index_path.is_file():
        raise FileNotFoundError(f"{index_path} is missing; --data must name the BSDS500 folder")
    index = json.loads(index_path.read_text(encoding="utf8"))
    wanted = split.split("+")
    samples = [
        Sample(
            id=name,
            image_path=root / "images" / entry["split"] / f"{name}.jpg",
            boundaries_path=root / "boundaries" / entry["split"] / f"{name}.png",
            annotators=entry["annotators"],
        )
        for name, entry in sorted(index.items())
        if entry["split"] in wanted
    ]
    found = {sample.image_path.parent.name for sample in samples}
    if missing := set(wanted) - found:
        raise ValueError(f"{root} has no split {', '.join(sorted(missing))!r}")
    return samples


@dataclass(frozen=True)
class Pair:
    """A photo and the picture that annotates it, pixel by pixel."""

    image_path: Path
    annotation_path: Path

    def image(self) -> Image.Image:
        """The photo, RGB."""
        return Image.open(self.image_path).convert("RGB")

    def annotation(self) -> np.ndarray:
        """The annotation as stored, uint8 `[H, W]`: class ids, or edge strength from 0 to 255."""
        return np.asarray(Image.open(self.annotation_path))


def read_pairs(images: str | Path, annotations: str | Path) -> list[Pair]:
    """Photos and annotations that carry the same file name (ending aside), sorted by name.

    Serves segmentation sets (`labels/ID.png` with class ids, PASCAL VOC's layout) and folders of soft edge
    maps (`maps/ID.png`, 8 bit) alike.

    Raises:
        FileNotFoundError: where no photo has an annotation.
    """
    images, annotations = Path(images), Path(annotations)
    maps = {path.stem: path for path in sorted(annotations.glob("*.png"))}
    photos = sorted(path for path in images.glob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    pairs = [Pair(path, maps[path.stem]) for path in photos if path.stem in maps]
    if not pairs:
        raise FileNotFoundError(f"no photo in {images} has an annotation of the same name in {annotations}")
    return pairs
