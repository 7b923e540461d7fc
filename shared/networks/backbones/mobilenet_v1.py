"""MobileNetV1 as a backbone of feature maps: depthwise separable convolutions in sequence.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1, width 1.0, without the classifier and with every batch norm folded into its convolution, as in
`shared.networks.backbones.mobilenet_v2`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import STEM_CHANNELS, Backbone, StridedConv2d
from shared.networks.hub_mixin import HubMixin

# (channels, stride) of the thirteen blocks.
BLOCKS = (
    (64, 1),
    *((128, 2), (128, 1)),
    *((256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    *((1024, 2), (1024, 1)),
)


class SeparableConv2d(nn.Module):
    """Depthwise separable convolution: filter each channel (3x3), mix the channels (1x1); ReLU6 after both.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1 or 2.

    Shape:
        Input `[B, in_channels, H, W]`, output `[B, out_channels, ceil(H / stride), ceil(W / stride)]`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.depthwise: nn.Conv2d
        if stride == 2:
            self.depthwise = StridedConv2d(in_channels, in_channels, groups=in_channels)
        else:
            self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(F.relu6(self.depthwise(x))))


class MobileNetV1(
    Backbone,
    HubMixin,
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval", "mobilenet-v1"],
):
    """MobileNetV1 up to its last map, whose mean over all positions is the network's embedding.

    Shape:
        Input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]`, all in
        0..6, for the strides s = 2, 4, 8, 16, 32. `widths` holds their C.

    >>> import torch
    >>> [tuple(m.shape[1:]) for m in MobileNetV1()(torch.zeros(1, 3, 65, 33))]
    [(64, 33, 17), (128, 17, 9), (256, 9, 5), (512, 5, 3), (1024, 3, 2)]
    """

    def __init__(self) -> None:
        widths, strides = zip(*BLOCKS, strict=True)
        blocks = [
            SeparableConv2d(in_channels, out_channels, stride=stride)
            for in_channels, out_channels, stride in zip(
                (STEM_CHANNELS, *widths), widths, strides, strict=False
            )
        ]
        super().__init__(blocks, widths, strides)
