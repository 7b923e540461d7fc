"""From an engine's row to its network, ready to run."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from shared.core import devices, weights
from shared.core.engines import Engine


def load_network(
    engine: Engine,
    network_class: type[nn.Module],
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> tuple[nn.Module, Path]:
    """Loads the network of an engine.

    Args:
        engine: One with weights.
        network_class: See `shared.core.weights.load`.
        folder: Weights to use in place of the engine's own.
        device: Where the network runs; by default the best there is.
        allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of the
            Hub always may: to choose it is to ask for them.

    Returns:
        The network in eval mode, and the folder of its weights, whose configuration the doer reads.

    Raises:
        WeightsError: The weights cannot be used.
    """
    folder = weights.find(engine.weights, folder=folder, allow_hub=allow_hub or engine.from_hub)
    network = weights.load(network_class, engine.weights, folder=folder)
    device = torch.device(device or devices.default_device())
    if device.type == "cpu":
        devices.keep_freed_memory()
    # Depthwise convolutions on a CPU are half as fast again in this layout.
    return network.to(device, memory_format=torch.channels_last), folder
