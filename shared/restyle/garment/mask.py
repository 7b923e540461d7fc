"""Refinement of a coarse mask: its border moves to the edges of the photo, at full size."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from shared.core.tiling import Tile, Tiling
from shared.restyle.arguments import Mask, any_mask_levels, check_image
from shared.restyle.gaps import cell_means, fill_gaps, sample_grid

REACH = 1.5  # pixels of the coarse mask by which its border may be off
MIN_RADIUS = 2
TILE_PIXELS = 120_000  # of the image that is filtered at a time
SEPARATION = 0.12  # difference of colors across the border, of 1, that tells both sides apart
EPSILON = 1e-4  # regularisation of the guided filter for colors in 0..1
CONTRAST = 1.6  # of the filtered mask around its half: the filter is softer than the edges of photos
HALF = 0.45  # of the filtered mask; less than 0.5, as a rim without paint shows more than one with too much


def refine_mask(image: Image.Image, mask: Mask, radius: float | None = None) -> Image.Image:
    """Refine a coarse mask so that its border follows the edges of the photo.

    Only pixels near the border change: there the colors of subject and background, continued from both
    sides, say how much of each a pixel holds (where they differ), and a guided filter joins this with the
    mask. Elsewhere the result is 0 or 255.

    Args:
        image: Mode RGB.
        mask: Mask of the same proportions as the image and of any size, such as labels at a network's
            resolution; see `shared.restyle.arguments.Mask`.
        radius: Pixels of the image by which the border may be off; by default 1.5 pixels of the mask.

    Returns:
        Mode L, of the size of the image, 0 outside to 255 inside.

    Raises:
        ImageError: The mask cannot be used.
        ValueError: The image has another mode, or the radius is negative.
    """
    check_image(image)
    levels = any_mask_levels(mask)
    scale = max(image.width / levels.shape[1], image.height / levels.shape[0])
    if radius is not None and not radius >= 0:
        raise ValueError(f"the radius must be at least 0, received {radius!r}")
    reach = max(MIN_RADIUS, round(REACH * scale if radius is None else radius))
    coarse = Image.fromarray(levels).resize(image.size, Image.Resampling.BICUBIC)
    near = np.asarray(coarse.filter(ImageFilter.BoxBlur(reach)))
    refined = (near > 127).astype(np.uint8) * 255
    band = (near > 2) & (near < 253)
    for tile in Tiling(TILE_PIXELS, overlap=0).tiles(*image.size):
        if band[tile.top : tile.bottom, tile.left : tile.right].any():
            _refine_tile(image, coarse, band, refined, tile, reach)
    return Image.fromarray(refined)


@torch.inference_mode()
def _refine_tile(
    image: Image.Image, coarse: Image.Image, band: np.ndarray, refined: np.ndarray, tile: Tile, reach: int
) -> None:
    """Write the band's pixels of a tile; `refined` holds 0 or 255 elsewhere."""
    from kornia.filters import guided_blur  # deferred: takes a second

    margin = 3 * reach
    left, top = max(tile.left - margin, 0), max(tile.top - margin, 0)
    box = (left, top, min(tile.right + margin, image.width), min(tile.bottom + margin, image.height))
    pixels = np.asarray(image.crop(box))
    soft = np.asarray(coarse.crop(box), np.float32) / 255
    part = (slice(box[1], box[3]), slice(box[0], box[2]))
    share = _share_of_colors(pixels, soft, band[part], refined[part] > 127, reach)
    guide = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
    window = 2 * max(1, reach // 2) + 1
    filtered = torch.from_numpy(share)
    if min(share.shape) > window:
        filtered = guided_blur(
            guide[None], filtered[None, None], window, EPSILON, subsample=max(1, reach // 5)
        )[0, 0]
    filtered = (((filtered - HALF) * CONTRAST + 0.5).clamp(0, 1) * 255).round()
    inner = (
        slice(tile.top - top, tile.bottom - top),
        slice(tile.left - left, tile.right - left),
    )
    target = refined[tile.top : tile.bottom, tile.left : tile.right]
    changed = band[part][inner]
    target[changed] = filtered[inner].to(torch.uint8).numpy()[changed]


def _share_of_colors(
    pixels: np.ndarray, soft: np.ndarray, band: np.ndarray, inside: np.ndarray, reach: int
) -> np.ndarray:
    """Return the subject's share of each pixel by its color, float32 `[h, w]` in 0..1.

    Args:
        pixels: uint8 `[h, w, 3]`.
        soft: Coarse mask, `[h, w]` in 0..1.
        band: Boolean `[h, w]` of uncertain pixels.
        inside: Boolean `[h, w]`, right outside the band.
        reach: Width of the band in pixels, about.
    """
    share = np.where(band, soft, inside.astype(np.float32))
    sides = [fill_gaps(*cell_means(pixels, side & ~band, max(2, reach // 2))) for side in (inside, ~inside)]
    if not (inside & ~band).any() or not (~inside & ~band).any():
        return share
    indices = np.flatnonzero(band)
    rows, columns = np.divmod(indices, band.shape[1])
    subject, background = (sample_grid(side, rows, columns, max(2, reach // 2)) for side in sides)
    colors = torch.from_numpy(pixels.reshape(-1, 3)[indices].T.astype(np.float32) / 255)
    estimate, certainty = _unmix(colors, subject, background)
    prior = torch.from_numpy(soft.reshape(-1)[indices])
    share.reshape(-1)[indices] = torch.lerp(prior, estimate, certainty).numpy()
    return share


def _unmix(colors: Tensor, subject: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """Return the subject's share of mixed colors and its certainty, `[n]` in 0..1 each.

    Args:
        colors: `[3, n]` in 0..1.
        subject: Colors of the subject, `[3, n]`.
        background: Colors of the background, `[3, n]`.
    """
    direction = subject - background
    square = direction.square().sum(0)
    share = (((colors - background) * direction).sum(0) / square.clamp(min=1e-6)).clamp(0, 1)
    error = (colors - torch.lerp(background, subject, share)).square().sum(0)
    certainty = square / (square + SEPARATION**2)
    return share, certainty * torch.exp(-error / (2 * SEPARATION**2))
