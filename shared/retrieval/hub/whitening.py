"""Whitening of the descriptors of a network of the Hub; `shared.retrieval.train hub-whitening` learns one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.core.engines import Engine
from shared.core.hub_networks.fitted import check_network
from shared.networks.hub_mixin import HubMixin
from shared.retrieval.descriptor.whitening import Whitening


class HubWhitening(nn.Module, HubMixin, pipeline_tag="image-feature-extraction", tags=["image-retrieval"]):
    """Whitening as a network, so that it is stored as the others are.

    Args:
        length: Length of a descriptor.
        dims: Length of the whitened descriptor.

    Attributes:
        mean: `[length]`, see `shared.retrieval.descriptor.whitening.Whitening`. Until `whiten` is called or
            weights are loaded, the whitening keeps the first `dims` numbers unchanged.
        projection: `[dims, length]`.
    """

    mean: Tensor
    projection: Tensor

    def __init__(self, length: int, dims: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("projection", torch.eye(dims, length))

    def forward(self, x: Tensor) -> Tensor:
        """Whiten descriptors `[N, length]` to `[N, dims]` of unit length."""
        return F.normalize((x - self.mean) @ self.projection.T, dim=-1)

    def whiten(self, whitening: Whitening) -> None:
        """Adopt a whitening.

        Raises:
            RuntimeError: It has another size.
        """
        state = {"mean": whitening.mean, "projection": whitening.projection}
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})


def load_whitening(
    name: str, engine: Engine[Any], network_folder: Path, *, folder: str | os.PathLike | None = None
) -> HubWhitening | None:
    """Load the whitening of a network, if there is one on this machine; nothing is downloaded.

    Args:
        name: Name of its weights.
        engine: Row of the network.
        network_folder: Folder of the network's files.
        folder: Folder of the whitening, if it is known; then it must be there.

    Raises:
        WeightsError: It cannot be used, or was fitted to another network.
    """
    path = weights.find_local(name) if folder is None else weights.find(name, folder=folder)
    if path is None:
        return None
    check_network(path, engine, network_folder)
    return weights.load(HubWhitening, name, folder=path)
