"""Edges of a picture: one call for every engine, at any size."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from numbers import Real
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import engines, weights
from shared.core.images import Source, open_image, to_tensor
from shared.core.models import load_network
from shared.core.tiling import Box, add_tiles
from shared.edges import canny
from shared.edges.edge_map import EdgeMap
from shared.edges.engines import ENGINES
from shared.networks.fcfn import FCFNEdges
from shared.networks.rds import RDS, SIDES

# A tile of this size takes the network about 1 GB; a picture of 1920 x 1080 is not cut at all.
TILE_PIXELS = 2_100_000
# The stride of the network's deepest cells, and the overlap of tiles, both in pixels that the network sees.
# Nine tenths of what moves a value lie within 75 pixels of it, and all of it within 246.
STRIDE = 32
OVERLAP = 256
# Up to this size all maps are float32, above it float16: at the limit of 50 million pixels the six maps of a
# call then take 0.6 GB, not 1.2 GB.
FULL_PRECISION_PIXELS = 4_000_000

# Engines whose network is another one than RDS.
NETWORKS = {"fcfn": FCFNEdges}

MOST_SCALES, SMALLEST_SCALE, LARGEST_SCALE = 4, 0.25, 2.0


class EdgeDetector:
    """Finds edges. `EdgeDetector.load` makes one; calls may come from many threads at once.

    Attributes:
        engine: The name of the engine.
        threshold: How sure it must be of a line, 0..1, where a call does not say.

    Args:
        engine: See above.
        find: Gives for a picture of mode RGB and any size its maps `[6, H, W]`, float32 in 0..1 on the CPU:
            five sides from fine to coarse, then the edges themselves.
        threshold: See above.
    """

    def __init__(self, engine: str, find: Callable[[Image.Image], Tensor], threshold: float) -> None:
        self.engine = engine
        self.threshold = threshold
        self._find = find

    @classmethod
    def load(
        cls,
        name: str = "rds",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> EdgeDetector:
        """Loads an engine.

        Args:
            name: One of `shared.edges.engines.ENGINES`.
            folder: Weights to use in place of the engine's own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of
                the Hub always may: to choose it is to ask for them.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Its weights cannot be used.
        """
        engine = engines.find(ENGINES, name)
        if engine.weights is None:
            return cls(name, canny.maps, canny.THRESHOLD)
        network, folder = load_network(
            engine, NETWORKS.get(name, RDS), folder=folder, device=device, allow_hub=allow_hub
        )
        return cls(name, _run_network(network), _threshold_of(folder))

    def __call__(
        self,
        image: Source,
        thin: bool = False,
        threshold: float | None = None,
        scales: Sequence[float] = (1.0,),
    ) -> EdgeMap:
        """Finds the edges of a picture.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            thin: Whether the result shows itself as thin lines, where its caller does not say.
            threshold: How sure the engine must be of a line, 0..1; by default the engine's own value.
            scales: Sizes at which to look, as factors of the picture's own: 1 to 4 of them, each in 0.25..2.
                Their maps are averaged. Small factors see the outlines of objects, large ones fine detail.

        Returns:
            The edges, at the picture's size.

        Raises:
            ImageError: The picture cannot be used.
            ValueError: The threshold or the scales are out of range.
        """
        started = time.perf_counter()
        threshold = self.threshold if threshold is None else _checked_threshold(threshold)
        scales = _checked_scales(scales)
        picture = open_image(image)
        width, height = picture.size
        small = width * height <= FULL_PRECISION_PIXELS
        maps = torch.zeros(SIDES + 1, height, width, dtype=torch.float32 if small else torch.float16)
        for scale in scales:
            multiple = _aligned(scale)
            add_tiles(
                partial(self._part, picture, scale),
                maps,
                weight=1 / len(scales),
                pixels=int(TILE_PIXELS / max(scale, 1) ** 2),
                overlap=math.ceil(OVERLAP / scale / multiple) * multiple,
                multiple=multiple,
            )
        *sides, soft = maps.clamp_(0, 1)
        return EdgeMap(
            soft=soft.float().numpy(),
            sides=tuple(side.numpy() for side in sides),
            threshold=threshold,
            engine=self.engine,
            thin=thin,
            seconds=time.perf_counter() - started,
        )

    def _part(self, picture: Image.Image, scale: float, box: Box) -> Tensor:
        """The maps of one tile, seen at a scale and brought back to the tile's size."""
        part = picture.crop(box)
        if scale == 1:
            return self._find(part)
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        maps = self._find(part.resize(size, Image.Resampling.BILINEAR))
        return F.interpolate(maps[None], (part.height, part.width), mode="bilinear", antialias=True)[0]


def _run_network(network: nn.Module) -> Callable[[Image.Image], Tensor]:
    """Makes the function that `EdgeDetector` calls from a network with the interface of `RDS`."""
    device = next(network.parameters()).device
    lock = threading.Lock()  # one picture at a time: two would take each other's cores and twice the memory

    @torch.inference_mode()
    def find(picture: Image.Image) -> Tensor:
        x = to_tensor(picture).to(device, memory_format=torch.channels_last)
        with lock:
            return network(x)[0].sigmoid().float().cpu()

    return find


def _threshold_of(folder: Path) -> float:
    threshold = weights.read_config(folder).get("threshold", 0.5)
    try:
        return _checked_threshold(threshold)
    except ValueError as error:
        raise weights.WeightsError(f"{folder / weights.CONFIG}: {error}.") from error


def _checked_threshold(threshold: float) -> float:
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise ValueError(f"the threshold must be a number in 0..1, received {threshold!r}")
    return float(threshold)


def _checked_scales(scales: Sequence[float]) -> tuple[float, ...]:
    try:
        values = tuple(float(scale) for scale in scales)
    except (TypeError, ValueError):
        values = ()
    if not 1 <= len(values) <= MOST_SCALES or not all(SMALLEST_SCALE <= s <= LARGEST_SCALE for s in values):
        raise ValueError(
            f"scales must be 1 to {MOST_SCALES} factors in {SMALLEST_SCALE}..{LARGEST_SCALE:g}, "
            f"received {scales!r}"
        )
    return values


def _aligned(scale: float) -> int:
    """The fewest pixels of the picture that are a whole number of the network's cells at a scale.

    A scale that is no simple fraction gets the nearest one; its tiles then lie a fraction of a cell off.

    >>> [_aligned(scale) for scale in (1, 0.5, 1.5, 2)]
    [32, 64, 64, 16]
    """
    ratio = Fraction(scale).limit_denominator(8)
    cells = STRIDE * ratio.denominator
    return cells // math.gcd(cells, ratio.numerator)
