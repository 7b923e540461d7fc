"""Patterns and fabrics on garments: tiled, bent by folds and shape, and shaded as the garment was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from shared.core.errors import check_choice, check_range
from shared.restyle.arguments import Mask, check_image
from shared.restyle.gaps import sample_grid
from shared.restyle.garment.change import apply_change
from shared.restyle.garment.cloth import find_cloth, smooth_step
from shared.restyle.garment.prints import PrintMap
from shared.restyle.garment.shading import Shading, slopes
from shared.restyle.garment.tiles import TILINGS, wrapping_tile
from shared.restyle.garment.tone import apply_shade
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.region import Region

FOLD_SHIFT = 0.008  # of the garment's longer side, by which a usual fold shifts the pattern
MAX_FOLD_SHIFT = 0.02
CELLS_PER_FOLD = 4.0  # width of a usual fold on the grid of the shading
SHAPE_CELLS = 96  # along the longer side of the garment, for its shape
ROUNDNESS = 0.45  # shift at the garment's outline as a share of its half width; a half cylinder has 0.57
MIN_TILE = 8  # pixels of a tile's sides
GLOSS_START = 2.0  # offset of tone from which light is reflected rather than colored


@dataclass(frozen=True)
class PatternSettings:
    """Position of a pattern on a garment.

    Attributes:
        scale: Width of a tile as a share of the garment's longer side, 0.02..2.
        angle: Counter-clockwise rotation in degrees, -180..180.
        folds: Bending by folds, 0 none, 1 usual, up to 3.
        shape: Bending by the outline, as around a body, 0 none, 1 usual, up to 2.
        tiling: `"wrap"` repeats the tile, `"mirror"` mirrors every second one, `"auto"` mirrors if its
            opposite sides do not fit.
    """

    scale: float = 0.25
    angle: float = 0.0
    folds: float = 1.0
    shape: float = 1.0
    tiling: str = "auto"

    def __post_init__(self) -> None:
        check_range("scale of the pattern", self.scale, (0.02, 2.0))
        check_range("angle of the pattern", self.angle, (-180.0, 180.0))
        check_range("bending by folds", self.folds, (0.0, 3.0))
        check_range("bending by shape", self.shape, (0.0, 2.0))
        check_choice("tiling", self.tiling, TILINGS)


def apply_pattern(
    image: Image.Image,
    mask: Mask,
    pattern: Image.Image,
    settings: PatternSettings | None = None,
    *,
    coordinates: np.ndarray | None = None,
) -> Image.Image:
    """Lay a pattern on a garment.

    Args:
        image: Mode RGB.
        mask: Garment, of the size of the image; see `shared.restyle.arguments.Mask`.
        pattern: Tile, mode RGB.
        settings: Position of the pattern.
        coordinates: Place of each pixel on the body, float `[h, w, 2]`, right and down, for the whole image
            at any resolution, in shares of the garment's longer side; by default the place in the image, bent
            around the outline.

    Returns:
        A new image of the same size, equal to the first outside the mask.

    Raises:
        ImageError: The mask cannot be used.
        ValueError: Another argument is out of range.
    """
    settings = settings or PatternSettings()
    check_image(pattern)
    region = Region.around(image, mask)
    cloth = find_cloth(region.samples())
    shading = Shading(region, cloth, PrintMap(region, cloth))
    places = _outline_places(region, settings.shape)
    if coordinates is not None:
        places = _body_places(region, image.size, coordinates)
    apply_change(region, PatternChange(region, shading, places, pattern, settings))
    return region.paste(image)


class PatternChange:
    """Change of a garment's colors into those of a pattern; see `shared.restyle.garment.change.Change`.

    Args:
        region: The garment.
        shading: Its light and folds.
        places: Place on the garment, `[2, h, w]` on a grid over the region, in shares of its longer side.
        pattern: Tile, mode RGB.
        settings: Position of the pattern.
    """

    def __init__(
        self,
        region: Region,
        shading: Shading,
        places: Tensor,
        pattern: Image.Image,
        settings: PatternSettings,
    ) -> None:
        self._width = region.mask.shape[1]
        self._side = max(region.mask.shape)
        self._shading = shading
        self._places = places
        self._place_cell = max(region.mask.shape) / max(places.shape[1:])
        shift = slopes(shading.broad) * CELLS_PER_FOLD * FOLD_SHIFT * settings.folds
        limit = MAX_FOLD_SHIFT * max(settings.folds, 1e-6)
        self._grid = torch.cat([shading.broad, limit * torch.tanh(shift / limit)])
        tile = wrapping_tile(pattern, settings.tiling)
        repeats = tile.width / pattern.width  # a mirrored tile holds the pattern twice
        width = max(MIN_TILE, round(settings.scale * self._side * repeats))
        height = max(MIN_TILE, round(width * tile.height / tile.width))
        pixels = np.asarray(tile.resize((width, height), Image.Resampling.LANCZOS))
        lab = oklab_from_pixels(pixels.reshape(-1, 3)).view(1, 3, height, width)
        self._tile = F.pad(lab, (1, 1, 1, 1), mode="circular")
        self._angle = float(np.deg2rad(settings.angle))
        self.gain = shading.gain(float(lab[0, 0].median()))

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return the pattern's colors in the garment's light, OKLab `[3, n]`."""
        rows, columns = np.divmod(indices, self._width)
        broad, right, down = sample_grid(self._grid, rows, columns, self._shading.cell)
        place = sample_grid(self._places, rows, columns, self._place_cell) + torch.stack([right, down])
        pattern = self._pattern_at(place * self._side)
        offset = self._shading.offsets(lab, lightness, indices, broad)
        new_lightness = apply_shade(pattern[0], offset)
        gloss = 0.7 * smooth_step((offset - GLOSS_START) / 2)
        saturation = pattern[1:] / pattern[0].clamp(min=0.05) * (1 - gloss)
        return torch.cat([new_lightness[None], saturation * new_lightness])

    def _pattern_at(self, place: Tensor) -> Tensor:
        """Return the pattern at places in pixels, `[3, n]`, repeated without end."""
        cosine, sine = float(np.cos(self._angle)), float(np.sin(self._angle))
        x = place[0] * cosine - place[1] * sine
        y = place[0] * sine + place[1] * cosine
        height, width = (side - 2 for side in self._tile.shape[2:])
        # Pixel (0, 0) of the tile has its middle at 0.5, and the padding adds one.
        x = (torch.remainder(x, width) + 1) * 2 / (width + 2) - 1
        y = (torch.remainder(y, height) + 1) * 2 / (height + 2) - 1
        return F.grid_sample(self._tile, torch.stack([x, y], -1)[None, None], align_corners=False)[0, :, 0]


