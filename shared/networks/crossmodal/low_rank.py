"""Low-rank updates of trained weights: a small file changes a network in place of a second copy of it.

A matrix W becomes W + U D, whose factors have few rows and columns (Hu et al., "LoRA: Low-Rank Adaptation of
Large Language Models", ICLR 2022).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

#: Endings of the names of the factors in a state.
UP, DOWN = ".up", ".down"


class LowRankUpdate(nn.Module):
    """Parametrization of a matrix by an update of low rank, which is zero before the training.

    Args:
        matrix: The matrix, `[rows, columns]`.
        rank: Rank of the update.
    """

    def __init__(self, matrix: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = matrix.shape
        self.down = nn.Parameter(torch.randn(rank, columns) * columns**-0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, matrix: Tensor) -> Tensor:
        return matrix + self.up @ self.down


def add_low_rank_updates(network: nn.Module, rank: int) -> None:
    """Prepare a network for the training of updates: of its matrices by factors, of all vectors as they are.

    Args:
        network: Network, whose matrices no longer change.
        rank: Rank of the updates.
    """
    for module in list(network.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim == 2:
                parameter.requires_grad_(False)
                parametrize.register_parametrization(module, name, LowRankUpdate(parameter, rank))


def low_rank_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the factors of each matrix and the vectors of a network with updates, by their plain names."""
    state = {}
    for prefix, module in network.named_modules():
        start = f"{prefix}." if prefix else ""
        if isinstance(module, LowRankUpdate):
            matrix = start.replace("parametrizations.", "").removesuffix(".0.")
            state[matrix + UP], state[matrix + DOWN] = module.up.detach(), module.down.detach()
        else:
            vectors = module.named_parameters(recurse=False)
            state |= {start + name: vector.detach() for name, vector in vectors if vector.requires_grad}
    return state


@torch.no_grad()
def merge_low_rank_state(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Change the weights of a network by those of `low_rank_state`.

    Raises:
        ValueError: A name or a shape does not fit.
    """
    parameters = dict(network.named_parameters())
    for name, value in state.items():
        matrix = name.removesuffix(UP)
        if name.endswith(DOWN):
            continue
        try:
            change = value.float() @ state[matrix + DOWN].float() if matrix != name else value.float()
            parameter = parameters[matrix]
            if parameter.shape != change.shape:
                raise ValueError(f"{name} has the shape {tuple(change.shape)}")
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{name} does not fit the network") from error
        parameter.copy_(parameter + change if matrix != name else change)
