"""Swapped garments at the full size of a photo.

The colors come from the small result of the network, fine detail of the fabric from the photo of the source,
and folds of middle size from the person's own garments. All of them become one cloth, in a frame of `DETAIL`
times the network's size, which is laid inside a mask that follows the edges of the photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.restyle.gaps import fill_gaps
from shared.restyle.garment.change import apply_change
from shared.restyle.garment.mask import refine_mask
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.parsing.classes import class_index
from shared.restyle.region import Region
from shared.restyle.swap.fabric import Swap, garment_field, inner_mask, mirror_places
from shared.restyle.swap.figure import HEIGHT, WIDTH
from shared.restyle.swap.folds import fold, own_folds
from shared.restyle.swap.inputs import SHADING_DEVIATION
from shared.restyle.swap.subject import Subject
from shared.restyle.swap.warp import sample

DETAIL = 4  # pixels of the cloth for each pixel of the frame
FINE_SIZE = (DETAIL * WIDTH, DETAIL * HEIGHT)
RIM = 4  # such pixels at the border of the source's garment that may show what is behind it
MARGIN = 3  # pixels of the frame around a garment
MAX_LIGHT = 1.6  # of the light on fine detail


@dataclass(frozen=True)
class ClothChange:
    """Change of the pixels of garments to those of a new cloth, see `shared.restyle.garment.change.Change`.

    Attributes:
        cloth: uint8 `[h, w, 3]`, of the size of the region.
        strength: 0 unchanged to 1 new.
        gain: Factor by which small differences of lightness grow.
    """

    cloth: np.ndarray
    strength: float
    gain: float = 1.0

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return the new colors of pixels, OKLab `[3, n]`."""
        return torch.lerp(lab, oklab_from_pixels(self.cloth.reshape(-1, 3)[indices]), self.strength)


@dataclass(frozen=True)
class Window:
    """Rectangle of the frame, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: np.ndarray) -> Window:
        """Return the window around a mask `[H, W]` that is not empty, with a margin."""
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        return cls(
            max(int(columns[0]) - MARGIN, 0),
            max(int(rows[0]) - MARGIN, 0),
            min(int(columns[-1]) + 1 + MARGIN, mask.shape[1]),
            min(int(rows[-1]) + 1 + MARGIN, mask.shape[0]),
        )

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Return its rows and columns in a frame of `scale` times the size."""
        rows = slice(self.top * scale, self.bottom * scale)
        return rows, slice(self.left * scale, self.right * scale)


def compose(person: Subject, source: Subject, swap: Swap, image: np.ndarray, strength: float) -> Image.Image:
    """Return the photo of a person with swapped garments.

    Args:
        person: Who gets the garments.
        source: Whose garments are taken.
        swap: The swap between their figures.
        image: Result of the network, float32 `[3, 192, 128]` in 0..1.
        strength: 0 unchanged to 1 new.

    Returns:
        Mode RGB, of the size of the photo; pixels outside the garments are untouched.
    """
    mask = refine_mask(person.image, person.coarse_mask(swap.pairs))
    if not mask.getbbox():
        return person.image.copy()
    region = Region.around(person.image, mask)
    cloth = _to_region(make_cloth(person, source, swap, image), region, person)
    apply_change(region, ClothChange(cloth, strength))
    return region.paste(person.image)


def make_cloth(person: Subject, source: Subject, swap: Swap, image: np.ndarray) -> np.ndarray:
    """Return the new cloth of all garments, continued beyond them, uint8 `[H, W, 3]` of `FINE_SIZE`.

    Args:
        person: Who gets the garments.
        source: Whose garments are taken.
        swap: The swap between their figures.
        image: Result of the network, float32 `[3, 192, 128]` in 0..1.
    """
    photos = person.frame_image(FINE_SIZE), source.frame_image(FINE_SIZE)
    total = np.zeros((*photos[0].shape[:2], 4), np.float32)
    for garment in swap.pairs:
        mask = swap.reference.mask(class_index(garment))
        window = Window.around(mask)
        part = window.slices(DETAIL)
        weights = person.frame_map(garment, FINE_SIZE)
        cloth = garment_cloth(photos[1], swap, garment, image, window)
        cloth = fold(cloth, own_folds(photos[0], weights > 0.5, SHADING_DEVIATION * DETAIL)[part])
        weight = weights[part][..., None]
        total[part] += np.concatenate([cloth * weight, weight], 2)
    everything = Window.around(swap.mask)
    part = everything.slices(DETAIL)
    sums = torch.from_numpy(np.ascontiguousarray(total[part].transpose(2, 0, 1)))
    filled = fill_gaps(sums[:3] / sums[3:].clamp(min=1e-6), (4 * sums[3:] - 0.2).clamp(0, 1))
    result = np.zeros((*total.shape[:2], 3), np.uint8)
    result[part] = np.rint(filled.clamp(0, 1).permute(1, 2, 0).numpy() * 255)
    return result