def _outline_places(region: Region, shape: float) -> Tensor:
    """Return places that advance faster towards the outline, as on a round body, `[2, h, w]`."""
    height, width = region.mask.shape
    side = max(height, width)
    scale = min(SHAPE_CELLS / side, 1.0)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    outline = np.asarray(Image.fromarray(region.mask).resize(size, Image.Resampling.BOX)) > 127
    y, x = np.meshgrid(
        (np.arange(size[1]) + 0.5) / size[1] * height / side,
        (np.arange(size[0]) + 0.5) / size[0] * width / side,
        indexing="ij",
    )
    places = np.stack([x, y]).astype(np.float32)
    depth = distance_transform_edt(np.pad(outline, 1))[1:-1, 1:-1]
    radius = float(depth.max())
    if shape and radius >= 3:
        # Height of a body with a round outline; its slope points to the middle.
        rim = np.clip(1 - depth / radius, 0, 1)
        bulge = gaussian_filter(np.sqrt(1 - rim**2), radius / 6 + 0.5)
        slope = np.stack(np.gradient(bulge)[::-1]) * radius
        steep = np.hypot(*slope)
        slope *= np.tanh(steep) / np.maximum(steep, 1e-6)
        places -= (shape * ROUNDNESS * slope * radius / max(size)).astype(np.float32)
    return torch.from_numpy(places)


def _body_places(region: Region, size: tuple[int, int], coordinates: np.ndarray) -> Tensor:
    """Return the part of coordinates of a whole image that lies over a region, `[2, h, w]`."""
    if coordinates.ndim != 3 or coordinates.shape[2] != 2 or not np.isfinite(coordinates).all():
        raise ValueError(
            f"the coordinates must be finite numbers of shape [h, w, 2], received {list(coordinates.shape)}"
        )
    height, width = region.mask.shape
    arrays = np.moveaxis(coordinates, -1, 0).astype(np.float32)
    planes = [Image.fromarray(np.ascontiguousarray(array)) for array in arrays]
    scale = planes[0].width / size[0], planes[0].height / size[1]
    box = (
        region.left * scale[0],
        region.top * scale[1],
        (region.left + width) * scale[0],
        (region.top + height) * scale[1],
    )
    cells = min(4 * SHAPE_CELLS / max(height, width), 1.0)
    shape = (max(2, round(width * cells)), max(2, round(height * cells)))
    parts = [plane.resize(shape, Image.Resampling.BILINEAR, box=box) for plane in planes]
    return torch.from_numpy(np.stack([np.asarray(part) for part in parts]))
