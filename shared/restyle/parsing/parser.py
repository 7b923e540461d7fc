"""Clothes parsing of photos: the network at moderate size, and its classes as an outfit."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from shared.core.images import to_tensor
from shared.core.predictors import NetworkPredictor
from shared.core.tiling import working_size
from shared.networks.parsing import ParsingNetwork
from shared.restyle.parsing.consistency import agree_on_clothes
from shared.restyle.parsing.pixel_parser import PixelParser

WORKING_SIDE = 288  # the network sees as many pixels as a square of this side has
MAX_SIDE = 1024  # of its input


class OutfitParser(PixelParser, NetworkPredictor[ParsingNetwork]):
    """Finds what people wear in photos of any size. Safe to call from many threads at once.

    Args:
        network: The network on its device, in eval mode.
    """

    NETWORK = ParsingNetwork
    WEIGHTS = "restyle-parsing"

    def probabilities(self, image: Image.Image) -> np.ndarray:
        """Compute the probabilities of all classes at working size.

        Args:
            image: Mode RGB.

        Returns:
            float32 `[C, h, w]` in 0..1, to be stretched to the image.
        """
        small = image.resize(
            working_size(image.size, WORKING_SIDE, MAX_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0
        )
        return agree_on_clothes(self._network_probabilities(small), small)

    @torch.inference_mode()
    def _network_probabilities(self, small: Image.Image) -> np.ndarray:
        """Return the probabilities of the network at the size of an image, float32 `[C, h, w]`."""
        x = to_tensor(small).to(self._device)
        # A coat on the left is one on the right: the mean over both is surer.
        x = torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)
        with self._lock:
            logits = self._compiled(x).float()
        mean = (logits[0] + logits[1].flip(-1)) / 2
        values: np.ndarray = mean.softmax(0).cpu().numpy()
        return values
