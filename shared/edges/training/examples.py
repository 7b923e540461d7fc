"""Training examples of edge networks: segmentation borders, soft edge maps, and BSDS500."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import to_tensor
from shared.edges.training.crops import Example
from shared.edges.training.labels import canny_relaxed, consensus, region_borders, soft_relaxed
from shared.networks.rds import RDS
from shared.training.bsds import read_bsds
from shared.training.datasets import read_annotated_images

#: Supervision of BSDS500: equal labels for all outputs (HED), or relaxed by Canny or a soft detector (RDS).
LABELS = ("plain", "canny", "soft")
#: Maps an RGB image to its soft edges, `[H, W]` in 0..1.
SoftDetector: TypeAlias = Callable[[Image.Image], np.ndarray]


def coarse_examples(root: Path, scale: float) -> list[Example]:
    """Read a segmentation set and label the borders of its masks, relaxed by Canny.

    Args:
        root: Folder with `images/train` and `labels/train`.
        scale: Factor on the size of the images.
    """
    examples = []
    for annotated in read_annotated_images(root / "images" / "train", root / "labels" / "train"):
        image = np.array(annotated.image())
        borders = region_borders(annotated.annotation())
        examples.append(Example(image, canny_relaxed(borders, image), scale=scale))
    return examples


def soft_examples(root: Path) -> list[Example]:
    """Read images with soft edge maps of another detector.

    Args:
        root: Folder with `images` and `maps`, 8-bit edge maps of the same names.
    """
    return [
        Example(np.array(annotated.image()), np.array(annotated.annotation())[None], soft=True)
        for annotated in read_annotated_images(root / "images", root / "maps")
    ]


def bsds_examples(
    root: Path, split: str, labels: str, soft_detector: SoftDetector | None = None
) -> list[Example]:
    """Read BSDS500 with one kind of supervision.

    Args:
        root: See `read_bsds`.
        split: See `read_bsds`.
        labels: One of `LABELS`.
        soft_detector: Detector whose maps relax the labels `"soft"`.

    Raises:
        ValueError: The labels `"soft"` have no detector.
    """
    examples = []
    for sample in read_bsds(root, split):
        image, target = sample.image(), consensus(sample.boundaries())
        pixels = np.array(image)
        if labels == "plain":
            target = target[None]
        elif labels == "canny":
            target = canny_relaxed(target, pixels)
        elif soft_detector is not None:
            target = soft_relaxed(target, soft_detector(image))
        else:
            raise ValueError(f"the labels {labels!r} need a soft detector")
        examples.append(Example(pixels, target))
    return examples


def load_soft_detector(folder: str, device: str) -> SoftDetector:
    """Load an `RDS` network whose fusion output serves as the soft detector.

    Args:
        folder: Folder of the weights.
        device: `"cpu"`, `"cuda"`, ...
    """
    network = weights.load(RDS, folder, folder=folder).to(device)

    @torch.inference_mode()
    def detect(image: Image.Image) -> np.ndarray:
        return network(to_tensor(image).to(device))[0, -1].sigmoid().cpu().numpy()

    return detect
