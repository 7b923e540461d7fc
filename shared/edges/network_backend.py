"""Edge networks as a backend: `RDS`, and networks with the same interface."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from shared.core import weights
from shared.core.cpu_runtime import compiled
from shared.core.engines import Engine
from shared.core.images import to_tensor
from shared.core.models import load_network
from shared.edges.backend import EdgeBackend

DEFAULT_THRESHOLD = 0.5  # of weights that name none


class NetworkBackend(EdgeBackend):
    """A network that maps `[1, 3, H, W]`, RGB in 0..1, to logits `[1, 6, H, W]`.

    Args:
        network: The network on its device, in eval mode.
        threshold: See `EdgeBackend`.
    """

    def __init__(self, network: nn.Module, threshold: float = DEFAULT_THRESHOLD) -> None:
        self.network = network
        self._compiled = compiled(network)
        self.threshold = threshold
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    @classmethod
    def load(
        cls,
        engine: Engine,
        network_class: type[nn.Module],
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> NetworkBackend:
        """Load a network with the weights of an engine; see `shared.core.models.load_network`.

        Raises:
            WeightsError: The weights cannot be used, or their threshold is not in 0..1.
        """
        network, folder = load_network(
            engine, network_class, folder=folder, device=device, allow_hub=allow_hub
        )
        return cls(network, _read_threshold(folder))

    @torch.inference_mode()
    def edge_maps(self, image: Image.Image) -> Tensor:
        x = to_tensor(image).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            maps: Tensor = self._compiled(x)[0].float().sigmoid_().cpu()
            return maps


def _read_threshold(folder: Path) -> float:
    threshold = weights.read_config(folder).get("threshold", DEFAULT_THRESHOLD)
    if not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise weights.WeightsError(
            f"{folder / weights.CONFIG}: the threshold must be a number in 0..1, received {threshold!r}."
        )
    return float(threshold)