def garment_cloth(
    photo: np.ndarray, swap: Swap, garment: str, image: np.ndarray, window: Window
) -> np.ndarray:
    """Return the network's colors of a garment with the fine detail of the fabric.

    Args:
        photo: The source in its frame, uint8 `[H, W, 3]` of `FINE_SIZE`.
        swap: The swap.
        garment: Garment of the person.
        image: Result of the network, float32 `[3, 192, 128]` in 0..1.
        window: Part of the frame that is returned.

    Returns:
        float32 `[h, w, 3]` in 0..1, `DETAIL` times the size of the window.
    """
    rows, columns = window.slices()
    mask = swap.reference.mask(class_index(garment))[rows, columns]
    weights = torch.from_numpy(mask.astype(np.float32))[None]
    broad = fill_gaps(torch.from_numpy(np.ascontiguousarray(image[:, rows, columns])), weights)
    fabric = fine_fabric(photo, swap, garment, window)
    size = (fabric.shape[1], fabric.shape[0])
    coarse = _resize(fabric, (mask.shape[1], mask.shape[0]), Image.Resampling.BOX)
    light = (broad.mean(0).numpy() + 0.05) / (coarse.mean(2) + 0.05)
    light = _resize(light.clip(1 / MAX_LIGHT, MAX_LIGHT)[..., None], size)
    cloth = _resize(broad.permute(1, 2, 0).numpy(), size) + light * (fabric - _resize(coarse, size))
    return np.asarray(cloth.clip(0, 1))


def fine_fabric(photo: np.ndarray, swap: Swap, garment: str, window: Window) -> np.ndarray:
    """Return the fabric of the source in the place of a garment.

    Args:
        photo: The source in its frame, uint8 `[H, W, 3]` of `FINE_SIZE`.
        swap: The swap.
        garment: Garment of the person.
        window: Part of the frame that is returned.

    Returns:
        float32 `[h, w, 3]` in 0..1, `DETAIL` times the size of the window.
    """
    labels = swap.source_mask(garment).astype(np.float32)[..., None]
    mask = inner_mask(_resize(labels, FINE_SIZE, Image.Resampling.BILINEAR)[..., 0] > 0.5, RIM)
    rows, columns = window.slices(DETAIL)
    y, x = np.mgrid[rows, columns]
    places = (np.stack([x, y]).astype(np.float32) + 0.5) / DETAIL - 0.5
    field = (garment_field(swap, garment, places) + 0.5) * DETAIL - 0.5
    moved, _ = mirror_places(mask, field)
    return sample(photo, moved) / np.float32(255)


def _to_region(cloth: np.ndarray, region: Region, person: Subject) -> np.ndarray:
    """Return the cloth of a frame at the pixels of a region of the photo, uint8 `[h, w, 3]`."""
    height, width = region.mask.shape
    scale = FINE_SIZE[0] / (person.box[2] - person.box[0])
    left, top = (region.left - person.box[0]) * scale, (region.top - person.box[1]) * scale
    box = (
        max(left, 0.0),
        max(top, 0.0),
        min(left + width * scale, float(FINE_SIZE[0])),
        min(top + height * scale, float(FINE_SIZE[1])),
    )
    return np.asarray(Image.fromarray(cloth).resize((width, height), Image.Resampling.BICUBIC, box=box))


def _resize(
    values: np.ndarray, size: tuple[int, int], resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """Resize float32 `[h, w, C]` to a width and a height."""
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in values.transpose(2, 0, 1)]
    return np.stack([np.asarray(plane.resize(size, resample)) for plane in planes], 2)
