"""Photos of colors, as classes that a small network learns in no time."""

import numpy as np
from PIL import Image

from shared.retrieval.lifelong.lesson import LessonSettings

COLORS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210), "gold": (220, 180, 30)}
KNOWN = ("red", "green", "blue")
SHORT = LessonSettings(steps=4, classes=3, images=3, warmup=1, dreams=4, dream_steps=3, dream_batch=2)


def photo(color: str, seed: int) -> Image.Image:
    """Return a noisy photo of a color with a stripe."""
    rng = np.random.default_rng([seed, *COLORS[color]])
    pixels = np.array(COLORS[color]) + rng.normal(0, 25, (60, 80, 3))
    left = int(rng.integers(10, 60))
    pixels[:, left : left + 10] = 255 - np.array(COLORS[color])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def photos(color: str, count: int) -> list[Image.Image]:
    return [photo(color, seed) for seed in range(count)]
