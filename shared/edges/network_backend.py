"""Edge networks as a backend: `RDS`, and networks with the same interface."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
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
from shared.networks.rds import SIDES

DEFAULT_THRESHOLD = 0.5  # of weights that name none
FUSION_ALONE = (0.0,) * SIDES + (1.0,)


class NetworkBackend(EdgeBackend):
    """A network that maps `[1, 3, H, W]`, RGB in 0..1, to logits `[1, 6, H, W]`.

    The edges are a weighted mean of the six maps. HED averages its fusion with the side outputs, too (Xie and
    Tu, ICCV 2015, section 3.3): the fine ones have lines that the fusion, trained on outlines of objects,
    leaves out. A floor that fine texture reaches everywhere is cut off, and the strengths above it are scaled
    to 0..1.

    Args:
        network: The network on its device, in eval mode.
        threshold: See `EdgeBackend`.
        map_weights: Weights of the side outputs, fine to coarse, and of the fusion; at least one above 0.
        map_floor: Mean strength that counts as 0, in 0..1, 1 not included.
    """

    def __init__(
        self,
        network: nn.Module,
        threshold: float = DEFAULT_THRESHOLD,
        map_weights: Sequence[float] = FUSION_ALONE,
        map_floor: float = 0.0,
    ) -> None:
        self.network = network
        self._compiled = compiled(network)
        self.threshold = threshold
        weights_of_maps = torch.tensor(map_weights, dtype=torch.float32)
        self._map_weights = weights_of_maps / weights_of_maps.sum()
        self._map_floor = map_floor
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
            WeightsError: The weights cannot be used, their threshold or floor is not in 0..1, or their
                `map_weights` are not six numbers from 0.
        """
        network, folder = load_network(
            engine, network_class, folder=folder, device=device, allow_hub=allow_hub
        )
        return cls(
            network,
            _read_strength(folder, "threshold", DEFAULT_THRESHOLD),
            _read_map_weights(folder),
            _read_strength(folder, "map_floor", 0.0, maximum=0.99),
        )

    @torch.inference_mode()
    def edge_maps(self, image: Image.Image) -> Tensor:
        x = to_tensor(image).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            maps: Tensor = self._compiled(x)[0].float().sigmoid_().cpu()
        if self._map_weights[-1] < 1:
            maps[-1] = torch.tensordot(self._map_weights, maps, dims=1)
        if self._map_floor:
            maps[-1].sub_(self._map_floor).clamp_(min=0).div_(1 - self._map_floor)
        return maps


def _read_strength(folder: Path, name: str, default: float, *, maximum: float = 1.0) -> float:
    strength = weights.read_config(folder).get(name, default)
    if not isinstance(strength, (int, float)) or not 0 <= strength <= maximum:
        raise weights.WeightsError(
            f"{folder / weights.CONFIG}: the {name.replace('map_', '')} must be a number in 0..{maximum:g}, "
            f"received {strength!r}."
        )
    return float(strength)


def _read_map_weights(folder: Path) -> list[float]:
    values = weights.read_config(folder).get("map_weights", FUSION_ALONE)
    valid = isinstance(values, (list, tuple)) and len(values) == SIDES + 1 and any(values)
    if not valid or not all(isinstance(value, (int, float)) and value >= 0 for value in values):
        raise weights.WeightsError(
            f"{folder / weights.CONFIG}: map_weights must be {SIDES + 1} numbers from 0, not all of them 0, "
            f"received {values!r}."
        )
    return [float(value) for value in values]
