"""Training examples: photos of moderate size with masks of their subject, kept in a folder.

A folder has `NAME.jpg` and, for each source of masks, `NAME.SOURCE.png`: `truth` of a data set, or the name
of a teacher (`shared.matting.training.teachers.FORMATS`), 0 background to 255 subject, stretched to any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.images import shrink

MAX_SIDE = 448  # of a stored photo, in pixels
QUALITY = 94  # of its JPEG file
TRUTH = "truth"


@dataclass(frozen=True)
class Example:
    """Photo of an example folder.

    Attributes:
        path: `FOLDER/NAME.jpg`.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the folder and of the photo, `FOLDER/NAME`."""
        return f"{self.path.parent.name}/{self.path.stem}"

    def image(self) -> Image.Image:
        """Decode the photo as RGB."""
        return Image.open(self.path).convert("RGB")

    def mask_path(self, source: str) -> Path:
        """Return the path of the mask of a source."""
        return self.path.with_suffix(f".{source}.png")

    @cached_property
    def sources(self) -> frozenset[str]:
        """Sources that have a mask of the photo."""
        paths = self.path.parent.glob(f"{self.path.stem}.*.png")
        return frozenset(path.name.removeprefix(f"{self.path.stem}.").removesuffix(".png") for path in paths)

    def mask(self, source: str, size: tuple[int, int]) -> np.ndarray:
        """Read the mask of a source.

        Args:
            source: Name of the source.
            size: Width and height of the result.

        Returns:
            float32 `[height, width]`, 0..1.
        """
        mask = Image.open(self.mask_path(source)).convert("L")
        resized = mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(resized, np.float32) / 255


def list_examples(folder: Path) -> list[Example]:
    """List the examples of a folder, by name.

    Raises:
        FileNotFoundError: There are none.
    """
    examples = [Example(path) for path in sorted(folder.glob("*.jpg"))]
    if not examples:
        raise FileNotFoundError(f"{folder} holds no examples")
    return examples


def store_example(folder: Path, name: str, image: Image.Image, masks: Mapping[str, Image.Image]) -> Example:
    """Store a photo with masks; files that exist stay.

    Args:
        folder: Folder of the examples.
        name: Name of the photo.
        image: Mode RGB; shrunk to `MAX_SIDE`.
        masks: Masks of mode L, by source.
    """
    folder.mkdir(parents=True, exist_ok=True)
    example = Example(folder / f"{name}.jpg")
    for source, mask in masks.items():
        mask.save(example.mask_path(source))
    if not example.path.is_file():  # last, so that a photo without masks is never listed
        partial = example.path.with_suffix(".partial")
        shrink(image, MAX_SIDE).save(partial, "JPEG", quality=QUALITY)
        partial.replace(example.path)
    return example
