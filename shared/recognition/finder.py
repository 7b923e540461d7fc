"""Things in an image that a visitor names or points at: one call for both, with masks."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.recognition.engines import CLICK, FINDERS, WORDS
from shared.recognition.open_labels import check_labels
from shared.recognition.segmentation import Segmentation

if TYPE_CHECKING:
    import torch

    from shared.recognition.hub.grounding_dino import GroundingDinoDetector
    from shared.recognition.hub.sam2 import Sam2Finder

BACKGROUND, SELECTION = "background", "selection"
MAX_WORDS = 20


class Finder:
    """Finder of things. Safe to call from many threads at once; `Finder.load` returns one.

    Args:
        masks: Finder of the mask of a thing.
        boxes: Finder of the boxes of things; None to find things by points alone.
    """

    def __init__(self, masks: Sam2Finder, boxes: GroundingDinoDetector | None = None) -> None:
        self.masks, self.boxes = masks, boxes

    @classmethod
    def load(
        cls,
        name: str = WORDS,
        *,
        mask_folder: str | os.PathLike | None = None,
        box_folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> Finder:
        """Load an engine, whose choice permits its download.

        Args:
            name: One of `FINDERS`; `CLICK` loads less.
            mask_folder: Folder of SAM 2, if it is known.
            box_folder: Folder of Grounding DINO, if it is known.
            device: Device of the networks; by default the fastest.

        Raises:
            WeightsError: See `shared.core.hub_networks.network.HubNetwork.load`.
        """
        boxes = FINDERS[WORDS].load(folder=box_folder, device=device) if name == WORDS else None
        return cls(FINDERS[CLICK].load(folder=mask_folder, device=device), boxes)

    def by_words(self, image: Source, words: str | Sequence[str]) -> Segmentation:
        """Find all things that words name.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            words: Names of things, or a text with one a line or commas between them.

        Returns:
            A segmentation with a class for each of the words; its confidence is the score of the words.

        Raises:
            ImageError: The image cannot be used.
            InputError: There are no words, or too many.
        """
        started = time.perf_counter()
        labels = check_labels(words)
        if not labels:
            raise InputError("Write what to look for, such as “cat, red cup”.")
        if len(labels) > MAX_WORDS:
            raise InputError(f"At most {MAX_WORDS} things can be looked for; these are {len(labels)}.")
        if self.boxes is None:
            raise InputError("This engine finds things by a click alone: choose the one for words.")
        image = open_image(image)
        detections = self.boxes(image, labels)[::-1]  # the best one is laid over the others
        masks = self.masks.in_boxes(image, [detection.box for detection in detections])
        ids = np.zeros((image.height, image.width), np.uint8)
        confidence = np.zeros(ids.shape, np.float16)
        for detection, mask in zip(detections, masks, strict=True):
            ids[mask.numpy()] = detection.label + 1
            confidence[mask.numpy()] = detection.score
        seconds = time.perf_counter() - started
        return Segmentation(image, ids, confidence, (BACKGROUND, *labels), 0, WORDS, seconds)

    def at_point(self, image: Source, point: tuple[float, float]) -> Segmentation:
        """Find the thing at a point.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            point: Pixel from the left and from the top.

        Returns:
            A segmentation with the thing as its only region.

        Raises:
            ImageError: The image cannot be used.
            InputError: The point lies outside of the image.
        """
        started = time.perf_counter()
        image = open_image(image)
        if not (0 <= point[0] < image.width and 0 <= point[1] < image.height):
            raise InputError(
                f"The point {point[0]:g}, {point[1]:g} lies outside of the picture, which has "
                f"{image.width} × {image.height} pixels."
            )
        mask, score = self.masks.at_point(image, point)
        ids = mask.numpy().astype(np.uint8)
        confidence = np.full(ids.shape, score, np.float16)
        seconds = time.perf_counter() - started
        return Segmentation(image, ids, confidence, (BACKGROUND, SELECTION), 0, CLICK, seconds)


def find(finder: Finder, image: Source, target: str | tuple[float, float]) -> Segmentation:
    """Find things by words, or the thing at a point; see `Finder`."""
    return finder.by_words(image, target) if isinstance(target, str) else finder.at_point(image, target)
