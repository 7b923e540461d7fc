"""Augmentation by a change of viewpoint: photos as another camera, position and light would show them.

Such pairs need no labels. A whitening learns from them, and `benchmarks/copies.py` measures retrieval with
them.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

#: Range of the fraction of the image that a view shows, and largest change of its aspect ratio.
AREA, STRETCH = (0.4, 0.9), 4 / 3
#: Largest shift of a corner, as a fraction of the view's sides, and largest rotation in degrees.
PERSPECTIVE, ROTATION = 0.12, 8.0
#: Brightness, contrast and color are multiplied by a factor in 1 - LIGHT .. 1 + LIGHT.
LIGHT = 0.35
JPEG_QUALITY = (30, 90)


def sample_view(image: Image.Image, rng: np.random.Generator, longest: int = 320) -> Image.Image:
    """Sample a view of an image: cropped, tilted, rotated, relit and compressed.

    Args:
        image: RGB image.
        rng: Generator of all changes.
        longest: Longer side of the view in pixels.

    Returns:
        RGB image, mostly of another aspect ratio.
    """
    corners = sample_corners(image.size, rng)
    across = np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])
    down = np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])
    scale = longest / max(across, down)
    size = max(round(float(across * scale)), 1), max(round(float(down * scale)), 1)
    view = image.transform(size, Image.Transform.QUAD, corners.ravel().tolist(), Image.Resampling.BICUBIC)
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = enhancer(view).enhance(1 + LIGHT * rng.uniform(-1, 1))
    stream = io.BytesIO()
    view.save(stream, "JPEG", quality=int(rng.integers(*JPEG_QUALITY)))
    return Image.open(stream).convert("RGB")


def sample_corners(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Sample the part of an image that a view shows.

    Args:
        size: Width and height of the image.
        rng: Generator.

    Returns:
        Points (x, y) inside the image, float `[4, 2]`, that become the top left, bottom left, bottom right
        and top right corner of the view.
    """
    width, height = size
    area = rng.uniform(*AREA) * width * height
    stretch = np.exp(rng.uniform(-1, 1) * np.log(STRETCH))
    across = min(np.sqrt(area * stretch * width / height), width)
    down = min(np.sqrt(area / stretch * height / width), height)
    square = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) / 2
    tilted = (square + PERSPECTIVE * rng.uniform(-0.5, 0.5, (4, 2))) * [across, down]
    angle = np.deg2rad(rng.uniform(-ROTATION, ROTATION))
    corners = tilted @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    low, high = corners.min(0), corners.max(0)
    corners *= np.minimum(1, np.array([width, height]) / (high - low)).min()  # it must fit into the image
    low, high = corners.min(0), corners.max(0)
    offset: np.ndarray = rng.uniform(-low, np.maximum([width, height] - high, -low))
    return corners + offset
