"""Batches of the pose network: crops of people that are jittered as boxes of people are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from shared.matting.training.batches import degrade
from shared.networks.pose import MIRRORED, STRIDE, joint_maps
from shared.restyle.pose.crops import HEIGHT, WIDTH, Crop
from shared.restyle.pose.training.examples import PoseExample
from shared.restyle.pose.training.teachers import ABSENT, VISIBLE

DEVIATION = 1.6  # of the target maps, in cells
HALF = 0.25  # share of crops of the upper or lower part of a person
ABSENT_WEIGHT = 0.5  # teachers may overlook a joint


def jitter(crop: Crop, rng: np.random.Generator) -> Crop:
    """Move, scale, turn and mirror the crop around a person at random.

    Args:
        crop: Crop around the person.
        rng: Source of randomness.
    """
    height = crop.scale * crop.size[1]
    y, scale = crop.y + rng.normal(0, 0.04) * height, crop.scale * float(np.exp(rng.uniform(-0.25, 0.45)))
    if rng.random() < HALF:
        part = rng.uniform(0.35, 0.7)
        y, scale = crop.y + rng.choice([-1, 1], p=[0.8, 0.2]) * height * (1 - part) / 2, crop.scale * part
    return replace(
        crop,
        x=crop.x + rng.normal(0, 0.06) * crop.scale * crop.size[0],
        y=y,
        scale=scale,
        angle=float(rng.normal(0, 0.25)) if rng.random() < 0.5 else 0.0,
        mirrored=bool(rng.random() < 0.5),
    )


def draw_crop(example: PoseExample, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a crop of an example.

    Args:
        example: The example.
        rng: Source of randomness.

    Returns:
        float32 `[3, HEIGHT, WIDTH]`, RGB in 0..1; float32 `[17, 3]`, x and y in cells of the maps and 1 for
        joints in sight; float32 `[17]`, the weights of the joints.
    """
    crop = jitter(Crop.around(example.joints.box), rng)
    points = crop.from_image(example.joints.points)
    states = example.joints.states
    if crop.mirrored:
        points, states = points[[*MIRRORED]], states[[*MIRRORED]]
    inside = ((points >= 0) & (points < (WIDTH, HEIGHT))).all(1)
    visible = (states == VISIBLE) & inside
    joints = np.column_stack([points / STRIDE - 0.5, visible]).astype(np.float32)
    weights = np.where(states == VISIBLE, 1.0, np.where(states == ABSENT, ABSENT_WEIGHT, 0.0))
    return degrade(crop.cut(example.image), rng), joints, weights.astype(np.float32)


def make_batch(
    examples: Sequence[PoseExample], count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch.

    Args:
        examples: Examples.
        count: Number of crops.
        rng: Source of randomness.

    Returns:
        Images `[count, 3, HEIGHT, WIDTH]`, target maps `[count, 17, HEIGHT / 4, WIDTH / 4]`, and weights
        `[count, 17]`.
    """
    crops = [draw_crop(examples[index], rng) for index in rng.integers(len(examples), size=count)]
    images, joints, weights = (
        torch.from_numpy(np.stack(arrays)).float() for arrays in zip(*crops, strict=True)
    )
    maps = joint_maps(joints, HEIGHT // STRIDE, WIDTH // STRIDE, deviation=DEVIATION)
    return images, maps, weights
