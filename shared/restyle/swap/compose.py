"""Swapped garments at the full size of a photo.

The colors come from the small result of the network, fine detail of the fabric from the photo of the source,
and folds of middle size from the person's own garment; all of it lies inside a mask that follows the edges of
the photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from shared.restyle.gaps import fill_gaps, sample_grid
from shared.restyle.garment.change import apply_change
from shared.restyle.garment.cloth import Cloth, find_cloth, smooth_step
from shared.restyle.garment.mask import refine_mask
from shared.restyle.garment.prints import PrintMap
from shared.restyle.garment.shading import Shading
from shared.restyle.garment.tone import FOLDS, apply_shade, shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.parsing.classes import class_index
from shared.restyle.region import Region
from shared.restyle.swap.fabric import Swap, garment_field, inner_mask, mirror_places
from shared.restyle.swap.figure import HEIGHT, WIDTH
from shared.restyle.swap.inputs import SHADING_DEVIATION
from shared.restyle.swap.subject import Subject
from shared.restyle.swap.warp import sample

DETAIL = 4  # pixels of the fabric for each pixel of the frame
RIM = 4  # such pixels at the border of the source's garment that may show what is behind it
MARGIN = 3  # pixels of the frame around a garment
MAX_LIGHT = 1.6  # of the light on fine detail
OWN_FOLDS = 0.8  # share of the folds of the person's own garment that are laid over plain fabric
PRINTED = 0.12  # share of a garment that differs from its cloth, from which it is a print and not a fold


@dataclass(frozen=True)
class ClothChange:
    """Change of the pixels of a garment to those of a new cloth, see `shared.restyle.garment.change.Change`.

    Attributes:
        cloth: uint8 `[h, w, 3]`, of the size of the region.
        folds: Offsets of tone on a grid of cells, `[1, rows, columns]`, in usual spreads.
        cell: Side of a cell in pixels.
        strength: 0 unchanged to 1 new.
        gain: Factor by which small differences of lightness grow.
    """

    cloth: np.ndarray
    folds: Tensor
    cell: int
    strength: float
    gain: float = 1.0

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return the new colors of pixels, OKLab `[3, n]`."""
        new = oklab_from_pixels(self.cloth.reshape(-1, 3)[indices])
        rows, columns = np.divmod(indices, self.cloth.shape[1])
        offset = sample_grid(self.folds, rows, columns, self.cell)[0]
        shaded = apply_shade(new[0], offset)
        ratio = shaded / new[0].clamp(min=0.05)
        new = torch.cat([shaded[None], new[1:] * ratio])
        return torch.lerp(lab, new, self.strength)


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
    result = person.image
    for garment in swap.pairs:
        mask = refine_mask(person.image, person.garment_map(garment))
        if not mask.getbbox():
            continue
        region = Region.around(person.image, mask)
        cloth, box = make_cloth(source, swap, garment, image)
        folds, cell = own_folds(region, (person.box[2] - person.box[0]) / WIDTH)
        pixels = _to_region(cloth, box, region, person)
        apply_change(region, ClothChange(pixels, folds, cell, strength))
        # Other garments have changed their own pixels before.
        change = Image.fromarray(region.pixels)
        change_mask = Image.fromarray((region.mask > 0).astype(np.uint8) * 255)
        result = result.copy()
        result.paste(change, (region.left, region.top), change_mask)
    return result


