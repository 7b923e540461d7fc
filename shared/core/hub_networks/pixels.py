"""Pixels of images in the form in which networks of the Hub were trained."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from shared.core.images import Box, to_tensor

#: Mean and standard deviation of the colors of ImageNet, 0..1.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: The same for networks that read colors in -1..1.
SYMMETRIC = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def network_pixels(
    image: Image.Image,
    size: tuple[int, int],
    box: Box | None = None,
    *,
    colors: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET,
    resample: Image.Resampling = Image.Resampling.BICUBIC,
) -> Tensor:
    """Resize an RGB image, or a part of it, and normalise its colors.

    Args:
        image: The image.
        size: Width and height of the result.
        box: The part, in pixels.
        colors: Mean and standard deviation by channel.
        resample: Filter of the resizing.

    Returns:
        float32 `[1, 3, height, width]`.
    """
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in colors)
    return (to_tensor(image.resize(size, resample, box, reducing_gap=3.0)) - mean) / deviation
