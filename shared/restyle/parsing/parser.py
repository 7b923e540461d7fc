"""Clothes parsing of photos: the network at moderate size, and its classes as an outfit."""

from __future__ import annotations

import math
import os
import threading
import time

import numpy as np
import torch
from PIL import Image

from shared.core.images import Source, open_image, to_tensor
from shared.core.models import load_on_device
from shared.networks.parsing import ParsingNetwork
from shared.restyle.parsing.consistency import agree_on_clothes
from shared.restyle.parsing.outfit import Outfit

WEIGHTS = "restyle-parsing"
WORKING_SIDE = 288  # the network sees as many pixels as a square of this side has
MULTIPLE, MAX_SIDE = 32, 1024  # of the sides of its input


class OutfitParser:
    """Finds what people wear in photos of any size. Safe to call from many threads at once.

    Args:
        network: The network on its device, in eval mode.
    """

    def __init__(self, network: ParsingNetwork) -> None:
        self.network = network
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    @classmethod
    def load(
        cls,
        name: str = WEIGHTS,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> OutfitParser:
        """Load the network.

        Args:
            name: Name of the weights, see `shared.core.weights.find`.
            folder: Path of the weight folder, if it is known.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine.

        Raises:
            WeightsError: The weights cannot be used.
        """
        network, _ = load_on_device(ParsingNetwork, name, folder=folder, device=device, allow_hub=allow_hub)
        return cls(network)

    def __call__(self, image: Source) -> Outfit:
        """Find what the people in an image wear.

        Args:
            image: Anything that `shared.core.images.open_image` takes.

        Raises:
            ImageError: The image cannot be used.
        """
        started = time.perf_counter()
        image = open_image(image)
        probabilities = self.probabilities(image)
        labels = probabilities.argmax(0).astype(np.uint8)
        return Outfit(image, labels, probabilities, seconds=time.perf_counter() - started)

    def probabilities(self, image: Image.Image) -> np.ndarray:
        """Compute the probabilities of all classes at working size.

        Args:
            image: Mode RGB.

        Returns:
            float32 `[C, h, w]` in 0..1, to be stretched to the image.
        """
        small = image.resize(working_size(image.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return agree_on_clothes(self._network_probabilities(small), small)

    @torch.inference_mode()
    def _network_probabilities(self, small: Image.Image) -> np.ndarray:
        """Return the probabilities of the network at the size of an image, float32 `[C, h, w]`."""
        x = to_tensor(small).to(self._device)
        # A coat on the left is one on the right: the mean over both is surer.
        x = torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)
        with self._lock:
            logits = self.network(x).float()
        mean = (logits[0] + logits[1].flip(-1)) / 2
        values: np.ndarray = mean.softmax(0).cpu().numpy()
        return values


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height at which the network sees an image.

    >>> working_size((4000, 3000)), working_size((100, 200)), working_size((5000, 1))
    ((320, 256), (192, 416), (1024, 32))
    """
    scale = WORKING_SIDE / math.sqrt(size[0] * size[1])
    sides = (round(side * scale / MULTIPLE) * MULTIPLE for side in size)
    width, height = (min(max(side, MULTIPLE), MAX_SIDE) for side in sides)
    return width, height
