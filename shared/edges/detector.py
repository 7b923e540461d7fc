"""Edge detection: one call for every engine, at any image size, scale and level of detail."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from numbers import Real

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.diffusion.monitor import Monitor, Progress, StopRequest
from shared.core.images import MAX_PIXELS, Source, open_image
from shared.core.predictors import EnginePredictor
from shared.core.tiling import Tile, Tiling, add_tiles
from shared.edges import engines
from shared.edges.backend import EdgeBackend
from shared.edges.edge_map import EdgeMap
from shared.networks.rds import SIDES

# A network takes about 1 GB for a tile of this size; an image of 1920 x 1080 is a single tile.
TILE_PIXELS = 2_100_000
# Stride of the networks' deepest cells, and overlap of tiles, in pixels of the network's input. Nine tenths
# of the influence on a value lie within 75 pixels of it, and all of it within 246.
STRIDE = 32
OVERLAP = 256
# Maps are float32 up to this size and float16 above: at the limit of 50 million pixels the six maps of a call
# then take 0.6 GB in place of 1.2 GB. Tiles are a third of the size above, which takes less memory, and a run
# stops sooner. They overlap less, too: the largest difference from an image without tiles is 0.16.
MAX_FULL_PRECISION_PIXELS = 4_000_000
LARGE_TILE_PIXELS, LARGE_OVERLAP = 700_000, 128

# Pixels that a network sees in a call, the overlap of tiles not counted: those of the largest image at one
# scale, which takes about 20 seconds on two cores. At more scales large images are computed smaller.
MAX_NETWORK_PIXELS = MAX_PIXELS

MAX_SCALES, MIN_SCALE, MAX_SCALE = 4, 0.25, 2.0


class EdgeDetector(EnginePredictor[EdgeBackend]):
    """Edge detector for images of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The network or operator behind it.
    """

    ENGINES = engines.ENGINES

    @property
    def threshold(self) -> float:
        """Default strength from which a pixel belongs to a line, 0..1."""
        return self.backend.threshold

    def __call__(
        self,
        image: Source,
        threshold: float | None = None,
        scales: Sequence[float] = (1.0,),
        *,
        progress: Progress | None = None,
        stop: StopRequest | None = None,
    ) -> EdgeMap:
        """Detect the edges of an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            threshold: Strength from which a pixel belongs to a line, 0..1; the engine's own by default.
            scales: Factors on the size of the image, 1 to 4 of them, each in 0.25..2. The maps of all scales
                are averaged. Small factors favor the outlines of objects, large ones fine detail.
            progress: Called after each tile with the number of finished tiles and of all tiles.
            stop: Request to stop, read before each tile.

        Returns:
            The edges, at the size of the image.

        Raises:
            ImageError: The image cannot be used.
            StoppedError: A stop was requested.
            ValueError: The threshold or the scales are out of range.
        """
        started = time.perf_counter()
        threshold = self.threshold if threshold is None else _check_threshold(threshold)
        scales = _check_scales(scales)
        image = open_image(image)
        width, height = image.size
        reduction = _reduction(width * height, scales)
        scales = [scale * reduction for scale in scales]
        large = width * height > MAX_FULL_PRECISION_PIXELS
        tilings = [_tiling(scale, large) for scale in scales]
        monitor = TileMonitor(sum(len(tiling.tiles(width, height)) for tiling in tilings), progress, stop)
        maps = torch.zeros(SIDES + 1, height, width, dtype=torch.float16 if large else torch.float32)
        for scale, tiling in zip(scales, tilings, strict=True):
            tile_maps = partial(self._tile_maps, image, scale)
            add_tiles(monitor.observe(tile_maps), maps, tiling, weight=1 / len(scales))
        *side_outputs, soft = maps.clamp_(0, 1)
        return EdgeMap(
            soft=soft.numpy(),
            side_outputs=tuple(side.numpy() for side in side_outputs),
            threshold=threshold,
            engine=self.engine,
            seconds=time.perf_counter() - started,
            working_size=(round(width * reduction), round(height * reduction)) if reduction < 1 else None,
        )

    def _tile_maps(self, image: Image.Image, scale: float, tile: Tile) -> Tensor:
        """Return the maps of a tile, computed at a scale and resized to the tile."""
        part = image.crop(tile)
        if scale == 1:
            return self.backend.edge_maps(part)
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        part_of_size = part.resize(size, Image.Resampling.BILINEAR)
        maps = self.backend.edge_maps(part_of_size)
        return F.interpolate(maps[None], (part.height, part.width), mode="bilinear", antialias=True)[0]


class TileMonitor:
    """Observer of a run over tiles.

    Args:
        total: Number of tiles.
        progress: Called after each tile.
        stop: Read before each tile.
    """

    def __init__(self, total: int, progress: Progress | None, stop: StopRequest | None) -> None:
        self._finished, self._total = 0, total
        self._monitor = Monitor(progress, stop)

    def observe(self, function: Callable[[Tile], Tensor]) -> Callable[[Tile], Tensor]:
        """Return a function of a tile that can be stopped, and that reports when it ends.

        Raises:
            StoppedError: The returned function raises it if a stop is requested.
        """

        def observed(tile: Tile) -> Tensor:
            self._monitor.check()
            values = function(tile)
            self._finished += 1
            if self._monitor.progress is not None:
                self._monitor.progress(self._finished, self._total)
            return values

        return observed


def _reduction(pixels: int, scales: Sequence[float]) -> float:
    """Return the factor on all scales that keeps a call within `MAX_NETWORK_PIXELS`, at most 1."""
    return min(1.0, math.sqrt(MAX_NETWORK_PIXELS / (pixels * sum(scale**2 for scale in scales))))


def _tiling(scale: float, large: bool) -> Tiling:
    """Return the tiling of an image whose tiles a network receives at a scale."""
    multiple = _cell_multiple(scale)
    pixels, overlap = (LARGE_TILE_PIXELS, LARGE_OVERLAP) if large else (TILE_PIXELS, OVERLAP)
    return Tiling(
        max_pixels=int(pixels / max(scale, 0.5 if large else 1) ** 2),
        overlap=math.ceil(overlap / scale / multiple) * multiple,
        multiple=multiple,
    )


def _cell_multiple(scale: float) -> int:
    """Return the smallest number of image pixels that is a whole number of the network's cells at a scale.

    A scale that is no simple fraction is replaced by the nearest one; its tiles then lie a fraction of a cell
    off.

    >>> [_cell_multiple(scale) for scale in (1, 0.5, 1.5, 2)]
    [32, 64, 64, 16]
    """
    ratio = Fraction(scale).limit_denominator(8)
    cells = STRIDE * ratio.denominator
    return cells // math.gcd(cells, ratio.numerator)


def _check_threshold(threshold: float) -> float:
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise ValueError(f"the threshold must be a number in 0..1, received {threshold!r}")
    return float(threshold)


def _check_scales(scales: Sequence[float]) -> tuple[float, ...]:
    try:
        factors = tuple(float(scale) for scale in scales)
    except (TypeError, ValueError):
        factors = ()
    if not 1 <= len(factors) <= MAX_SCALES or not all(MIN_SCALE <= factor <= MAX_SCALE for factor in factors):
        raise ValueError(
            f"scales must be 1 to {MAX_SCALES} factors in {MIN_SCALE}..{MAX_SCALE:g}, received {scales!r}"
        )
    return factors
