"""`Colorization` as a backend: it sees a small image, and its chroma follows the edges of the full one."""

from __future__ import annotations

import os
import threading

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core.cpu_runtime import compiled
from shared.core.engines import Engine
from shared.core.models import load_network
from shared.networks.colorization import Colorization, annealed_mean
from shared.translation.colorization.backend import ColorizationBackend

# Shorter and longer side of the image that the network sees, in pixels.
SHORT_SIDE, MAX_LONG_SIDE, MIN_SIDE = 160, 480, 32
# Window of the guided filter as a share of the longer side, and its regularisation for a guide in 0..1.
WINDOW, EPSILON = 0.03, 1e-3
MAX_SAMPLES = 700  # along the longer side, from which the filter computes its coefficients


class NetworkBackend(ColorizationBackend):
    """Colorization network.

    Args:
        network: The network on its device, in eval mode.
    """

    def __init__(self, network: Colorization) -> None:
        self.network = network
        self._compiled = compiled(network)
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> NetworkBackend:
        """Load the network with the weights of an engine; see `shared.core.models.load_network`.

        Raises:
            WeightsError: The weights cannot be used.
        """
        network, _ = load_network(engine, Colorization, folder=folder, device=device, allow_hub=allow_hub)
        return cls(network)

    @torch.inference_mode()
    def chroma(self, lightness: np.ndarray) -> np.ndarray:
        full = torch.from_numpy(lightness)[None, None]
        small = F.interpolate(full, working_size(*lightness.shape), mode="bilinear", antialias=True)
        x = small.to(self._device, memory_format=torch.channels_last)
        with self._lock:
            # The mirror image has the same colors; the mean of both is calmer than either.
            logits = self._compiled(x) + self._compiled(x.flip(-1)).flip(-1)
            chroma = annealed_mean(logits / 2, self.network.palette).float().cpu()
        return upsample_chroma(chroma, full / 100)[0].permute(1, 2, 0).numpy()


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width at which the network sees an image.

    >>> working_size(3000, 4000), working_size(1, 1), working_size(100, 4000)
    ((160, 213), (160, 160), (32, 480))
    """
    scale = min(SHORT_SIDE / min(height, width), MAX_LONG_SIDE / max(height, width))
    return max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))


def upsample_chroma(chroma: Tensor, guide: Tensor) -> Tensor:
    """Enlarge chroma so that its borders follow those of the image, by a fast guided filter.

    He and Sun, "Fast Guided Filter", 2015.

    Args:
        chroma: `[1, 2, h, w]`.
        guide: Lightness in 0..1, `[1, 1, H, W]`.

    Returns:
        `[1, 2, H, W]`.
    """
    from kornia.filters import guided_blur  # deferred: takes a second

    height, width = guide.shape[-2:]
    enlarged = F.interpolate(chroma, (height, width), mode="bilinear")
    longer = max(height, width)
    window = round(longer * WINDOW) // 2 * 2 + 1
    if window < 3 or min(height, width) <= window:  # too small for a window
        return enlarged
    return guided_blur(
        guide, enlarged, window, EPSILON, subsample=max(1, longer // MAX_SAMPLES), separable=True
    )
