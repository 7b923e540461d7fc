"""The same scene seen otherwise: photos changed as another camera, place and light would change them.

Such pairs cost no labels. A whitening learns from them what to overlook, and `benchmarks/copies.py` measures
how well a changed photo finds the one that it was made of.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

#: Share of the photo that a view shows, and how far its shape may change (either way).
AREA, STRETCH = (0.4, 0.9), 4 / 3
#: How far a corner may move, as a share of the view's sides; angles in degrees.
PERSPECTIVE, TURN = 0.12, 8.0
#: Brightness, contrast and color are multiplied by something in 1 - LIGHT .. 1 + LIGHT.
LIGHT = 0.35
QUALITY = (30, 90)


def sample_view(photo: Image.Image, rng: np.random.Generator, longest: int = 320) -> Image.Image:
    """A photo from another place: nearer and aside, turned a little, in other light, compressed anew.

    Args:
        photo: RGB.
        rng: what decides on all changes.
        longest: the view's longer side, in pixels.

    Returns:
        RGB, mostly of another shape than the photo.
    """
    corners = sample_corners(photo.size, rng)
    across = np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])
    down = np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])
    scale = longest / max(across, down)
    size = max(round(across * scale), 1), max(round(down * scale), 1)
    view = photo.transform(size, Image.Transform.QUAD, corners.ravel().tolist(), Image.Resampling.BICUBIC)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = change(view).enhance(1 + LIGHT * rng.uniform(-1, 1))
    stream = io.BytesIO()
    view.save(stream, "JPEG", quality=int(rng.integers(*QUALITY)))
    return Image.open(stream).convert("RGB")


def sample_corners(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """What part of a photo a view shows: float `[4, 2]`, (x, y) of its corners inside the photo.

    Args:
        size: width and height of the photo.
        rng: what decides.

    Returns:
        The corners of the part that becomes the view's top left, bottom left, bottom right and top right.
    """
    width, height = size
    area = rng.uniform(*AREA) * width * height
    stretch = np.exp(rng.uniform(-1, 1) * np.log(STRETCH))
    across = min(np.sqrt(area * stretch * width / height), width)
    down = min(np.sqrt(area / stretch * height / width), height)
    square = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) / 2
    moved = (square + PERSPECTIVE * rng.uniform(-0.5, 0.5, (4, 2))) * [across, down]
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    turned = moved @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    low, high = turned.min(0), turned.max(0)
    turned *= np.minimum(1, np.array([width, height]) / (high - low)).min()  # it must fit into the photo
    low, high = turned.min(0), turned.max(0)
    return turned + rng.uniform(-low, np.maximum([width, height] - high, -low))
