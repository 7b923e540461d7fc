"""Interface of the detectors behind `EdgeDetector`; a new model or operator implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from PIL import Image
from torch import Tensor


class EdgeBackend(ABC):
    """Edge detector for RGB images of any size. Implementations are safe to call from many threads.

    Attributes:
        threshold: Default strength from which a pixel belongs to a line, 0..1.
    """

    threshold: float

    @abstractmethod
    def edge_maps(self, image: Image.Image) -> Tensor:
        """Compute the edge strength of each pixel.

        Args:
            image: Mode RGB.

        Returns:
            `[6, H, W]`, float32 in 0..1 on the CPU: five side outputs from fine to coarse, then the edges.
        """
