"""Poolings of feature maps into global descriptors.

Each maps `[B, K, h, w]` to `[B, K]`, not yet of unit length. Negative values count as 0, since the published
poolings expect maps after a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-6


def mac(x: Tensor) -> Tensor:
    """Pool by MAC, the maximum activation of each channel.

    Tolias, Sicre and Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, equation 2; first in Razavian et al., "Visual instance retrieval with deep convolutional networks".

    >>> mac(torch.tensor([[[[1.0, 4.0], [2.0, 0.0]]]]))
    tensor([[4.]])
    """
    return x.clamp(min=0).amax((-2, -1))


def spoc(x: Tensor, center: float | None = None) -> Tensor:
    """Pool by SPoC, the sum over positions, taken as a mean so that the size of the map does not matter.

    Babenko and Lempitsky, "Aggregating deep convolutional features for image retrieval", ICCV 2015, equation
    1; with the centering prior, equations 2 and 3.

    Args:
        x: Maps `[B, K, h, w]`.
        center: Standard deviation of the Gaussian centering prior, as a fraction of the distance from the
            center to the nearest border (paper: 1/3, for sets of buildings); None for no prior.

    >>> spoc(torch.tensor([[[[1.0, 4.0], [2.0, 1.0]]]]))
    tensor([[2.]])
    """
    x = x.clamp(min=0)
    if center is None:
        return x.mean((-2, -1))
    height, width = x.shape[-2:]
    sigma = center * min(height, width) / 2
    down, across = (
        torch.exp(-(((torch.arange(n, device=x.device) - (n - 1) / 2) / sigma) ** 2) / 2).to(x.dtype)
        for n in (height, width)
    )
    weight = down[:, None] * across
    return (x * (weight / weight.sum())).sum((-2, -1))


def crow(x: Tensor, a: float = 2.0, b: float = 2.0) -> Tensor:
    """Pool by CroW, cross-dimensional weighting of strong positions and rare channels.

    Kalantidis, Mellina and Osindero, "Cross-dimensional weighting for aggregated deep convolutional
    features", ECCV 2016 workshops, equations 2 to 8 with the paper's a = b = 2. The weight of a position is
    the sum of its channels, normalised over the map; that of a channel the log of its inverse frequency above
    0, relative to all channels.

    Args:
        x: Maps `[B, K, h, w]`.
        a: Order of the norm by which the sums of the positions are divided.
        b: Root that is then taken.

    >>> crow(torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]])).argmax(1)  # the first channel is rarer
    tensor([0])
    """
    x = x.clamp(min=0)
    sums = x.sum(1, keepdim=True)
    norm = (sums**a).sum((-2, -1), keepdim=True) ** (1 / a)
    weight = (sums / norm.clamp(min=EPSILON)) ** (1 / b)
    filled = (x > 0).to(x.dtype).mean((-2, -1))
    rarity = torch.log((filled.sum(1, keepdim=True) + EPSILON) / (filled + EPSILON))
    # a channel that is 0 everywhere stays 0, however rare it is
    return (x * weight).sum((-2, -1)) * rarity


def gem(x: Tensor, power: float = 3.0) -> Tensor:
    """Pool by GeM, the generalised mean: the mean at power 1, the maximum as the power grows.

    Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 41(7), 2019,
    equation 3; their networks start from power 3.

    >>> gem(torch.tensor([[[[3.0, 0.0], [0.0, 3.0]]]]), power=1.0)
    tensor([[1.5000]])
    """
    return x.clamp(min=EPSILON).pow(power).mean((-2, -1)).pow(1 / power)


def rmac_regions(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """Return the square regions of R-MAC on a map as (top, left, side), level by level.

    Tolias, Sicre and Jegou, section 4.1: at level l, l by (l + m - 1) squares of side 2 min(h, w) / (l + 1),
    evenly spread; m is chosen so that neighbors at level 1 overlap by 40 % as nearly as possible.

    >>> rmac_regions(2, 4, levels=1)
    [(0, 0, 2), (0, 1, 2), (0, 2, 2)]
    """
    short, long = min(height, width), max(height, width)
    extra = 0
    if long > short:
        steps = range(1, 7)
        extra = min(steps, key=lambda n: abs(1 - (long - short) / n / short - 0.4))
    regions = []
    for level in range(1, levels + 1):
        side = max(2 * short // (level + 1), 1)
        rows = level + extra if height > width else level
        columns = level + extra if width > height else level
        tops = np.rint(np.linspace(0, height - side, rows)).astype(int).tolist()
        lefts = np.rint(np.linspace(0, width - side, columns)).astype(int).tolist()
        # a small map has fewer positions than a level asks for
        regions += [(top, left, side) for top in dict.fromkeys(tops) for left in dict.fromkeys(lefts)]
    return regions


def rmac(x: Tensor, levels: int = 3) -> Tensor:
    """Pool by R-MAC, the sum of the unit-length MACs of `rmac_regions` and of the whole map.

    Tolias, Sicre and Jegou, section 4.1, without the whitening of each region.
    """
    pooled = F.normalize(mac(x), dim=-1)
    height, width = x.shape[-2:]
    for top, left, side in rmac_regions(height, width, levels):
        pooled = pooled + F.normalize(mac(x[..., top : top + side, left : left + side]), dim=-1)
    return pooled


#: Poolings by name.
POOLINGS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"mac": mac, "spoc": spoc, "crow": crow, "gem": gem, "rmac": rmac}
)


def power_normalize(x: Tensor, exponent: float = 0.5) -> Tensor:
    """Apply `sign(x) |x|^exponent`, which damps bursts (Perronnin et al., ECCV 2010, section 3.1).

    >>> power_normalize(torch.tensor([4.0, -9.0]))
    tensor([ 2., -3.])
    """
    return x.sign() * x.abs() ** exponent


def combine_scales(vectors: Sequence[Tensor]) -> Tensor:
    """Combine descriptors of the same images at several sizes into their unit-length sum.

    Args:
        vectors: At least one `[B, D]`.

    >>> combine_scales([torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])])
    tensor([[0.7071, 0.7071]])
    """
    return F.normalize(torch.stack([F.normalize(vector, dim=-1) for vector in vectors]).sum(0), dim=-1)
