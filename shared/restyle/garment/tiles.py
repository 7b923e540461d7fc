"""Tiles of fabric: patches that repeat without a seam."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_cdt, gaussian_filter

from shared.core.images import ImageError
from shared.restyle.arguments import Mask
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.region import SOLID, Region

#: Ways to repeat a tile.
TILINGS = ("auto", "wrap", "mirror")
SEAM_RATIO = 1.5  # difference across the seam, in the largest of neighbouring lines, that is too much
MAX_SIDE = 768  # of an extracted tile, in pixels
MIN_SIDE = 16
SEARCH_SIDE = 256  # of the mask in which the patch is searched
OVERLAP = 0.2  # share of the patch in which its opposite sides pass into each other
EVEN_LIGHT = 0.35  # width of the light that is removed, as a share of the patch


def wrapping_tile(pattern: Image.Image, tiling: str = "auto") -> Image.Image:
    """Return a tile that can be repeated: the pattern, or the pattern and its mirror images.

    Args:
        pattern: Mode RGB.
        tiling: One of `TILINGS`.
    """
    if tiling == "wrap" or (tiling == "auto" and seam_ratio(pattern) <= SEAM_RATIO):
        return pattern
    double = Image.new("RGB", (2 * pattern.width, 2 * pattern.height))
    mirrored = pattern.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for x, part in ((0, pattern), (pattern.width, mirrored)):
        double.paste(part, (x, 0))
        double.paste(part.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (x, pattern.height))
    return double


def seam_ratio(pattern: Image.Image) -> float:
    """Return the difference across the seams of a repeated tile, in the largest of two neighbouring lines."""
    pixels = np.asarray(pattern, np.float32)
    ratios = []
    for lines in (pixels, pixels.transpose(1, 0, 2)):
        if len(lines) > 1:
            typical = float(np.abs(np.diff(lines, axis=0)).mean((1, 2)).max())
            ratios.append((float(np.abs(lines[0] - lines[-1]).mean()) + 1) / (typical + 1))
    return max(ratios, default=1.0)


def extract_fabric(image: Image.Image, mask: Mask) -> Image.Image:
    """Cut the largest clean patch out of a garment and make a tile of it.

    Args:
        image: Mode RGB.
        mask: Garment, of the size of the image; see `shared.restyle.arguments.Mask`.

    Returns:
        A tile in mode RGB, evenly lit, that repeats without a seam.

    Raises:
        ImageError: The mask cannot be used, or the garment is too small.
    """
    region = Region.around(image, mask)
    left, top, side = _largest_square(region)
    if side < MIN_SIDE:
        raise ImageError("The garment is too small for a piece of its fabric: please mark a larger one.")
    patch = Image.fromarray(region.pixels[top : top + side, left : left + side])
    if side > MAX_SIDE:
        patch = patch.resize((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return make_tileable(even_light(patch))


def even_light(patch: Image.Image) -> Image.Image:
    """Remove broad light and shadow from a patch of fabric.

    Args:
        patch: Mode RGB.
    """
    pixels = np.asarray(patch)
    lab = oklab_from_pixels(pixels.reshape(-1, 3))
    lightness = lab[0].view(patch.height, patch.width).numpy()
    broad = gaussian_filter(lightness, EVEN_LIGHT * min(patch.size), mode="nearest")
    scale = np.median(lightness) / np.maximum(broad, 0.02)
    even = lab * torch.from_numpy(scale.astype(np.float32)).flatten()
    even[0].clamp_(0, 1)
    return Image.fromarray(np.ascontiguousarray(pixels_from_oklab(even)).reshape(pixels.shape))


def make_tileable(patch: Image.Image) -> Image.Image:
    """Return a tile whose opposite sides pass into each other.

    The tile is as large as the patch less an overlap, or smaller, down to 0.6 of it: the size is searched at
    which the sides fit best, so that stripes and checks go on.

    Args:
        patch: Mode RGB, at least `MIN_SIDE` on each side.
    """
    pixels = np.asarray(patch, np.float32)
    for _ in range(2):  # rows first, columns after the transposition
        pixels = _close_rows(pixels).transpose(1, 0, 2)
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))


def _close_rows(pixels: np.ndarray) -> np.ndarray:
    """Return fewer rows, of which the last passes into the first."""
    overlap = max(2, round(OVERLAP * len(pixels)))
    periods = range(max(round(0.6 * len(pixels)), overlap), len(pixels) - overlap + 1)
    start = pixels[:overlap, ::2]
    period = min(
        periods,
        key=lambda rows: float(np.abs(pixels[rows : rows + overlap, ::2] - start).mean()),
        default=overlap,
    )
    t = ((np.arange(overlap) + 0.5) / overlap)[:, None, None]
    rise = t * t * (3 - 2 * t)
    tile = pixels[:period].copy()
    tile[:overlap] = rise * pixels[:overlap] + (1 - rise) * pixels[period : period + overlap]
    return tile


def _largest_square(region: Region) -> tuple[int, int, int]:
    """Return left, top and side of the most even of the largest squares inside a garment, in pixels."""
    height, width = region.mask.shape
    scale = min(SEARCH_SIDE / max(height, width), 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    solid = np.asarray(Image.fromarray(region.mask).resize(size, Image.Resampling.BOX)) >= SOLID - 10
    depth = distance_transform_cdt(np.pad(solid, 1), "chessboard")[1:-1, 1:-1]
    if depth.max() < 1:
        return 0, 0, 0
    small = Image.fromarray(region.pixels).resize(size, Image.Resampling.BOX).convert("L")
    light = gaussian_filter(np.asarray(small, np.float32), 2)
    best, choice = -1.0, (0, 0, 1)
    for y, x in np.argwhere(depth >= 0.75 * depth.max())[::7]:
        half = int(depth[y, x]) - 1
        window = light[y - half : y + half + 1, x - half : x + half + 1]
        score = (half + 1) / (1 + float(window.std()) / 20)
        if score > best:
            best, choice = score, (int(x), int(y), half)
    x, y, half = choice
    side = int((2 * half + 1) / scale)
    left, top = int((x - half) / scale), int((y - half) / scale)
    return left, top, min(side, width - left, height - top)
