"""Common base of the networks that find garments: from the probabilities of pixels to an outfit."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

import numpy as np
from PIL import Image

from shared.core.images import Source, open_image
from shared.restyle.parsing.outfit import Outfit


class PixelParser(ABC):
    """Finds what people wear in photos of any size. Safe to call from many threads at once."""

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

    @abstractmethod
    def probabilities(self, image: Image.Image) -> np.ndarray:
        """Compute the probabilities of all classes at working size.

        Args:
            image: Mode RGB.

        Returns:
            float32 `[C, h, w]` in 0..1, to be stretched to the image.
        """
