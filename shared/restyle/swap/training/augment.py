"""Augmentation of people for outfit swaps: other shapes, hidden parts, and other fabrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from shared.networks.pose import MIRRORED
from shared.restyle.garment.tone import apply_shade, shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.fabric import Swap, find_substitute, warp_fabric
from shared.restyle.swap.figure import Figure
from shared.restyle.swap.warp import sample

TEXTURE = 0.4  # share of garments that get the fabric of another person, not another color
HIDDEN = 0.6  # share of sources of which something is hidden
CUT_OFF = 0.35  # share of those of which a side is cut off, as where a garment is shorter
CELLS = (5, 4)  # rows and columns of the grid of random displacements


@dataclass(frozen=True)
class Shape:
    """Ranges of a random change of shape.

    Attributes:
        scale: Smallest and largest magnification.
        angle: Largest rotation in radians.
        shift: Largest shift, in widths of the frame.
        bend: Deviation of smooth displacements, in widths of the frame.
        joints: Deviation of the noise of joints, in widths of the frame.
    """

    scale: tuple[float, float]
    angle: float
    shift: float
    bend: float = 0.0
    joints: float = 0.0


VIEW = Shape(scale=(0.94, 1.1), angle=0.05, shift=0.04)  # of any person
SOURCE = Shape(scale=(0.85, 1.15), angle=0.12, shift=0.06, bend=0.035, joints=0.008)  # of the same person


def change_shape(figure: Figure, shape: Shape, size: tuple[int, int], rng: np.random.Generator) -> Figure:
    """Return a person in another shape and at another place.

    Args:
        figure: The person.
        shape: Ranges of the change.
        size: Width and height of the result.
        rng: Source of randomness.
    """
    width, height = size
    factor = figure.classes.shape[1] / width
    turn = rng.uniform(-shape.angle, shape.angle)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * (
        factor / rng.uniform(*shape.scale)
    )
    middle = np.array([width - 1, height - 1]) / 2
    center = (np.array(figure.classes.shape[::-1]) - 1) / 2
    center = center + rng.uniform(-shape.shift, shape.shift, 2) * width * factor
    y, x = np.mgrid[:height, :width].astype(np.float32)
    field = np.einsum("ij,jhw->ihw", linear, np.stack([x - middle[0], y - middle[1]]))
    field += center[:, None, None]
    bend = np.zeros_like(field)
    if shape.bend:
        cells = rng.normal(0, shape.bend * width * factor, (2, *CELLS))
        bend = np.stack([_enlarge(plane, size) for plane in cells])
    classes = _nearest(figure.classes, field + bend)
    image = sample(figure.image, (field + bend).astype(np.float32))
    # The place of a joint in the result is that whose field leads to it; three steps find it.
    target = figure.joints[:, :2].astype(np.float64)
    places = (target - center) @ np.linalg.inv(linear).T + middle
    for _ in range(3 if shape.bend else 0):
        columns = np.rint(places[:, 0]).astype(int).clip(0, width - 1)
        rows = np.rint(places[:, 1]).astype(int).clip(0, height - 1)
        places = (target - bend[:, rows, columns].T - center) @ np.linalg.inv(linear).T + middle
    joints = np.column_stack(
        [places + rng.normal(0, shape.joints * width, places.shape), figure.joints[:, 2]]
    )
    return Figure(np.rint(image).astype(np.uint8), classes, joints.astype(np.float32))


def mirror(figure: Figure) -> Figure:
    """Return the mirror image of a person, whose left arm is the right one before."""
    joints = figure.joints[list(MIRRORED)].copy()
    joints[:, 0] = figure.classes.shape[1] - 1 - joints[:, 0]
    return Figure(
        np.ascontiguousarray(figure.image[:, ::-1]), np.ascontiguousarray(figure.classes[:, ::-1]), joints
    )


def hide_parts(figure: Figure, rng: np.random.Generator) -> Figure:
    """Return a person with an ellipse or two in front, as by a bag or an arm, or without one side."""
    image, classes = figure.image.copy(), figure.classes.copy()
    height, width = classes.shape
    rows, columns = np.nonzero(classes)
    y, x = np.mgrid[:height, :width]
    if len(rows) and rng.random() < CUT_OFF:
        turn = rng.normal(0, 0.7)
        side = np.sin(turn) * x + np.cos(turn) * y
        limit = np.quantile(side[rows, columns], rng.uniform(0.5, 0.85))
        classes[side > limit] = 0
        return replace(figure, classes=classes)
    for _ in range(int(rng.integers(1, 3)) if len(rows) else 0):
        index = rng.integers(len(rows))
        radii = rng.uniform(0.04, 0.13, 2) * width
        inside = ((x - columns[index]) / radii[0]) ** 2 + ((y - rows[index]) / radii[1]) ** 2 < 1
        image[inside] = rng.integers(0, 256, 3)
        classes[inside] = 0
    return replace(figure, image=image, classes=classes)


def change_fabric(
    figure: Figure, garments: Sequence[str], donor: Figure, rng: np.random.Generator
) -> np.ndarray:
    """Return the image of a person whose garments have other colors or another texture.

    Args:
        figure: The person.
        garments: Garments that change.
        donor: Another person, whose fabrics serve as textures.
        rng: Source of randomness.

    Returns:
        uint8 `[H, W, 3]`.
    """
    image = figure.image.copy()
    for name in garments:
        mask = figure.mask(class_index(name))
        if not mask.any():
            continue
        substitute = find_substitute(name, donor)
        if substitute and rng.random() < TEXTURE:
            fabric = warp_fabric(Swap(figure, donor, {name: substitute}))[..., :3]
            image[mask] = _texture(figure.image, fabric, mask)
        else:
            image[mask] = _recolor(figure.image[mask], rng)
    return image


def _recolor(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pixels of a garment in another color, uint8 `[n, 3]`; folds and prints remain, more or less."""
    lab = oklab_from_pixels(pixels)
    cloth = float(lab[0].median())
    offset = shade(tone_from_lightness(lab[0]), cloth).clamp(-4, 4) * float(rng.uniform(0.4, 1.2))
    lightness = apply_shade(torch.tensor(float(rng.uniform(0.15, 0.95))), offset)
    turn = float(rng.uniform(0, 2 * np.pi))
    rotation = torch.tensor([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).float()
    tint = torch.from_numpy(rng.normal(0, 0.06, (2, 1))).float()
    colors = rotation @ lab[1:] * float(rng.uniform(0, 1.5)) + tint * lightness
    return pixels_from_oklab(torch.cat([lightness[None], colors]))


def _texture(image: np.ndarray, fabric: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a fabric in the broad light of an image, uint8 `[n, 3]`."""
    lightness = oklab_from_pixels(image.reshape(-1, 3))[0].numpy().reshape(mask.shape)
    weight = np.maximum(gaussian_filter(mask.astype(np.float32), 3.0), 1e-3)
    smooth = gaussian_filter(lightness * mask, 3.0) / weight
    light = smooth[mask] / max(float(np.median(smooth[mask])), 0.05)
    values = fabric[mask] * light.clip(0.5, 1.6)[:, None] ** 2
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)


def _enlarge(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an array of floats smoothly to a width and a height."""
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))


def _nearest(classes: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Sample classes at the nearest pixels; beyond the border the background."""
    height, width = classes.shape
    x, y = np.rint(field).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside, classes[y.clip(0, height - 1), x.clip(0, width - 1)], 0).astype(np.uint8)
