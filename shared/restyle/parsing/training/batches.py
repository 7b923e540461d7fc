"""Batches of clothes parsing: random crops, people before other backgrounds, degraded as photos are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from shared.core.images import to_image
from shared.matting.training.batches import degrade
from shared.restyle.parsing.training.examples import BACKGROUND, ParsingExample
from shared.training.augment import random_crop_grid, sample_grid

ZOOM = (0.36, 1.8)  # of a crop of `ZOOM_SIDE` pixels; a smaller crop shows as much
ZOOM_SIDE = 256
MAX_ANGLE = 0.35  # in radians
PASTED = 0.3  # share of labelled people that are put before another photo


@dataclass(frozen=True)
class ExamplePool:
    """Examples to draw from.

    Attributes:
        examples: The examples.
        share: Relative chance of the pool.
        labelled: True if the class of every pixel is known, so that people can be cut out.
    """

    examples: Sequence[ParsingExample]
    share: float
    labelled: bool


def draw_crop(pool: ExamplePool, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a crop of a pool.

    Args:
        pool: Examples.
        side: Side of the crop in pixels.
        rng: Source of randomness.

    Returns:
        float32 `[3, side, side]`, RGB in 0..1, and int32 `[side, side]`, the sets.
    """
    example = pool.examples[int(rng.integers(len(pool.examples)))]
    zoom = (ZOOM[0] * side / ZOOM_SIDE, ZOOM[1] * side / ZOOM_SIDE)
    grid = random_crop_grid(example.sets.shape, side, rng, zoom=zoom, max_angle=MAX_ANGLE)
    image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
    sets = torch.from_numpy(example.sets.astype(np.float32))[None]
    return sample_grid(image, grid, "bilinear").numpy(), sample_grid(sets, grid, "nearest")[0].int().numpy()


def paste(
    subject: tuple[np.ndarray, np.ndarray], scene: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Put the person of a labelled crop before another crop.

    Args:
        subject: Crop whose pixels have one class each, see `draw_crop`.
        scene: Crop of any pool.
    """
    inside = subject[1] != BACKGROUND
    alpha = ndimage.uniform_filter(inside.astype(np.float32), 3)
    image = subject[0] * alpha + scene[0] * (1 - alpha)
    return image, np.where(inside, subject[1], scene[1])


def make_batch(
    pools: Sequence[ExamplePool], count: int, side: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw a batch.

    Args:
        pools: Pools, one of which is drawn for each crop.
        count: Number of crops.
        side: Side of a crop in pixels.
        rng: Source of randomness.

    Returns:
        Images `[count, 3, side, side]`, RGB in 0..1, and sets, int32 `[count, side, side]`.
    """
    chances = np.array([pool.share for pool in pools]) / sum(pool.share for pool in pools)
    images, sets = [], []
    for _ in range(count):
        pool = pools[rng.choice(len(pools), p=chances)]
        crop = draw_crop(pool, side, rng)
        scenes = [scene for scene in pools if not scene.labelled]
        if pool.labelled and scenes and rng.random() < PASTED:
            crop = paste(crop, draw_crop(scenes[rng.integers(len(scenes))], side, rng))
        images.append(torch.from_numpy(degrade(to_image(crop[0].clip(0, 1)), rng)).float())
        sets.append(torch.from_numpy(crop[1]))
    return torch.stack(images), torch.stack(sets)
