"""Photos with the true mask of their subject: any class of a segmentation but the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.images import open_image
from shared.evaluation.segmentation import VOID


@dataclass(frozen=True)
class MaskedPhoto:
    """Photo and the file of its classes.

    Attributes:
        photo_path: The photo.
        label_path: PNG with class ids, 0 for background; pixels of `VOID` do not count.
    """

    photo_path: Path
    label_path: Path

    def image(self) -> Image.Image:
        """Decode the photo."""
        return open_image(self.photo_path)

    def mask(self) -> np.ndarray:
        """Read the mask, uint8 `[H, W]`: 0 background, 1 subject, `VOID` where nobody knows."""
        labels = np.asarray(Image.open(self.label_path))
        return np.where(labels == VOID, VOID, labels > 0).astype(np.uint8)


def read_voc(root: Path, split: str) -> list[MaskedPhoto]:
    """List the photos of a part of PASCAL VOC (Everingham et al., IJCV 2015).

    Args:
        root: Folder with `images/SPLIT/ID.jpg` and `labels/SPLIT/ID.png`.
        split: `"train"` or `"val"`.

    Raises:
        FileNotFoundError: The split has no photos.
    """
    paths = sorted((root / "images" / split).glob("*.jpg"))
    if not paths:
        raise FileNotFoundError(f"{root / 'images' / split} holds no photos")
    return [MaskedPhoto(path, root / "labels" / split / f"{path.stem}.png") for path in paths]
