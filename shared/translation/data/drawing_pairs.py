"""Pairs of a drawing and its photo, for the training of the coloring network, kept in a folder.

Lines and tone come from the drawing network, or, faster, from differences of Gaussians;
`shared.translation.drawing` renders them. In a batch the drawings are damaged as those of visitors are:
broken or thick lines, grey paper, uneven light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from shared.core.image_files import ImageFile
from shared.translation.data.photos import random_crop
from shared.translation.drawing.lines import DrawingMapper, DrawingMaps
from shared.translation.drawing.render import render

SIDE = 160  # pixels of a pair
OVERSAMPLING = 2  # photos are drawn at this factor of the size, for lines thinner than a pixel
NETWORK_SHARE = 0.4  # of the photos that the network draws
#: Share of each style among the shaded drawings.
SHADED = {"pencil": 0.7, "charcoal": 0.15, "ink": 0.15}


@dataclass(frozen=True)
class DrawingPair:
    """Photo with two drawings of it.

    Attributes:
        photo: uint8 `[SIDE, SIDE, 3]`, RGB.
        drawings: uint8 `[2, SIDE, SIDE]`: with shading, and with lines only.
    """

    photo: np.ndarray
    drawings: np.ndarray


def drawing_pairs(
    files: Sequence[ImageFile], mapper: DrawingMapper, folder: Path, count: int
) -> list[DrawingPair]:
    """Return pairs of random photos; those that were drawn before are read from a folder.

    Args:
        files: Photos to choose from.
        mapper: Drawing network.
        folder: Where the pairs are kept, `NUMBER.npz`.
        count: Number of pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.random.default_rng(0).permutation(len(files))[:count]
    pairs = []
    for number in tqdm(chosen, desc="pairs", mininterval=5):
        path = folder / f"{number}.npz"
        if not path.is_file():
            pair = draw_pair(files[number], mapper, np.random.default_rng(number))
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, photo=pair.photo, drawings=pair.drawings)
            partial.replace(path)
        stored = np.load(path)
        pairs.append(DrawingPair(stored["photo"], stored["drawings"]))
    return pairs


def draw_pair(file: ImageFile, mapper: DrawingMapper, rng: np.random.Generator) -> DrawingPair:
    """Draw a random crop of a photo twice, with shading and with lines only.

    Args:
        file: Photo.
        mapper: Drawing network, for `NETWORK_SHARE` of the photos.
        rng: Source of randomness.
    """
    photo = random_crop(file, OVERSAMPLING * SIDE, rng, area=(0.45, 1.0))
    maps = mapper.single_scale(photo) if rng.random() < NETWORK_SHARE else quick_maps(photo, rng)
    unshaded = DrawingMaps(maps.outlines, maps.fine, maps.broad, np.ones_like(maps.tone))
    style = str(rng.choice(list(SHADED), p=list(SHADED.values())))
    drawings = [
        render(
            sheet_maps,
            photo.size,
            sheet_style,
            detail=float(rng.uniform(0.5, 1.5)),
            darkness=float(rng.uniform(0.6, 1.3)),
        )
        for sheet_maps, sheet_style in ((maps, style), (unshaded, str(rng.choice(["ink", "pencil"]))))
    ]
    return DrawingPair(
        np.asarray(photo.reduce(OVERSAMPLING)),
        np.stack([np.asarray(drawing.reduce(OVERSAMPLING)) for drawing in drawings]),
    )


def quick_maps(photo: Image.Image, rng: np.random.Generator) -> DrawingMaps:
    """Compute lines and tone without a network.

    Args:
        photo: Mode RGB.
        rng: Source of randomness, for the width of the strokes.

    Returns:
        Maps whose strokes are dark lines and whose outlines are steps of lightness.
    """
    gray = np.asarray(photo.convert("L"), np.float32) / 255
    sigma = float(rng.uniform(0.7, 1.3))
    inner, outer = (ndimage.gaussian_filter(gray, factor * sigma) for factor in (1.0, 1.6))
    strokes = np.clip(25 * (outer - inner) - 0.3, 0, 1)
    steps = np.hypot(ndimage.sobel(outer, 0), ndimage.sobel(outer, 1)) / 4
    crest = steps >= 0.97 * ndimage.maximum_filter(steps, 3)
    outlines = np.clip(ndimage.gaussian_filter(np.where(crest, steps, 0), 1.0) * 14 - 0.4, 0, 0.8)
    return DrawingMaps(outlines, strokes, strokes, ndimage.gaussian_filter(gray, 2.5))


def pair_batch(
    pairs: Sequence[DrawingPair], count: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return damaged drawings and their photos, random squares of random pairs, half of them mirrored.

    Args:
        pairs: Pairs to draw from.
        count: Number of pairs of the batch.
        size: Side in pixels, at most `SIDE`.
        rng: Source of randomness.

    Returns:
        float32 `[count, 1, size, size]`, lightness of the drawings, and `[count, 3, size, size]`, RGB, both
        in 0..1.
    """
    drawings, photos = [], []
    for index in rng.integers(len(pairs), size=count):
        pair = pairs[index]
        drawing = pair.drawings[int(rng.random() < 0.4)]
        top, left = rng.integers(SIDE - size + 1, size=2)
        step = 1 if rng.random() < 0.5 else -1
        drawing = drawing[top : top + size, left : left + size][:, ::step]
        photo = pair.photo[top : top + size, left : left + size][:, ::step]
        drawings.append(damage(drawing.astype(np.float32) / 255, rng)[None])
        photos.append(photo.transpose(2, 0, 1).astype(np.float32) / 255)
    return np.stack(drawings), np.stack(photos)


def damage(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Break or thicken the lines of some drawings, and change the paper and the light of others.

    Args:
        drawing: float32 `[H, W]`, lightness in 0..1.
        rng: Source of randomness.

    Returns:
        The same shape and range.
    """
    chance = rng.random(5)
    if chance[0] < 0.15:
        drawing = ndimage.minimum_filter(drawing, 2)
    if chance[1] < 0.2:
        gaps = ndimage.gaussian_filter(rng.standard_normal(drawing.shape, np.float32), 2)
        drawing = np.where(gaps > 1.3 * gaps.std(), 1, drawing)
    if chance[2] < 0.1:
        drawing = (drawing > rng.uniform(0.5, 0.8)).astype(np.float32)
    if chance[3] < 0.35:
        light = np.linspace(rng.uniform(0.7, 1), rng.uniform(0.8, 1), drawing.shape[1], dtype=np.float32)
        black = rng.uniform(0, 0.3)
        drawing = light * (black + (1 - black) * drawing)
    if chance[4] < 0.35:
        noise = rng.standard_normal(drawing.shape, np.float32)
        drawing = drawing + np.float32(rng.uniform(0, 0.06)) * noise
    return np.asarray(drawing.clip(0, 1), np.float32)
