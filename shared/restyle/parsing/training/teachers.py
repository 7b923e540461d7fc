"""Public networks that find people and their body parts, as supervision of clothes parsing.

BodyPix (Papandreou et al., "PersonLab: Person Pose Estimation and Instance Segmentation with a Bottom-Up,
Part-Based, Geometric Embedding Model", ECCV 2018, with body parts) and DeepLabV3 (Chen et al., "Rethinking
Atrous Convolution for Semantic Image Segmentation", 2017), as LiteRT files. They are needed for training
alone: `pip install ai-edge-litert`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from shared.training.lite_network import LiteNetwork

DEEPLAB_PERSON = 15  # class of PASCAL VOC
PARTS = 24  # of BodyPix


class People(NamedTuple):
    """People in an image, as the teachers see them.

    Attributes:
        bodypix: float32 `[H, W]`, probability of a person by BodyPix.
        deeplab: bool `[H, W]`, person by DeepLabV3.
        part: uint8 `[H, W]`, the most probable body part of BodyPix, 0..23.
        part_certainty: float32 `[H, W]`, its share among the parts' probabilities, 0..1.
    """

    bodypix: np.ndarray
    deeplab: np.ndarray
    part: np.ndarray
    part_certainty: np.ndarray


class PeopleTeacher:
    """BodyPix and DeepLabV3.

    Args:
        bodypix: LiteRT file of BodyPix with raw outputs.
        deeplab: LiteRT file of DeepLabV3 for PASCAL VOC.

    Raises:
        PackageError: LiteRT is not installed.
    """

    def __init__(self, bodypix: str | Path, deeplab: str | Path) -> None:
        self._bodypix = LiteNetwork(bodypix)
        self._deeplab = LiteNetwork(deeplab)

    def __call__(self, image: Image.Image) -> People:
        """Find the people in an image.

        Args:
            image: Mode RGB.
        """
        size = image.size
        outputs = self._bodypix(_square(image, self._bodypix.side))
        person = next(output for output in outputs if output.shape[-1] == 1)[..., 0]
        parts = next(output for output in outputs if output.shape[-1] == PARTS)
        maps = np.stack([_stretch(_sigmoid(parts[..., index]), size) for index in range(PARTS)])
        ids = self._deeplab(_square(image, self._deeplab.side))[0]
        deeplab = Image.fromarray((ids == DEEPLAB_PERSON).astype(np.uint8)).resize(
            size, Image.Resampling.NEAREST
        )
        return People(
            bodypix=_stretch(_sigmoid(person), size),
            deeplab=np.asarray(deeplab) > 0,
            part=maps.argmax(0).astype(np.uint8),
            part_certainty=maps.max(0) / np.maximum(maps.sum(0), 1e-6),
        )


def _square(image: Image.Image, side: int) -> np.ndarray:
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)


def _stretch(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch a map, whose corner cells lie on the corner pixels, to a size."""
    height, width = values.shape
    box = (0.5, 0.5, width - 0.5, height - 0.5)
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR, box))
