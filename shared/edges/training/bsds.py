"""Reader of BSDS500."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


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
