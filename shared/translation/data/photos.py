"""Random crops of photos from folders, archives and lists, for the supervised trainings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile


def random_crop(
    file: ImageFile,
    size: int,
    rng: np.random.Generator,
    *,
    area: tuple[float, float] = (0.3, 1.0),
    aspect: float = 1.33,
) -> Image.Image:
    """Cut a random rectangle out of an image, resize it to a square, and mirror half of them.

    Args:
        file: Image of a data set.
        size: Side of the square in pixels.
        rng: Source of randomness.
        area: Smallest and largest share of the image that a crop covers, each in 0..1.
        aspect: Largest ratio by which the proportions change, in either direction; at least 1.

    Returns:
        Mode RGB.
    """
    shrink = rng.uniform(*area) ** 0.5
    with file.open() as stream, Image.open(stream) as encoded:
        # A JPEG file is decoded at the smallest scale that suffices: four to ten times as fast.
        encoded.draft("RGB", (int(size / shrink), int(size / shrink)))
        image = encoded.convert("RGB")
    ratio = aspect ** rng.uniform(-1, 1)
    side = shrink * min(image.size)
    width, height = min(image.width, side * ratio**0.5), min(image.height, side / ratio**0.5)
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    crop = image.resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + width, top + height), reducing_gap=2.0
    )
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else crop


def draw_crops(files: Sequence[ImageFile], count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return random crops of random images, uint8 `[count, size, size, 3]`.

    Args:
        files: Images to draw from.
        count: Number of crops.
        size: Side of a crop in pixels.
        rng: Source of randomness.
    """
    chosen = rng.integers(len(files), size=count)
    return np.stack([np.asarray(random_crop(files[index], size, rng)) for index in chosen])
