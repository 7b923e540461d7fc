"""MobileNets for CPUs: each convolution and its ReLU6 in one call of oneDNN, with weights laid out for it.

A MobileNet is many small layers. Between a convolution and its ReLU6 the whole map goes to memory and back,
and the order in which oneDNN reads weights is made anew at each call. Here both are saved; the maps are the
same up to rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v1 import SeparableConv2d
from shared.networks.backbones.mobilenet_v2 import Backbone, InvertedResidual, StridedConv2d

#: What photos of usual shapes become for retrieval.
SIZES = ((320, 320), (240, 320))
#: Maps with fewer places have another best order of the weights, and a wrong one costs more than none: as a
#: share of those for which weights are laid out, and as a number for these.
SHARE, PLACES = 0.8, 200


class FusedConv2d(nn.Module):
    """A convolution, and ReLU6 after it if wanted. Only for inference on a CPU.

    Args:
        conv: The convolution, whose weights it shares.
        relu6: Whether ReLU6 comes after it.

    Shape:
        as `conv`.
    """

    def __init__(self, conv: nn.Conv2d, *, relu6: bool) -> None:
        super().__init__()
        self._weight, self._bias = conv.weight.detach(), conv.bias.detach()
        self._way = conv.padding, conv.stride, conv.dilation, conv.groups
        self._laid_out: list[tuple[int, Tensor]] = []  # from how many places on, and the weights
        self._after = ("hardtanh", [0.0, 6.0], "") if relu6 else ("none", [], "")

    def forward(self, x: Tensor) -> Tensor:
        places = x.shape[2] * x.shape[3]
        weight = next((weight for least, weight in self._laid_out if places >= least), self._weight)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, self._bias, *self._way, *self._after)

    def lay_out(self, x: Tensor) -> None:
        """Prepares the order of weights that suits maps like this one, unless it is a small one."""
        shape = list(x.shape)
        places = shape[2] * shape[3]
        if places >= PLACES:
            weight = self._weight.to_mkldnn()
            weight = torch._C._nn.mkldnn_reorder_conv2d_weight(weight, *self._way, shape)
            self._laid_out.append((int(SHARE * places), weight))


class FusedStridedConv2d(nn.Module):
    """`StridedConv2d` and ReLU6.

    To pad a map at its end is to copy it, which takes as long as the filters themselves. With both sides even
    that is the same as filters with a row and a column of zeros before them on a map that is padded on every
    side, which oneDNN does on its way.
    """

    def __init__(self, conv: StridedConv2d) -> None:
        super().__init__()
        self._pad = conv.padded
        self.padded = FusedConv2d(conv, relu6=True)
        self.even = FusedConv2d(_with_zeros_before(conv), relu6=True)

    def forward(self, x: Tensor) -> Tensor:
        even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
        return self.even(x) if even else self.padded(self._pad(x))


def _with_zeros_before(conv: StridedConv2d) -> nn.Conv2d:
    """What gives the same as a convolution that halves, for maps with even sides."""
    zeros = int(conv.pads == "end")
    side = conv.kernel_size[0] + zeros
    wider = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        side,
        stride=2,
        padding=conv.kernel_size[0] // 2,
        groups=conv.groups,
        device="meta",
    )
    wider.weight = nn.Parameter(F.pad(conv.weight.detach(), (zeros, 0, zeros, 0)))
    wider.bias = conv.bias
    return wider


def _filters(conv: nn.Conv2d) -> nn.Module:
    """The filters of a block, with their ReLU6."""
    return FusedStridedConv2d(conv) if isinstance(conv, StridedConv2d) else FusedConv2d(conv, relu6=True)


class FusedSeparable(nn.Module):
    """`SeparableConv2d` of fused convolutions."""

    def __init__(self, block: SeparableConv2d) -> None:
        super().__init__()
        self.depthwise = _filters(block.depthwise)
        self.pointwise = FusedConv2d(block.pointwise, relu6=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class FusedResidual(nn.Module):
    """`InvertedResidual` of fused convolutions."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.expand = None if block.expand is None else FusedConv2d(block.expand, relu6=True)
        self.depthwise = _filters(block.depthwise)
        self.project = FusedConv2d(block.project, relu6=False)
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return y.add_(x) if self.residual else y


def fuse_convolutions(network: nn.Module, sizes: Sequence[tuple[int, int]] = SIZES) -> nn.Module:
    """A copy of a network on a CPU for inference alone, in which the MobileNets' blocks are fused.

    Where PyTorch cannot do that, or the network is elsewhere, the network itself.

    Args:
        network: Has one `Backbone` or several in it, or is one.
        sizes: Height and width of the pictures for which weights are laid out, the largest first; others go
            as well.
    """
    ready = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    ready = ready and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    if not ready or any(weight.device.type != "cpu" for weight in network.parameters()):
        return network
    twin = copy.deepcopy(network).eval()
    for pyramid in [module for module in twin.modules() if isinstance(module, Backbone)]:
        pyramid.blocks = nn.ModuleList(
            FusedSeparable(block) if isinstance(block, SeparableConv2d) else FusedResidual(block)
            for block in pyramid.blocks
        )
        convs = [module for module in pyramid.modules() if isinstance(module, FusedConv2d)]
        hooks = [conv.register_forward_pre_hook(lambda conv, given: conv.lay_out(*given)) for conv in convs]
        with torch.inference_mode():
            for size in sizes:
                pyramid(torch.zeros(1, 3, *size).contiguous(memory_format=torch.channels_last))
        for hook in hooks:
            hook.remove()
    return twin
