"""Palettes of garments, and their transfer: dominant colors become those of another garment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.errors import check_range
from shared.core.images import ImageError
from shared.restyle.arguments import Mask, check_image, mask_levels
from shared.restyle.garment.change import apply_change
from shared.restyle.garment.cloth import Cloth, find_cloth
from shared.restyle.garment.recolor import DARKEST, LIGHTEST, Dye
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.region import Region

MAX_COLORS = 5
MIN_SHARE = 0.06  # of a garment, below which a color is not dominant
LIGHTNESS_WEIGHT = 0.35  # of distances: light and shadow change lightness, prints change everything
SEPARATION = 0.06  # distance of colors from which they are different
ROUNDS = 12  # of k-means
MAX_SAMPLES = 6000
SOFTNESS = 0.02  # distance over which pixels pass from a color to the next


def transfer_palette(
    image: Image.Image,
    masks: Mask | Sequence[Mask],
    source_image: Image.Image,
    source_masks: Mask | Sequence[Mask],
    strength: float = 1.0,
) -> Image.Image:
    """Give garments the colors of other garments; folds and shading stay.

    With as many masks on both sides, each garment takes the colors of its partner. Otherwise the whole outfit
    takes those of the whole other outfit. The largest color becomes the largest color, and so on.

    Args:
        image: Mode RGB.
        masks: Garments, of the size of the image; see `shared.restyle.arguments.Mask`.
        source_image: Image with the new colors, mode RGB.
        source_masks: Garments in it.
        strength: 0 unchanged to 1 new colors.

    Returns:
        A new image of the same size, equal to the first outside the masks.

    Raises:
        ImageError: A mask cannot be used.
        ValueError: Another argument is out of range.
    """
    strength = check_range("strength of the colors", strength, (0.0, 1.0))
    garments, sources = _as_list(masks), _as_list(source_masks)
    if len(garments) != len(sources):
        garments, sources = [_union(image, garments)], [_union(source_image, sources)]
    result = image
    for mask, source_mask in zip(garments, sources, strict=True):
        region = Region.around(result, mask)
        target = _palette(Region.around(source_image, source_mask).samples(), MAX_COLORS)
        apply_change(region, PaletteChange(_palette(region.samples(), len(target)), target, strength))
        result = region.paste(result)
    return result


class PaletteChange:
    """Change of dominant colors into others; see `shared.restyle.garment.change.Change`.

    Args:
        source: Dominant colors of the garment.
        target: At least as many new ones, in the same order.
        strength: 0 unchanged to 1 new colors.
    """

    def __init__(self, source: Sequence[Cloth], target: Sequence[Cloth], strength: float) -> None:
        self._centers = torch.tensor([[cloth.lightness, cloth.a, cloth.b] for cloth in source])
        pairs = zip(source, target, strict=False)
        self._dyes = [Dye(old, new, "tint", strength) for old, new in pairs]
        self.gain = max(dye.gain for dye in self._dyes)

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return new colors, OKLab `[3, n]`."""
        weights = torch.softmax(-_squares(lab, self._centers) / (2 * SOFTNESS * SEPARATION), 0)
        new = torch.zeros_like(lab)
        for weight, dye in zip(weights, self._dyes, strict=True):
            new += weight * dye(lab, lightness, indices)
        return new


def _palette(samples: np.ndarray, count: int) -> list[Cloth]:
    """Return the dominant colors among samples, that of the largest share first."""
    lab = oklab_from_pixels(samples[:: max(1, len(samples) // MAX_SAMPLES)])
    main = find_cloth(samples)
    centers = torch.tensor([[main.lightness, main.a, main.b]])
    while len(centers) < count:
        distances = _squares(lab, centers).amin(0)
        index = int(distances.argsort()[int(0.97 * (len(distances) - 1))])
        if float(distances[index]) < SEPARATION**2:
            break
        centers = _means(lab, torch.cat([centers, lab[:, index][None]]))
    nearest = _squares(lab, centers).argmin(0)
    shares = torch.bincount(nearest, minlength=len(centers)) / lab.shape[1]
    order = [int(i) for i in shares.argsort(descending=True) if float(shares[i]) >= MIN_SHARE]
    if len(order) <= 1:
        return [_within_limits(main)]
    return [_within_limits(Cloth(*lab[:, nearest == i].median(1).values.tolist())) for i in order]


def _within_limits(cloth: Cloth) -> Cloth:
    lightness = min(max(cloth.lightness, DARKEST), LIGHTEST)
    return Cloth(lightness, cloth.a, cloth.b, cloth.cast, cloth.spread)


def _means(lab: Tensor, centers: Tensor) -> Tensor:
    """Return the centers after k-means."""
    for _ in range(ROUNDS):
        nearest = _squares(lab, centers).argmin(0)
        counts = torch.bincount(nearest, minlength=len(centers))[:, None]
        sums = torch.zeros_like(centers).index_add_(0, nearest, lab.T.contiguous())
        centers = torch.where(counts > 0, sums / counts.clamp(min=1), centers)
    return centers


def _squares(lab: Tensor, centers: Tensor) -> Tensor:
    """Return squared distances of colors `[3, n]` from centers `[k, 3]`, `[k, n]`."""
    difference = lab[None] - centers[..., None]
    return (LIGHTNESS_WEIGHT * difference[:, 0]).square() + difference[:, 1:].square().sum(1)


def _as_list(masks: Mask | Sequence[Mask]) -> list[Mask]:
    items: list[Mask] = [masks] if isinstance(masks, (Image.Image, np.ndarray)) else list(masks)
    if not items:
        raise ImageError("No garment is marked: please mark at least one in each photo.")
    return items


def _union(image: Image.Image, masks: Sequence[Mask]) -> Mask:
    check_image(image)
    levels = [mask_levels(mask, image.size) for mask in masks]
    return Image.fromarray(np.maximum.reduce(levels))
