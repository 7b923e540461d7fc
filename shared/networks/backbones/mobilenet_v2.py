"""MobileNetV2 as a pyramid of feature maps.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, width 1.0, with every
batch norm folded into its convolution: a folded network has no running statistics that a small batch could
spoil, and inference needs no fusion step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

# (expansion, width, stride) of the seventeen blocks.
BLOCKS = (
    (1, 16, 1),
    *((6, 24, 2), (6, 24, 1)),
    *((6, 32, 2), (6, 32, 1), (6, 32, 1)),
    *((6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)),
    *((6, 96, 1), (6, 96, 1), (6, 96, 1)),
    *((6, 160, 2), (6, 160, 1), (6, 160, 1)),
    (6, 320, 1),
)
LAST_STRIDED_BLOCK = 13  # the block from which on a dilated network no longer halves

STEM_CHANNELS = 32  # channels
PADDINGS = ("end", "symmetric")


class StridedConv2d(nn.Conv2d):
    """Convolution with stride 2 whose output has exactly half the size, rounded up.

    Args:
        kernel: 3 or 5.

    Attributes:
        pads: `"end"` pads one row more on the right and at the bottom than on the left and at the top, where
            a 3x3 filter gets none, as the ImageNet weights in TensorFlow's layout expect; an odd side gets
            one row more, so that `ceil(n / 2)` cells times two always cover the input. `"symmetric"` pads as
            many rows on every side, as is usual in PyTorch. May be set at any time.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, *, kernel: int = 3) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=2, groups=groups)
        self.pads = PADDINGS[0]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.padded(x))

    def padded(self, x: Tensor) -> Tensor:
        """A map with the rows that the filters reach beyond it."""
        (height, width), reach = x.shape[-2:], self.kernel_size[0] // 2
        if self.pads == "symmetric":
            return F.pad(x, (reach,) * 4)
        return F.pad(x, (reach - 1, reach + width % 2, reach - 1, reach + height % 2))


class InvertedResidual(nn.Module):
    """Expand (1x1), filter each channel (3x3 or 5x5), project (1x1); adds its input where shapes agree."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int,
        stride: int,
        dilation: int = 1,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        if expansion > 1:
            self.expand = nn.Conv2d(in_channels, hidden, 1)
        else:
            self.expand = None
        if stride == 2:
            self.depthwise = StridedConv2d(hidden, hidden, groups=hidden, kernel=kernel)
        else:
            way = {"padding": kernel // 2 * dilation, "dilation": dilation}
            self.depthwise = nn.Conv2d(hidden, hidden, kernel, groups=hidden, **way)
        self.project = nn.Conv2d(hidden, out_channels, 1)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Backbone(nn.Module):
    """A stem that halves the picture, and blocks one after another; gives the last map of every resolution.

    Args:
        blocks: see above; the first takes the 32 channels of the stem.
        widths: channels that each block gives.
        strides: of each block, 1 or 2; a level ends where the next block halves the picture.

    Attributes:
        level_ends: numbers of the blocks that give a level's last map.
        widths: channels of these maps.

    Shape:
        input `[B, 3, H, W]`; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]`.
    """

    def __init__(self, blocks: Iterable[nn.Module], widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.stem = StridedConv2d(3, STEM_CHANNELS)
        self.blocks = nn.ModuleList(blocks)
        last = len(self.blocks) - 1
        self.level_ends = [i for i in range(last + 1) if i == last or strides[i + 1] == 2]
        self.widths = [widths[i] for i in self.level_ends]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self.stem(x))
        levels = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.level_ends:
                levels.append(x)
        return levels

    def set_padding(self, pads: str) -> None:
        """Sets `StridedConv2d.pads` in all convolutions that halve.

        Raises:
            ValueError: for an unknown padding.
        """
        if pads not in PADDINGS:
            raise ValueError(f"the padding must be one of {', '.join(PADDINGS)}, got {pads!r}")
        for module in self.modules():
            if isinstance(module, StridedConv2d):
                module.pads = pads


class MobileNetV2Backbone(Backbone):
    """The first `depth` blocks of MobileNetV2; gives the last map of every resolution.

    Args:
        depth: how many of the 17 blocks to keep.
        dilated: whether the last level stays at stride 16; its filters then reach as far by dilation (Chen et
            al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017).

    Shape:
        input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]` for the
        strides s = 2, 4, 8, 16 and, with more than 13 blocks, 32. `widths` holds their C.

    >>> import torch
    >>> pyramid = MobileNetV2Backbone(depth=13)
    >>> [tuple(m.shape[1:]) for m in pyramid(torch.zeros(1, 3, 65, 33))]
    [(16, 33, 17), (24, 17, 9), (32, 9, 5), (96, 5, 3)]
    """

    def __init__(self, *, depth: int = 17, dilated: bool = False) -> None:
        if not 1 <= depth <= len(BLOCKS):
            raise ValueError(f"depth must lie in 1..{len(BLOCKS)}, got {depth}")
        blocks, width = [], STEM_CHANNELS
        for index, (expansion, out_channels, stride) in enumerate(BLOCKS[:depth]):
            way = {"stride": stride}
            if dilated and index >= LAST_STRIDED_BLOCK:
                way = {"stride": 1, "dilation": 1 if index == LAST_STRIDED_BLOCK else 2}
            blocks.append(InvertedResidual(width, out_channels, expansion=expansion, **way))
            width = out_channels
        _, widths, strides = zip(*BLOCKS, strict=True)
        super().__init__(blocks, widths, strides)


def expanded_maps(base: Backbone, head: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """The last two maps of a network where they are widest.

    Args:
        base: A pyramid of `InvertedResidual` blocks.
        head: The network's last layer, a 1x1 convolution that a ReLU6 follows.
        x: What `base` takes.

    Returns:
        Two maps `[B, K, ceil(H / s), ceil(W / s)]`, both in 0..6: at the last stride s but one the channels
        into which the first block of the last stride widens what it gets, and at the last those of `head`.
    """
    *_, middle, last = base(x)
    widen = base.blocks[base.level_ends[-2] + 1].expand
    return [F.relu6(widen(middle)), F.relu6(head(last))]
