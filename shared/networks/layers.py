"""Building blocks of several networks: branch fusion, upsampling, padding, top-down blocks, filters."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FUSIONS = ("lc", "conv", "sum", "none")


def locally_connected_fusion(branches: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sum branches with one weight per branch and channel.

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
        ValueError: The weight or the bias does not fit the branches.

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
    spatial = (1,) * (branches.ndim - 3)
    fused = (branches * weight.view(1, groups, -1, *spatial)).sum(1)
    return fused if bias is None else fused + bias.view(1, -1, *spatial)


class Fusion(nn.Module):
    """Fusion of branches of equal width, in one of the ways that the CFN paper compares.

    Args:
        branches: Number of branches, G.
        channels: Channels of each branch, K.
        kind: `"lc"`, a weight per branch and channel; `"conv"`, a weight per branch; `"sum"`, no weight;
            `"none"`, the first branch only, which is the network without fusion.
        initial: Initial value of all weights, or one value per branch; `1 / branches` by default.
        bias: True to learn a bias, per channel for `"lc"` and a single one for `"conv"`.

    Attributes:
        weight: `[G, K]` for `"lc"`, `[G, 1]` for `"conv"`, else None.
        bias: `[K]` for `"lc"`, `[1]` for `"conv"`, else None.

    Shape:
        Input `[B, G, K]` or `[B, G, K, H, W]`, output the same without G.

    Raises:
        ValueError: The kind is unknown, or `initial` is neither one value nor G values.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(
        self,
        branches: int,
        channels: int,
        *,
        kind: str = "lc",
        initial: float | Sequence[float] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if kind not in FUSIONS:
            raise ValueError(f"the fusion must be one of {', '.join(FUSIONS)}, got {kind!r}")
        self.kind = kind
        width = {"lc": channels, "conv": 1}.get(kind, 0)
        values = torch.tensor(1 / branches if initial is None else initial, dtype=torch.float32)
        if values.shape not in ((), (branches,)):
            raise ValueError(f"initial must be one number or {branches} numbers, got {initial!r}")
        values = values.expand(branches)
        self.weight = nn.Parameter(values[:, None].repeat(1, width)) if width else None
        self.bias = nn.Parameter(torch.zeros(width)) if width and bias else None

    def forward(self, branches: Tensor) -> Tensor:
        if self.weight is not None:
            return locally_connected_fusion(branches, self.weight, self.bias)
        return branches.sum(1) if self.kind == "sum" else branches[:, 0]

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"


def global_average_pool(maps: Tensor) -> Tensor:
    """Average feature maps over all positions, `[B, K, H, W]` to `[B, K]`."""
    return maps.mean((-2, -1))


def upsample(x: Tensor, size: Sequence[int], factor: int) -> Tensor:
    """Upsample maps bilinearly by an integer factor and crop them to a size.

    Every input cell covers exactly `factor` x `factor` output pixels, whatever the size.

    Args:
        x: `[B, K, h, w]`.
        size: Height and width of the result, at most `factor * h` and `factor * w`.
        factor: Scale factor, at least 1.

    Returns:
        `[B, K, *size]`.
    """
    if factor > 1:
        x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    return x[..., : size[0], : size[1]]


def mirror_pad(x: Tensor, margin: int) -> Tensor:
    """Append mirrored columns on the right and mirrored rows at the bottom.

    Unlike `F.pad(mode="reflect")`, the margin may be wider than the image itself.

    Args:
        x: `[B, K, H, W]`.
        margin: Number of columns and of rows to append.

    Returns:
        `[B, K, H + margin, W + margin]`.

    >>> mirror_pad(torch.tensor([[[[1, 2, 3]]]]), 5)[0, 0, 0]
    tensor([1, 2, 3, 2, 1, 2, 3, 2])
    """
    for axis in (-2, -1):
        side = x.shape[axis]
        period = 2 * (side - 1) + (side == 1)  # arithmetic, since a recorded `max` would keep one of both
        phase = torch.arange(side + margin, device=x.device) % period
        x = x.index_select(axis, torch.minimum(phase, period - phase))
    return x


class TopDownBlock(nn.Module):
    """One step of a top-down pathway: the narrowed and upsampled coarse map is added to the lateral map.

    The lateral connection follows Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017; a
    residual depthwise separable convolution mixes the sum.

    Args:
        lateral_channels: Channels of the finer, lateral map.
        top_channels: Channels of the coarser map.
        out_channels: Channels of the result.
        factor: Ratio of both resolutions; 1 if they are equal.

    Shape:
        `lateral` `[B, lateral_channels, H, W]` and `top` `[B, top_channels, >= H / factor, >= W / factor]`;
        output `[B, out_channels, H, W]`, 0 or above.
    """

    def __init__(self, lateral_channels: int, top_channels: int, out_channels: int, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor
        self.lateral = nn.Conv2d(lateral_channels, out_channels, 1)
        self.narrow = nn.Conv2d(top_channels, out_channels, 1)
        self.depthwise = nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=out_channels)
        self.mix = nn.Conv2d(out_channels, out_channels, 1)

    def forward(self, lateral: Tensor, top: Tensor) -> Tensor:
        top = upsample(self.narrow(top), lateral.shape[-2:], self.factor)
        x = F.relu(self.lateral(lateral) + top)
        return x + F.relu(self.mix(self.depthwise(x)))


class SmallDepthwiseConv2d(nn.Conv2d):
    """Depthwise convolution of stride 1 with a fast backward pass on small maps.

    On a CPU the backward pass of PyTorch's depthwise convolution takes four times as long as one product of
    matrices per channel, where a map has some dozens of cells. Larger maps, and passes without gradients,
    take the usual way. The results are the same.

    Args:
        channels: Channels.
        kernel: Kernel size, odd.

    Shape:
        Input and output `[B, channels, H, W]`.
    """

    MAX_CELLS = 64

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, kernel, padding=kernel // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height * width > self.MAX_CELLS or not torch.is_grad_enabled():
            return super().forward(x)
        taps = torch.cat([self.weight.flatten(1), self.weight.new_zeros(len(self.weight), 1)], 1)
        matrices = taps[:, _tap_indices(height, width, self.kernel_size[0]).to(x.device)]
        cells = torch.bmm(matrices, x.flatten(2).permute(1, 2, 0))
        y: Tensor = cells.permute(2, 0, 1).unflatten(2, (height, width))
        return y if self.bias is None else y + self.bias[:, None, None]


@functools.cache
def _tap_indices(height: int, width: int, kernel: int) -> Tensor:
    """Return the tap of each input cell (column) for each output cell (row); `kernel ** 2` for none."""
    rows, columns = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    down = rows[None] - rows[:, None] + kernel // 2
    right = columns[None] - columns[:, None] + kernel // 2
    inside = (down >= 0) & (down < kernel) & (right >= 0) & (right < kernel)
    return torch.where(inside, down * kernel + right, kernel**2)
