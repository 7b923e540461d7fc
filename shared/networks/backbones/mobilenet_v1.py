"""MobileNetV1: depthwise separable convolutions, one after another.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1, width 1.0, without the classifier and with every batch norm folded into its convolution, like
`shared.networks.backbones.mobilenet_v2`.
"""

from __future__ import annotations

from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import STEM_CHANNELS, Backbone, StridedConv2d

# (width, stride) of the thirteen blocks.
BLOCKS = (
    (64, 1),
    *((128, 2), (128, 1)),
    *((256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    *((1024, 2), (1024, 1)),
)


class SeparableConv2d(nn.Module):
    """Filters each channel (3x3), then mixes the channels (1x1); each with a ReLU6."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        if stride == 2:
            self.depthwise = StridedConv2d(in_channels, in_channels, groups=in_channels)
        else:
            self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(F.relu6(self.depthwise(x))))


class MobileNetV1(
    Backbone,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval", "mobilenet-v1"],
    license="cc-by-nc-4.0",
):
    """The whole network up to its last map; gives the last map of every resolution.

    The mean of the last map over all places is the network's embedding.

    Shape:
        input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]`, all in
        0..6, for the strides s = 2, 4, 8, 16, 32. `widths` holds their C.

    >>> import torch
    >>> [tuple(m.shape[1:]) for m in MobileNetV1()(torch.zeros(1, 3, 65, 33))]
    [(64, 33, 17), (128, 17, 9), (256, 9, 5), (512, 5, 3), (1024, 3, 2)]
    """

    def __init__(self) -> None:
        widths, strides = zip(*BLOCKS, strict=True)
        steps = zip((STEM_CHANNELS, *widths), widths, strides, strict=False)
        blocks = [SeparableConv2d(below, width, stride=stride) for below, width, stride in steps]
        super().__init__(blocks, widths, strides)
