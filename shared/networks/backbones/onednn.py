"""Fused oneDNN convolutions for backbones on a CPU: one call with ReLU6, and reordered weights.

A MobileNet has many small layers. Unfused, every map goes to memory and back between a convolution and its
ReLU6, and oneDNN reorders the weights at each call. Fusion avoids both; the maps are equal up to rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v1 import SeparableConv2d
from shared.networks.backbones.mobilenet_v2 import Backbone, InvertedResidual, StridedConv2d

#: Height and width of retrieval's images at the usual aspect ratios.
SIZES = ((320, 320), (240, 320))
#: Reordered weights suit maps of their own size; for much smaller maps they are slower than plain ones. They
#: are used from this fraction of the positions that they were made for, and made from this many positions.
MIN_FRACTION, MIN_POSITIONS = 0.8, 200


class FusedConv2d(nn.Module):
    """Convolution with an optional ReLU6, for inference on a CPU.

    Args:
        conv: The convolution, whose weights are shared.
        relu6: True to apply ReLU6 to the result.

    Shape:
        As `conv`.
    """

    def __init__(self, conv: nn.Conv2d, *, relu6: bool) -> None:
        super().__init__()
        self._weight = conv.weight.detach()
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._geometry = conv.padding, conv.stride, conv.dilation, conv.groups
        self._reordered: list[tuple[int, Tensor]] = []  # smallest number of positions, and the weights for it
        self._activation = ("hardtanh", [0.0, 6.0], "") if relu6 else ("none", [], "")

    def forward(self, x: Tensor) -> Tensor:
        positions = x.shape[2] * x.shape[3]
        weight = next((weight for smallest, weight in self._reordered if positions >= smallest), self._weight)
        return torch.ops.mkldnn._convolution_pointwise(
            x, weight, self._bias, *self._geometry, *self._activation
        )

    def reorder(self, x: Tensor) -> None:
        """Add weights in the memory layout that suits a map of this shape, unless it is a small one.

        Args:
            x: `[B, in_channels, H, W]`.
        """
        shape = list(x.shape)
        positions = shape[2] * shape[3]
        if positions >= MIN_POSITIONS:
            weight = self._weight.to_mkldnn()
            reorder = torch._C._nn.mkldnn_reorder_conv2d_weight
            # PyTorch's stub lacks the last argument, the shape of the input.
            weight = reorder(weight, *self._geometry, shape)  # type: ignore[call-arg, arg-type]
            self._reordered.append((int(MIN_FRACTION * positions), weight))


class FusedStridedConv2d(nn.Module):
    """`StridedConv2d` and ReLU6.

    Padding a map at its end copies it, which takes as long as the convolution. For even sides, a kernel with
    an additional row and column of zeros in front, on a map padded on every side, gives the same result, and
    oneDNN pads without a copy.

    Args:
        conv: The convolution.

    Shape:
        As `conv`.
    """

    def __init__(self, conv: StridedConv2d) -> None:
        super().__init__()
        self._pad = conv.pad
        self.padded = FusedConv2d(conv, relu6=True)
        self.even = FusedConv2d(_zero_extended(conv), relu6=True)

    def forward(self, x: Tensor) -> Tensor:
        even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
        return self.even(x) if even else self.padded(self._pad(x))


class FusedSeparable(nn.Module):
    """`SeparableConv2d` of fused convolutions."""

    def __init__(self, block: SeparableConv2d) -> None:
        super().__init__()
        self.depthwise = _fuse_depthwise(block.depthwise)
        self.pointwise = FusedConv2d(block.pointwise, relu6=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class FusedResidual(nn.Module):
    """`InvertedResidual` of fused convolutions."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.expand = None if block.expand is None else FusedConv2d(block.expand, relu6=True)
        self.depthwise = _fuse_depthwise(block.depthwise)
        self.project = FusedConv2d(block.project, relu6=False)
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return y.add_(x) if self.residual else y


def fuse_convolutions(network: nn.Module, sizes: Sequence[tuple[int, int]] = SIZES) -> nn.Module:
    """Return a copy of a network for inference on a CPU, in which the blocks of all backbones are fused.

    Args:
        network: A `Backbone`, or a network that contains some.
        sizes: Height and width of the images for which weights are reordered, the largest first; other sizes
            work as well.

    Returns:
        The copy; `network` itself if PyTorch lacks oneDNN or a weight is not on the CPU.
    """
    supported = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    supported = supported and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    if not supported or any(weight.device.type != "cpu" for weight in network.parameters()):
        return network
    fused = copy.deepcopy(network).eval()
    for backbone in [module for module in fused.modules() if isinstance(module, Backbone)]:
        backbone.blocks = nn.ModuleList(_fuse_block(block) for block in backbone.blocks)
        convs = [module for module in backbone.modules() if isinstance(module, FusedConv2d)]
        hooks = [conv.register_forward_pre_hook(lambda conv, args: conv.reorder(*args)) for conv in convs]
        with torch.inference_mode():
            for size in sizes:
                backbone(torch.zeros(1, 3, *size).contiguous(memory_format=torch.channels_last))
        for hook in hooks:
            hook.remove()
    return fused


def _fuse_block(block: nn.Module) -> nn.Module:
    if isinstance(block, SeparableConv2d):
        return FusedSeparable(block)
    if isinstance(block, InvertedResidual):
        return FusedResidual(block)
    raise TypeError(f"expected a block of a backbone, got {type(block).__name__}")


def _fuse_depthwise(conv: nn.Conv2d) -> nn.Module:
    return FusedStridedConv2d(conv) if isinstance(conv, StridedConv2d) else FusedConv2d(conv, relu6=True)


def _zero_extended(conv: StridedConv2d) -> nn.Conv2d:
    """Return a symmetrically padded convolution that equals `conv` on maps with even sides."""
    zeros = int(conv.pad_mode == "end")
    extended = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size[0] + zeros,
        stride=2,
        padding=conv.kernel_size[0] // 2,
        groups=conv.groups,
        device="meta",
    )
    extended.weight = nn.Parameter(F.pad(conv.weight.detach(), (zeros, 0, zeros, 0)))
    extended.bias = conv.bias
    return extended