def make_cloth(
    source: Subject, swap: Swap, garment: str, image: np.ndarray
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Return a garment's new cloth in more detail than the network's.

    Args:
        source: Whose garments are taken.
        swap: The swap.
        garment: Garment of the person.
        image: Result of the network, float32 `[3, 192, 128]` in 0..1.

    Returns:
        float32 `[DETAIL * h, DETAIL * w, 3]` in 0..1, and its box in pixels of the frame.
    """
    mask = swap.reference.mask(class_index(garment))
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = (
        max(int(columns[0]) - MARGIN, 0),
        max(int(rows[0]) - MARGIN, 0),
        min(int(columns[-1]) + 1 + MARGIN, WIDTH),
        min(int(rows[-1]) + 1 + MARGIN, HEIGHT),
    )
    part = (slice(box[1], box[3]), slice(box[0], box[2]))
    weights = torch.from_numpy(mask[part].astype(np.float32))[None]
    broad = fill_gaps(torch.from_numpy(np.ascontiguousarray(image[:, part[0], part[1]])), weights)
    fabric = fine_fabric(source, swap, garment, box)
    size = (fabric.shape[1], fabric.shape[0])
    coarse = _resize(fabric, (box[2] - box[0], box[3] - box[1]), Image.Resampling.BOX)
    light = (broad.mean(0).numpy() + 0.05) / (coarse.mean(2) + 0.05)
    light = _resize(light.clip(1 / MAX_LIGHT, MAX_LIGHT)[..., None], size)
    detail = fabric - _resize(coarse, size)
    cloth = _resize(broad.permute(1, 2, 0).numpy(), size) + light * detail
    return cloth.clip(0, 1), box


def fine_fabric(source: Subject, swap: Swap, garment: str, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return the fabric of the source in the place of a garment, from its full photo.

    Args:
        source: Whose garments are taken.
        swap: The swap.
        garment: Garment of the person.
        box: Part of the frame, in its pixels.

    Returns:
        float32 `[DETAIL * h, DETAIL * w, 3]` in 0..1.
    """
    size = (DETAIL * WIDTH, DETAIL * HEIGHT)
    substitute = swap.pairs[garment]
    labels = Image.fromarray(swap.source.mask(class_index(substitute)).astype(np.float32))
    mask = np.asarray(labels.resize(size, Image.Resampling.BILINEAR)) > 0.5
    mask = inner_mask(mask, RIM)
    y, x = np.mgrid[box[1] * DETAIL : box[3] * DETAIL, box[0] * DETAIL : box[2] * DETAIL]
    places = (np.stack([x, y]).astype(np.float32) + 0.5) / DETAIL - 0.5
    field = (garment_field(swap, garment, places) + 0.5) * DETAIL - 0.5
    moved, _ = mirror_places(mask, field)
    return sample(source.frame_image(size), moved) / np.float32(255)


def own_folds(region: Region, scale: float) -> tuple[Tensor, int]:
    """Return folds of a garment that are finer than the shading that the network sees.

    Args:
        region: The garment.
        scale: Pixels of the photo for each pixel of the frame.

    Returns:
        Offsets of tone in usual spreads on a grid of cells, `[1, rows, columns]`, and the side of a cell.
    """
    samples = region.samples()
    cloth = find_cloth(samples)
    shading = Shading(region, cloth, PrintMap(region, cloth))
    grid = shading.broad[0].numpy()
    smooth = gaussian_filter(grid, SHADING_DEVIATION * scale / shading.cell, mode="nearest")
    share = OWN_FOLDS * (1 - float(smooth_step(torch.tensor(printed_share(cloth, samples) / PRINTED))))
    return torch.from_numpy(share * (grid - smooth))[None], shading.cell


def printed_share(cloth: Cloth, samples: np.ndarray) -> float:
    """Return the share of pixels that are no folds of a cloth, 0..1.

    Args:
        cloth: Main color of the garment.
        samples: Pixels of it, uint8 `[n, 3]`.
    """
    lab = oklab_from_pixels(samples)
    offset = shade(tone_from_lightness(lab[0]), cloth.lightness).abs()
    return float(torch.maximum(cloth.print_share(lab), (offset > FOLDS).float()).mean())


def _to_region(
    cloth: np.ndarray, box: tuple[int, int, int, int], region: Region, person: Subject
) -> np.ndarray:
    """Return the cloth at the pixels of a region of the photo, uint8 `[h, w, 3]`."""
    height, width = region.mask.shape
    scale = (person.box[2] - person.box[0]) / WIDTH
    left = ((region.left - person.box[0]) / scale - box[0]) * DETAIL
    top = ((region.top - person.box[1]) / scale - box[1]) * DETAIL
    step = DETAIL / scale
    levels = Image.fromarray(np.rint(cloth * 255).astype(np.uint8))
    edges = (left, top, left + width * step, top + height * step)
    margin = int(np.ceil(max(-edges[0], -edges[1], edges[2] - levels.width, edges[3] - levels.height, 0)))
    if margin:  # the refined mask may reach a little beyond the box
        padded = np.pad(np.asarray(levels), ((margin,) * 2, (margin,) * 2, (0, 0)), mode="edge")
        levels = Image.fromarray(padded)
        edges = (edges[0] + margin, edges[1] + margin, edges[2] + margin, edges[3] + margin)
    return np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC, box=edges))


def _resize(
    values: np.ndarray, size: tuple[int, int], resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """Resize float32 `[h, w, C]` to a width and a height."""
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(size, resample)
        for plane in values.transpose(2, 0, 1)
    ]
    return np.stack([np.asarray(plane) for plane in planes], 2)
