"""Interface of the colorization models behind `Colorizer`; a new model implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class ColorizationBackend(ABC):
    """Model that guesses the colors of a grey image. Implementations are safe to call from many threads."""

    @abstractmethod
    def chroma(self, lightness: np.ndarray) -> np.ndarray:
        """Guess the colors of an image.

        Args:
            lightness: L of CIE Lab, float32 `[H, W]` in 0..100, any size.

        Returns:
            a and b of CIE Lab, float32 `[H, W, 2]`.
        """
