"""Instance normalisation whose statistics can be shared between the tiles of a large image.

Ulyanov et al., "Improved Texture Networks", CVPR 2017, normalise every channel of every image by its own mean
and variance. Tiles that are normalised one by one differ in contrast and color, and their borders show. Chen
et al., "Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization", AAAI 2022,
therefore take the statistics of all tiles from one thumbnail of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-5

Statistics = dict[nn.Module, list[tuple[Tensor, Tensor]]]

# Of the current thread: what the layers record, and what they take instead of their own statistics.
_recorded: ContextVar[Statistics | None] = ContextVar("recorded statistics", default=None)
_shared: ContextVar[tuple[Statistics, dict[nn.Module, int]] | None] = ContextVar(
    "shared statistics", default=None
)


def instance_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance over the positions of maps `[B, K, H, W]`, each `[B, K, 1, 1]`."""
    # On a CPU `torch.var_mean` over positions takes ten times as long as these two passes.
    mean = x.mean((-2, -1), keepdim=True)
    return mean, (x - mean).square().mean((-2, -1), keepdim=True)


class InstanceNorm2d(nn.Module):
    """Instance normalisation with a learned scale and shift per channel.

    Inside `shared_statistics` every call takes the statistics that its counterpart on the thumbnail had, so
    a layer may be used several times in a forward pass.

    Args:
        channels: Number of channels, K.

    Shape:
        Input and output `[B, K, H, W]`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return normalize(self, x, self.weight, self.bias)


class ConditionalInstanceNorm2d(nn.Module):
    """Instance normalisation whose scale and shift are linear functions of a condition.

    Dumoulin et al., "A Learned Representation for Artistic Style", ICLR 2017. Works inside
    `shared_statistics`, as `InstanceNorm2d` does.

    Args:
        channels: Number of channels, K.
        condition: Length of the condition, D.

    Shape:
        Input `[B, K, H, W]` and condition `[B, D]`, output `[B, K, H, W]`.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.affine = nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.1 * condition**-0.5)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.affine(condition).chunk(2, 1)
        if len(x) == 1:
            return normalize(self, x, 1 + scale[0], shift[0])
        return torch.addcmul(shift[..., None, None], normalize(self, x), 1 + scale[..., None, None])


def normalize(
    layer: nn.Module, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Return maps with mean 0 and variance 1, by their own statistics or by those of the thumbnail.

    Args:
        layer: Layer on whose behalf the maps are normalised; identifies its statistics.
        x: `[B, K, H, W]`.
        weight: Scale of the result, `[K]`; 1 by default.
        bias: Shift of the result, `[K]`; 0 by default.
    """
    shared = _shared.get()
    if shared is not None:
        statistics, calls = shared
        calls[layer] = (calls.get(layer, -1) + 1) % len(statistics[layer])
        mean, variance = statistics[layer][calls[layer]]
        # Batch normalisation with fixed statistics, since there is no such kernel for instances.
        return F.batch_norm(x, mean.flatten(), variance.flatten(), weight, bias, False, 0.0, EPSILON)
    recorded = _recorded.get()
    if recorded is not None:
        recorded.setdefault(layer, []).append(instance_statistics(x.float()))
    # With a group per channel this is instance normalisation, and ten times as fast on a CPU as its formula.
    return F.group_norm(x, x.shape[1], weight, bias, EPSILON)


@contextmanager
def shared_statistics(
    network: Callable[..., Tensor], thumbnail: Tensor, *conditions: Tensor
) -> Iterator[None]:
    """Run a network on a thumbnail, and let it use the thumbnail's statistics until the block ends.

    Holds for the calling thread only.

    Args:
        network: Network, or a function that calls it, with layers of this module.
        thumbnail: `[1, C, h, w]`, the whole image at a smaller size; a batch of one, as the tiles are.
        conditions: Further arguments of the network's forward pass.

    >>> layer = InstanceNorm2d(1)
    >>> bright = torch.tensor([[[[4.0, 6.0]]]])
    >>> with torch.no_grad(), shared_statistics(layer, torch.tensor([[[[0.0, 2.0]]]])):
    ...     [round(value, 2) for value in layer(bright).flatten().tolist()]
    [3.0, 5.0]
    """
    recorded: Statistics = {}
    token = _recorded.set(recorded)
    try:
        network(thumbnail, *conditions)
    finally:
        _recorded.reset(token)
    shared = _shared.set((recorded, {}))
    try:
        yield
    finally:
        _shared.reset(shared)
