"""Application of an image-to-image network to an image of any size, within bounded memory.

An image up to a number of pixels passes the network in one piece. A larger one is split into overlapping
tiles that are blended. Instance normalisation would give every tile another contrast and color; therefore all
tiles take its statistics from one thumbnail of the whole image (`shared.networks.instance_norm`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.images import to_tensor
from shared.core.tiling import Tile, Tiling, add_tiles
from shared.networks.instance_norm import shared_statistics

# Results are float32 up to this size and float16 above, with an error of an eighth of a grey level: at the
# limit of 50 million pixels three channels then take 0.3 GB in place of 0.6 GB.
MAX_FULL_PRECISION_PIXELS = 4_000_000


@dataclass(frozen=True)
class WholeImageSettings:
    """Sizes for one network.

    Attributes:
        max_pixels: Largest number of pixels that pass the network at once, which bounds its memory.
        overlap: Pixels that two neighbouring tiles share; a multiple of `multiple`, about the reach of the
            network's influence.
        multiple: Stride of the network's deepest cells, so that they lie on the same pixels in every tile.
        min_side: Smallest side of the network's input; smaller images are extended by their edge pixels.
    """

    max_pixels: int = 800_000
    overlap: int = 128
    multiple: int = 4
    min_side: int = 32


@torch.inference_mode()
def apply_to_image(
    function: Callable[[Tensor], Tensor],
    image: Image.Image,
    settings: WholeImageSettings | None = None,
    *,
    channels: int = 3,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Compute a network's result for a whole image.

    Args:
        function: Maps RGB `[1, 3, h, w]` in 0..1 on `device` to `[1, channels, h, w]`; any instance
            normalisation in it is a layer of `shared.networks.instance_norm`.
        image: RGB image of any size, at least 1 x 1.
        settings: Sizes; by default those of a generator with stride 4.
        channels: Channels of the result.
        device: Device of the network.

    Returns:
        The result in 0..1, clipped, `[channels, H, W]` on the CPU; float32, or float16 for large images.
    """
    settings = settings or WholeImageSettings()

    def run(part: Image.Image) -> Tensor:
        return function(_network_input(part, settings, device))[..., : part.height, : part.width]

    width, height = image.size
    if max(width, settings.min_side) * max(height, settings.min_side) <= settings.max_pixels:
        return run(image)[0].float().cpu().clamp_(0, 1)
    precise = width * height <= MAX_FULL_PRECISION_PIXELS
    out = torch.zeros(channels, height, width, dtype=torch.float32 if precise else torch.float16)
    tiling = Tiling(
        max_pixels=settings.max_pixels // _padding_factor(image, settings.min_side),
        overlap=settings.overlap,
        multiple=settings.multiple,
    )

    def tile_result(tile: Tile) -> Tensor:
        return run(image.crop(tile))[0].float().clamp(0, 1)

    thumbnail = _network_input(_thumbnail(image, settings.max_pixels), settings, device)
    with shared_statistics(function, thumbnail):
        add_tiles(tile_result, out, tiling)
    return out.clamp_(0, 1)


@torch.inference_mode()
def result_image(values: Tensor) -> Image.Image:
    """Convert a result to an image without a second copy in floating point; `values` is overwritten.

    Args:
        values: `[3, H, W]` or `[1, H, W]` in 0..1.

    Returns:
        An image of mode RGB or L.

    >>> result_image(torch.full((1, 2, 5), 0.5)).size
    (5, 2)
    """
    levels = values.mul_(255).round_().to(torch.uint8)
    array = levels[0] if len(levels) == 1 else levels.permute(1, 2, 0)
    return Image.fromarray(array.contiguous().numpy())


def _network_input(part: Image.Image, settings: WholeImageSettings, device: torch.device | str) -> Tensor:
    """Return `[1, 3, h, w]` in 0..1, extended to the smallest side of the network's input."""
    x = to_tensor(part)
    right, bottom = (max(settings.min_side - side, 0) for side in part.size)
    if right or bottom:
        x = F.pad(x, (0, right, 0, bottom), mode="replicate")
    return x.to(device, memory_format=torch.channels_last)


def _thumbnail(image: Image.Image, max_pixels: int) -> Image.Image:
    """Shrink an image to a number of pixels: the largest thumbnail has statistics closest to the image's."""
    scale = min(math.sqrt(max_pixels / (image.width * image.height)), 1)
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image if scale == 1 else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _padding_factor(image: Image.Image, min_side: int) -> int:
    """Return the factor by which padding enlarges the tiles of an image that is a thin strip."""
    return max(1, math.ceil(min_side / min(image.size)))
