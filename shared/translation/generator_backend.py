"""Generators of both directions as the backend of `Translator`."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import nn

from shared.core import weights
from shared.core.engines import Engine
from shared.core.models import load_network
from shared.translation.familiarity import FamiliarityModel
from shared.translation.palettes import Palette
from shared.translation.tasks import DIRECTIONS, Direction, Task
from shared.translation.whole_image import WholeImageSettings, apply_to_image, result_image

# The longest side that a thin strip is enlarged to, where it would be as many times longer than the network's
# working size.
MAX_ENLARGED_SIDE = 4096


class GeneratorBackend:
    """Network that translates images in a direction, with the data of its weights.

    Args:
        network: The network on its device, in eval mode.
        task: Sets of images between which it translates.
        familiarity: Model of the inputs of each direction; empty without any.
        sides: Shorter side in pixels at which the network works best, by direction; by default that of the
            task.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        familiarity: Mapping[Direction, FamiliarityModel] | None = None,
        sides: Mapping[Direction, int] | None = None,
    ) -> None:
        self.network = network
        self.task = task
        multiple = cast(int, network.multiple)
        self.settings = WholeImageSettings(
            overlap=max(128 // multiple, 2) * multiple, multiple=multiple, min_side=max(32, multiple)
        )
        self._familiarity = familiarity or {}
        self._sides = sides or {}
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    @classmethod
    def load(
        cls,
        engine: Engine[Any],
        network_class: type[nn.Module],
        task: Task,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> GeneratorBackend:
        """Load a network with the weights of an engine; see `shared.core.models.load_network`.

        Raises:
            WeightsError: The weights cannot be used.
        """
        network, path = load_network(engine, network_class, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(path)
        stored = config.get("familiarity", {})
        models = {name: FamiliarityModel.from_dict(stored[name]) for name in DIRECTIONS if name in stored}
        return cls(network, task, models, config.get("sides"))

    def side(self, direction: Direction) -> int:
        """Return the shorter side in pixels at which the network works by default."""
        return self._sides.get(direction, self.task.side)

    def translate(self, image: Image.Image, direction: Direction, side: int) -> Image.Image:
        """Translate an image.

        Args:
            image: RGB image of any size.
            direction: Direction of the translation.
            side: Shorter side in pixels at which the network works, at most that of the image; its result is
                resized to the image's size.

        Returns:
            An image of the input's size; of mode L where the target has no color.
        """
        source, target = self.task.palettes(direction)
        small = resize(image, working_size(image, side), labels=source is not None)
        with self._lock:
            values = apply_to_image(
                lambda x: (self.network(2 * x - 1, direction) + 1) / 2,
                small,
                self.settings,
                device=self._device,
            )
        result = result_image(values)
        if target is not None:
            return enlarge_labels(result, target, image.size)
        if self.task.grey and direction == "forward":
            result = result.convert("L")
        return result if result.size == image.size else result.resize(image.size, Image.Resampling.BICUBIC)

    def familiarity(self, image: Image.Image, direction: Direction) -> float | None:
        """Return the likeness of an image to the inputs that a direction was trained on, 0..1, or None."""
        model = self._familiarity.get(direction)
        return None if model is None else model(image)


def working_size(image: Image.Image, side: int) -> tuple[int, int]:
    """Return width and height of an image with a shorter side of `side` pixels.

    A thin strip stays thinner, so that its longer side stays bounded.

    >>> working_size(Image.new("RGB", (640, 480)), 120), working_size(Image.new("RGB", (8192, 1)), 128)
    ((160, 120), (8192, 1))
    """
    scale = min(side / min(image.size), max(1.0, MAX_ENLARGED_SIDE / max(image.size)))
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def resize(image: Image.Image, size: tuple[int, int], *, labels: bool) -> Image.Image:
    """Resize an image; label drawings keep their colors, without mixtures."""
    if image.size == size:
        return image
    if labels:
        return image.resize(size, Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def enlarge_labels(image: Image.Image, palette: Palette, size: tuple[int, int]) -> Image.Image:
    """Round a label drawing to its palette and resize it, with smooth outlines and no mixed colors.

    A pixel gets the class with the largest share after the classes' masks were resized.

    Args:
        image: Label drawing, RGB.
        palette: Colors of the classes.
        size: Width and height of the result.
    """
    ids = palette.nearest(np.asarray(image))
    if image.size == size:
        return Image.fromarray(palette.draw(ids))
    width, height = size
    largest = np.zeros((height, width), dtype=np.uint8)
    classes = np.zeros((height, width), dtype=np.uint8)
    for class_id in np.unique(ids):
        mask = Image.fromarray(np.where(ids == class_id, 255, 0).astype(np.uint8))
        share = np.asarray(mask.resize(size, Image.Resampling.BILINEAR))
        larger = share > largest
        classes[larger] = class_id
        largest[larger] = share[larger]
    return Image.fromarray(palette.draw(classes))
