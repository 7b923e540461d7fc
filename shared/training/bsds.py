"""Reader of BSDS500."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Sample:
    """Image of BSDS500 with the boundary maps of its annotators.

    Attributes:
        id: File name without suffix.
        image_path: Path of the image.
        boundaries_path: The annotators' 1-bit maps, one below the other.
        annotators: Number of annotators.
    """

    id: str
    image_path: Path
    boundaries_path: Path
    annotators: int

    def image(self) -> Image.Image:
        """Decode the image as RGB."""
        return Image.open(self.image_path).convert("RGB")

    def boundaries(self) -> np.ndarray:
        """Decode the boundary maps, bool `[annotators, H, W]`; lines are one pixel wide."""
        stacked = np.asarray(Image.open(self.boundaries_path)).astype(bool)
        return stacked.reshape(self.annotators, -1, stacked.shape[1])


def read_bsds(root: str | Path, split: str) -> list[Sample]:
    """List BSDS500 (Arbelaez et al., TPAMI 2011), sorted by id.

    Args:
        root: Folder with `index.json`, `images/SPLIT/ID.jpg` and `boundaries/SPLIT/ID.png`.
        split: `"train"` (200), `"val"` (100), `"test"` (200) or `"train+val"`.

    Raises:
        FileNotFoundError: The folder has no `index.json`.
        ValueError: The folder does not have this split.
    """
    root = Path(root)
    index_path = root / "index.json"
    if not index_path.is_file():
        raise FileNotFoundError(f"{index_path} is missing; --data must name the BSDS500 folder")
    index = json.loads(index_path.read_text(encoding="utf-8"))
    splits = split.split("+")
    samples = [
        Sample(
            id=name,
            image_path=root / "images" / entry["split"] / f"{name}.jpg",
            boundaries_path=root / "boundaries" / entry["split"] / f"{name}.png",
            annotators=entry["annotators"],
        )
        for name, entry in sorted(index.items())
        if entry["split"] in splits
    ]
    present = {sample.image_path.parent.name for sample in samples}
    if missing := set(splits) - present:
        raise ValueError(f"{root} has no split {', '.join(sorted(missing))!r}")
    return samples
