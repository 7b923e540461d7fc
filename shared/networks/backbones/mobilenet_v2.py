"""MobileNetV2 as a backbone of feature maps, and the blocks of all backbones.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, width 1.0, with every
batch norm folded into its convolution: a folded network has no running statistics that small batches could
distort, and inference needs no fusion step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

# (expansion, channels, stride) of the seventeen blocks.
BLOCKS = (
    (1, 16, 1),
    *((6, 24, 2), (6, 24, 1)),
    *((6, 32, 2), (6, 32, 1), (6, 32, 1)),
    *((6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)),
    *((6, 96, 1), (6, 96, 1), (6, 96, 1)),
    *((6, 160, 2), (6, 160, 1), (6, 160, 1)),
    (6, 320, 1),
)
LAST_STRIDED_BLOCK = 13  # index of the block from which a dilated network keeps the resolution

STEM_CHANNELS = 32
PADDINGS = ("end", "symmetric")


class StridedConv2d(nn.Conv2d):
    """Convolution with stride 2 whose output has exactly half the size, rounded up.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        groups: Groups of channels, as in `nn.Conv2d`.
        kernel: Kernel size, 3 or 5.

    Attributes:
        pad_mode: `"end"` pads one row more on the right and at the bottom than on the left and at the top,
            where a 3x3 kernel gets none, as the ImageNet weights in TensorFlow's layout expect; an odd side
            gets one row more, so that `ceil(n / 2)` cells times two always cover the input. `"symmetric"`
            pads equally on every side, as is usual in PyTorch. May be set at any time.

    Shape:
        Input `[B, in_channels, H, W]`, output `[B, out_channels, ceil(H / 2), ceil(W / 2)]`.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, *, kernel: int = 3) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=2, groups=groups)
        self.pad_mode = PADDINGS[0]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.pad(x))

    def pad(self, x: Tensor) -> Tensor:
        """Return maps `[B, C, H, W]` with the rows and columns of zeros that the kernel reaches beyond."""
        (height, width), reach = x.shape[-2:], self.kernel_size[0] // 2
        if self.pad_mode == "symmetric":
            return F.pad(x, (reach,) * 4)
        return F.pad(x, (reach - 1, reach + width % 2, reach - 1, reach + height % 2))


class InvertedResidual(nn.Module):
    """Inverted residual block: expand (1x1), filter each channel (3x3 or 5x5), project (1x1).

    The input is added if the shapes agree. Figure 3b of the paper.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        expansion: Factor on `in_channels` for the filtered channels; 1 omits the expansion layer.
        stride: 1 or 2.
        dilation: Dilation of the filter; for stride 1 only.
        kernel: Kernel size of the filter, 3 or 5.

    Shape:
        Input `[B, in_channels, H, W]`, output `[B, out_channels, ceil(H / stride), ceil(W / stride)]`.
    """

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
        self.expand = nn.Conv2d(in_channels, hidden, 1) if expansion > 1 else None
        self.depthwise: nn.Conv2d
        if stride == 2:
            self.depthwise = StridedConv2d(hidden, hidden, groups=hidden, kernel=kernel)
        else:
            padding = kernel // 2 * dilation
            self.depthwise = nn.Conv2d(
                hidden, hidden, kernel, padding=padding, dilation=dilation, groups=hidden
            )
        self.project = nn.Conv2d(hidden, out_channels, 1)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Backbone(nn.Module):
    """Stem of stride 2 and a sequence of blocks; returns the last map of every resolution.

    Args:
        blocks: The blocks; the first takes the 32 channels of the stem.
        widths: Output channels of each block.
        strides: Stride of each block, 1 or 2; a level ends where the next block has stride 2.

    Attributes:
        level_ends: Indices of the blocks that return the last map of a level.
        widths: Channels of these maps.

    Shape:
        Input `[B, 3, H, W]`; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]`.
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

    def set_padding(self, pad_mode: str) -> None:
        """Set `StridedConv2d.pad_mode` in all convolutions with stride 2.

        Args:
            pad_mode: One of `PADDINGS`.

        Raises:
            ValueError: The padding is unknown.
        """
        if pad_mode not in PADDINGS:
            raise ValueError(f"the padding must be one of {', '.join(PADDINGS)}, got {pad_mode!r}")
        for module in self.modules():
            if isinstance(module, StridedConv2d):
                module.pad_mode = pad_mode


class MobileNetV2Backbone(Backbone):
    """The first `depth` blocks of MobileNetV2.

    Args:
        depth: Number of blocks, 1 to 17.
        dilated: True to keep the last level at stride 16, with dilated filters in place of the stride (Chen
            et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017).

    Shape:
        Input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]` for the
        strides s = 2, 4, 8, 16 and, with more than 13 blocks, 32. `widths` holds their C.

    Raises:
        ValueError: The depth is out of range.

    >>> import torch
    >>> backbone = MobileNetV2Backbone(depth=13)
    >>> [tuple(m.shape[1:]) for m in backbone(torch.zeros(1, 3, 65, 33))]
    [(16, 33, 17), (24, 17, 9), (32, 9, 5), (96, 5, 3)]
    """

    def __init__(self, *, depth: int = 17, dilated: bool = False) -> None:
        if not 1 <= depth <= len(BLOCKS):
            raise ValueError(f"depth must lie in 1..{len(BLOCKS)}, got {depth}")
        blocks, width = [], STEM_CHANNELS
        for index, (expansion, channels, stride) in enumerate(BLOCKS[:depth]):
            dilation = 1
            if dilated and index >= LAST_STRIDED_BLOCK:
                stride, dilation = 1, 1 if index == LAST_STRIDED_BLOCK else 2
            blocks.append(
                InvertedResidual(width, channels, expansion=expansion, stride=stride, dilation=dilation)
            )
            width = channels
        _, widths, strides = zip(*BLOCKS, strict=True)
        super().__init__(blocks, widths, strides)


def expanded_maps(backbone: Backbone, head: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """Compute the last two maps of a network after their expansion layers.

    Args:
        backbone: A backbone of `InvertedResidual` blocks.
        head: The 1x1 convolution after the backbone, which a ReLU6 follows.
        x: Input of the backbone.

    Returns:
        Two maps `[B, K, ceil(H / s), ceil(W / s)]`, both in 0..6: at the second to last stride the expansion
        layer of the first block of the last level, at the last stride `head`.
    """
    *_, middle, last = backbone(x)
    expand = backbone.blocks[backbone.level_ends[-2] + 1].get_submodule("expand")
    return [F.relu6(expand(middle)), F.relu6(head(last))]
