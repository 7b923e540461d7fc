"""Photos of garments that are drawn by code: cloth with folds, noise and a soft border."""

import numpy as np
import torch
from PIL import Image

from shared.restyle.oklab import oklab_from_pixels, pixels_from_linear

SIZE = (240, 320)


def cloth_photo(color, background=(120, 130, 120), size=SIZE, depth=0.5, noise=1.0, seed=0):
    """Return a photo of folded cloth, the garment's mask, and the light on it.

    The light falls from 1 on ridges to `1 - depth` in folds.
    """
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = 1 - depth * (0.5 + 0.5 * np.sin(x / width * 19 + 2 * np.sin(y / height * 7)))
    share = soft_ellipse(size)
    rng = np.random.default_rng(seed)
    cloth = _encoded(_linear(color) * light[..., None])
    mixed = share[..., None] * cloth + (1 - share[..., None]) * np.asarray(background, np.float32)
    pixels = mixed + rng.normal(0, noise, (height, width, 1))
    mask = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    return Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8)), mask, light


def soft_ellipse(size=SIZE):
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot((x - width / 2) / (0.35 * width), (y - height / 2) / (0.4 * height))
    return ((1 - distance) * 0.35 * width / 1.5 + 0.5).clip(0, 1)


def solid_part(image, mask):
    """Return the pixels that hold nothing but the garment, uint8 `[n, 3]`."""
    return np.asarray(image)[np.asarray(mask) == 255]


def oklab(pixels):
    """Return OKLab, `[n, 3]`."""
    return oklab_from_pixels(np.ascontiguousarray(pixels)).T.numpy()


def _linear(color):
    levels = np.asarray(color, np.float32) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _encoded(linear):
    planes = torch.from_numpy(linear.reshape(-1, 3).T.astype(np.float32))
    return pixels_from_linear(planes).reshape(linear.shape).astype(np.float32)
