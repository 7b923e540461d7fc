"""Operators that several networks share: fusions, exact enlarging, mirrored borders, a step down a path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FUSIONS = ("lc", "conv", "sum", "none")


def locally_connected_fusion(branches: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Weighs every channel of every branch by a number of its own and adds the branches up.

    `f_c = sum_g w_gc * s_gc + b_c`, without the activation that follows (Liu, Guo and Lew, "On the
    Exploration of Convolutional Fusion Networks for Visual Recognition", MMM 2017, section 3.2). A sum fixes
    all weights at 1; a 1x1 convolution over the branches gives each branch one weight for all channels.

    Args:
        branches: `[B, G, K]` or `[B, G, K, H, W]`: G branches of K channels, vectors or maps.
        weight: `[G, K]`; or `[G, 1]`, which is the 1x1 convolution.
        bias: `[K]` or `[1]`, or None for none.

    Returns:
        `[B, K]` or `[B, K, H, W]`.

    Raises:
        ValueError: the weight or the bias does not fit the branches.

    >>> branches = torch.tensor([[[1.0, 2.0], [10.0, 20.0]]])
    >>> locally_connected_fusion(branches, torch.tensor([[1.0, 0.0], [0.5, 1.0]]))
    tensor([[ 6., 20.]])
    """
    if branches.ndim < 3:
        raise ValueError(f"branches must be [B, G, K] or [B, G, K, H, W], got {tuple(branches.shape)}")
    groups, channels = branches.shape[1:3]
    if weight.ndim != 2 or weight.shape[0] != groups or weight.shape[1] not in (1, channels):
        raise ValueError(f"weight must be [{groups}, {channels}] or [{groups}, 1], got {tuple(weight.shape)}")
    if bias is not None and tuple(bias.shape) not in ((1,), (channels,)):
        raise ValueError(f"bias must be [{channels}] or [1], got {tuple(bias.shape)}")
    positions = (1,) * (branches.ndim - 3)
    fused = (branches * weight.view(1, groups, -1, *positions)).sum(1)
    return fused if bias is None else fused + bias.view(1, -1, *positions)


class Fusion(nn.Module):
    """Fuses branches of equal width, in one of the ways that CFN's paper compares.

    Args:
        branches: G, how many.
        channels: K, of each.
        kind: `"lc"`, a weight per branch and channel; `"conv"`, a weight per branch; `"sum"`, no weight;
            `"none"`, the first branch alone, which is the network without fusion.
        start: first value of all weights, or one value per branch; by default `1 / branches`.
        bias: whether a bias is learned, per channel for `"lc"` and one for `"conv"`.

    Attributes:
        weight: `[G, K]` for `"lc"`, `[G, 1]` for `"conv"`, else None.
        bias: `[K]` for `"lc"`, `[1]` for `"conv"`, else None.

    Shape:
        input `[B, G, K]` or `[B, G, K, H, W]`, output the same without G.

    Raises:
        ValueError: there is no such kind, or `start` is not one value or G values.
    """

    def __init__(
        self,
        branches: int,
        channels: int,
        *,
        kind: str = "lc",
        start: float | Sequence[float] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if kind not in FUSIONS:
            raise ValueError(f"the fusion must be one of {', '.join(FUSIONS)}, got {kind!r}")
        self.kind = kind
        width = {"lc": channels, "conv": 1}.get(kind, 0)
        first = torch.tensor(1 / branches if start is None else start, dtype=torch.float32)
        if first.shape not in ((), (branches,)):
            raise ValueError(f"start must be one number or {branches} of them, got {start!r}")
        first = first.expand(branches)
        self.weight = nn.Parameter(first[:, None].repeat(1, width)) if width else None
        self.bias = nn.Parameter(torch.zeros(width)) if width and bias else None

    def forward(self, branches: Tensor) -> Tensor:
        if self.kind == "none":
            return branches[:, 0]
        if self.kind == "sum":
            return branches.sum(1)
        return locally_connected_fusion(branches, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"


def upsample(x: Tensor, size: Sequence[int], factor: int) -> Tensor:
    """Bilinear enlargement by a whole factor, cropped to `size` (rows, columns); cells stay aligned."""
    if factor > 1:
        x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    return x[..., : size[0], : size[1]]


def extend(x: Tensor, margin: int) -> Tensor:
    """Adds `margin` mirrored columns on the right and rows at the bottom, whatever the size of the picture.

    >>> extend(torch.tensor([[[[1, 2, 3]]]]), 5)[0, 0, 0]
    tensor([1, 2, 3, 2, 1, 2, 3, 2])
    """
    for axis in (-2, -1):
        period = max(2 * (x.shape[axis] - 1), 1)
        steps = torch.arange(x.shape[axis] + margin, device=x.device) % period
        x = x.index_select(axis, torch.minimum(steps, period - steps))
    return x


class Merge(nn.Module):
    """One step down the path: the coarser map, narrowed and doubled, is added to the finer one and mixed.

    Args:
        below: channels of the finer map.
        above: channels of the coarser map.
        width: channels of the result.
        factor: how much finer it is; 1 where both have the same resolution.
    """

    def __init__(self, below: int, above: int, width: int, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor
        self.lateral = nn.Conv2d(below, width, 1)
        self.narrow = nn.Conv2d(above, width, 1)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, below: Tensor, above: Tensor) -> Tensor:
        x = F.relu(self.lateral(below) + upsample(self.narrow(above), below.shape[-2:], self.factor))
        return x + F.relu(self.mix(self.depthwise(x)))
