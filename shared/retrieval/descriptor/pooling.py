"""Global descriptors: a picture's feature maps become one vector, whose cosines say what looks alike.

The poolings share one face: maps `[B, K, h, w]` in, vectors `[B, K]` out, not yet of length 1. Values below 0
count as 0: the published poolings expect maps that come out of a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-6


def mac(x: Tensor) -> Tensor:
    """MAC, maximum activations of convolutions: the greatest value of each channel.

    Tolias, Sicre and Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, equation 2; first in Razavian et al., "Visual instance retrieval with deep convolutional networks".

    >>> mac(torch.tensor([[[[1.0, 4.0], [2.0, 0.0]]]]))
    tensor([[4.]])
    """
    return x.clamp(min=0).amax((-2, -1))


def spoc(x: Tensor, center: float | None = None) -> Tensor:
    """SPoC, sum-pooled convolutional features, as a mean so that the map's size does not count.

    Babenko and Lempitsky, "Aggregating deep convolutional features for image retrieval", ICCV 2015, equation
    1; with the centering prior, equations 2 and 3.

    Args:
        x: `[B, K, h, w]`.
        center: deviation of the Gaussian around the picture's center, as a share of the distance from there
            to the nearest border (the paper: 1/3, for sets of buildings); None for no prior.

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
    """CroW, cross-dimensional weighting: strong positions and rare channels count more.

    Kalantidis, Mellina and Osindero, "Cross-dimensional weighting for aggregated deep convolutional
    features", ECCV 2016 workshops, equations 2 to 8 with the paper's a = b = 2. A position's weight is the
    sum of its channels, normalised over the map; a channel's is the logarithm of how much rarer than all
    channels together it is above 0.

    Args:
        x: `[B, K, h, w]`.
        a: which norm of the positions' sums they are divided by.
        b: the root that is then taken.

    >>> crow(torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]])).argmax(1)  # the first channel is the rarer one
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
    """GeM, generalised-mean pooling: the mean at power 1, nearer to the maximum the higher the power.

    Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 41(7), 2019,
    equation 3; their networks start from power 3.

    >>> gem(torch.tensor([[[[3.0, 0.0], [0.0, 3.0]]]]), power=1.0)
    tensor([[1.5000]])
    """
    return x.clamp(min=EPSILON).pow(power).mean((-2, -1)).pow(1 / power)


def regions(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """The square regions of R-MAC on a map, as (top, left, side), level by level.

    Tolias, Sicre and Jegou, section 4.1: at level l, l by (l + m - 1) squares of side 2 min(h, w) / (l + 1),
    spread evenly; m is chosen so that neighbors on level 1 overlap as nearly as can be by 40 %.

    >>> regions(2, 4, levels=1)
    [(0, 0, 2), (0, 1, 2), (0, 2, 2)]
    """
    short, long = min(height, width), max(height, width)
    extra = 0
    if long > short:
        steps = range(1, 7)
        extra = min(steps, key=lambda n: abs(1 - (long - short) / n / short - 0.4))
    found = []
    for level in range(1, levels + 1):
        side = max(2 * short // (level + 1), 1)
        rows = level + extra if height > width else level
        columns = level + extra if width > height else level
        tops = np.rint(np.linspace(0, height - side, rows)).astype(int).tolist()
        lefts = np.rint(np.linspace(0, width - side, columns)).astype(int).tolist()
        # a small map has fewer places than a level asks for
        found += [(top, left, side) for top in dict.fromkeys(tops) for left in dict.fromkeys(lefts)]
    return found


def rmac(x: Tensor, levels: int = 3) -> Tensor:
    """R-MAC, regional MAC: the sum of the MACs of `regions` and of the whole map, each of length 1.

    Tolias, Sicre and Jegou, section 4.1, without the whitening of each region.
    """
    parts = [x]
    for top, left, side in regions(*x.shape[-2:], levels):
        parts.append(x[..., top : top + side, left : left + side])
    return sum(l2_normalise(mac(part)) for part in parts)


#: Poolings by name.
POOLINGS: MappingProxyType[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"mac": mac, "spoc": spoc, "crow": crow, "gem": gem, "rmac": rmac}
)


def l2_normalise(x: Tensor) -> Tensor:
    """Vectors `[..., D]` brought to length 1; zeros stay zeros.

    >>> l2_normalise(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    return F.normalize(x, dim=-1)


def power_normalise(x: Tensor, exponent: float = 0.5) -> Tensor:
    """`sign(x) |x|^exponent`, which tames values that stand out (Perronnin et al., ECCV 2010, section 3.1).

    >>> power_normalise(torch.tensor([4.0, -9.0]))
    tensor([ 2., -3.])
    """
    return x.sign() * x.abs() ** exponent


def combine_scales(vectors: Sequence[Tensor]) -> Tensor:
    """One descriptor from those of the same pictures at several sizes: their sum, brought to length 1.

    Args:
        vectors: `[B, D]` for each size, at least one.

    >>> combine_scales([torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])])
    tensor([[0.7071, 0.7071]])
    """
    return l2_normalise(torch.stack([l2_normalise(vector) for vector in vectors]).sum(0))
