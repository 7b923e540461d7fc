"""DINOv2 with registers as a descriptor of images: its class token, and GeM over its patch tokens.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024; Darcet et al., "Vision
Transformers Need Registers", ICLR 2024. Both vectors have unit length before they are joined, so that a
cosine of two descriptors is the mean of both cosines; PCA whitening follows where one has been fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.hub_networks.network import HubModel, HubNetwork
from shared.core.hub_networks.pixels import network_pixels
from shared.retrieval.descriptor.pooling import gem

#: Side of a patch, and the longer side of the network's input, both in pixels.
PATCH, LONG_SIDE = 14, 322
GEM_POWER = 3.0


class Dinov2Descriptor(HubModel):
    """Descriptor of images; safe to call from many threads. `Dinov2Descriptor.load` returns one.

    Args:
        files: `Dinov2WithRegistersModel`.

    Attributes:
        whitening: Whitening of the descriptors, see `shared.retrieval.hub.whitening`; None for none.
    """

    def __init__(self, files: HubNetwork) -> None:
        super().__init__(files)
        self.whitening: Callable[[Tensor], Tensor] | None = None
        self.on_cpu = files.device.type == "cpu"

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import Dinov2WithRegistersModel

        return Dinov2WithRegistersModel, None

    def __call__(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the descriptors of RGB images, float32 `[N, D]` of unit length."""
        descriptors = torch.stack([self._join(*self.tokens(image)) for image in images])
        return (descriptors if self.whitening is None else self.whitening(descriptors)).numpy()

    def tokens(self, image: Image.Image) -> tuple[Tensor, Tensor]:
        """Return the class token, `[K]`, and the map of the patch tokens, `[K, h, w]`, of an image."""
        width, height = working_size(image.size)
        pixels = network_pixels(image, (width, height))
        batch = self.files.inputs({"pixel_values": pixels})
        output = self.files.run(lambda network: network(**batch).last_hidden_state)[0].float().cpu()
        patches = output[1 + self.files.config.num_register_tokens :]
        return output[0], patches.T.reshape(-1, height // PATCH, width // PATCH)

    def _join(self, token: Tensor, patches: Tensor) -> Tensor:
        pooled = gem(patches[None], GEM_POWER)[0]
        return torch.cat([F.normalize(token, dim=0), F.normalize(pooled, dim=0)]) / 2**0.5


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height, in whole patches, at which an image of a size is described.

    >>> working_size((640, 480)), working_size((10, 1000))
    ((322, 238), (14, 322))
    """
    scale = LONG_SIDE / max(size)
    width, height = (max(round(length * scale / PATCH), 1) * PATCH for length in size)
    return width, height
