import numpy as np
import pytest
import torch
from PIL import Image

from shared.matting.subject import SubjectMatting
from shared.networks.matting import MattingNetwork


def disc(width: int, height: int, radius: float) -> np.ndarray:
    """Return a disc in the middle with an anti-aliased border, float32 `[height, width]` in 0..1."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    return np.asarray((radius - distance + 0.5).clip(0, 1), np.float32)


def mixed(alpha: np.ndarray, subject: tuple, background: tuple) -> Image.Image:
    """Return a subject of one color on a background of another."""
    colors = alpha[..., None] * np.float32(subject) + (1 - alpha[..., None]) * np.float32(background)
    return Image.fromarray(np.rint(colors).astype(np.uint8))


@pytest.fixture(scope="session")
def untrained() -> SubjectMatting:
    torch.manual_seed(0)
    return SubjectMatting(MattingNetwork().eval())
