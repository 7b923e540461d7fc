"""EfficientNet-Lite as a pyramid of feature maps.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the form
that its authors made for phones: ReLU6 in place of swish, no squeeze-and-excitation, stem and last layer of
the same width at every scale. Batch norms are folded into their convolutions, as in `mobilenet.py`, whose
blocks these are with some filters of 5x5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from shared.networks.backbones.mobilenet_v2 import STEM_CHANNELS, Backbone, InvertedResidual, expanded_maps

# (blocks, width, side of the filters, stride of the first, expansion) of the seven stages of scale 0.
STAGES = (
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
)
#: Of each scale: what widths and numbers of blocks are multiplied with.
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}
EPSILON = 1e-3  # of the batch norms
FEATURE_CHANNELS = 1280  # channels of the last layer, at every scale


class EfficientNetLiteBackbone(Backbone):
    """All blocks of EfficientNet-Lite without its last layer; gives the last map of every resolution.

    Args:
        scale: 0 to 4, from small to large.

    Shape:
        input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]` for the
        strides s = 2, 4, 8, 16, 32. `widths` holds their C.

    Raises:
        ValueError: there is no such scale.

    >>> import torch
    >>> pyramid = EfficientNetLiteBackbone()
    >>> [tuple(m.shape[1:]) for m in pyramid(torch.zeros(1, 3, 65, 33))]
    [(16, 33, 17), (24, 17, 9), (40, 9, 5), (112, 5, 3), (320, 3, 2)]
    """

    def __init__(self, scale: int = 0) -> None:
        if scale not in SCALES:
            raise ValueError(f"the scale must be one of {', '.join(map(str, SCALES))}, got {scale!r}")
        across, down = SCALES[scale]
        blocks, widths, strides, width = [], [], [], STEM_CHANNELS
        for number, (count, channels, kernel, first, expansion) in enumerate(STAGES):
            ends = number in (0, len(STAGES) - 1)
            for stride in (first, *[1] * ((count if ends else math.ceil(count * down)) - 1)):
                way = {"expansion": expansion, "stride": stride, "kernel": kernel}
                blocks.append(InvertedResidual(width, _rounded(channels * across), **way))
                width = _rounded(channels * across)
                widths.append(width)
                strides.append(stride)
        super().__init__(blocks, widths, strides)


class EfficientNetLite(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval", "efficientnet-lite"],
    license="cc-by-nc-4.0",
):
    """The whole network up to its last map; gives the last two maps where they are widest.

    Args:
        scale: 0 to 4, from small to large.

    Shape:
        input `[B, 3, H, W]`, RGB in -1..1; output two maps `[B, K, ceil(H / s), ceil(W / s)]` for the strides
        s = 16 and 32, both in 0..6; see `shared.networks.backbones.mobilenet_v2.expanded_maps`. `widths` holds their K.

    Raises:
        ValueError: there is no such scale.

    >>> import torch
    >>> [tuple(m.shape[1:]) for m in EfficientNetLite(2)(torch.zeros(1, 3, 65, 33))]
    [(720, 5, 3), (1280, 3, 2)]
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        self.head = nn.Conv2d(self.base.widths[-1], FEATURE_CHANNELS, 1)
        self.widths = [self.base.blocks[self.base.level_ends[-2] + 1].expand.out_channels, FEATURE_CHANNELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        return expanded_maps(self.base, self.head, x)

    def set_padding(self, pads: str) -> None:
        """See `shared.networks.backbones.mobilenet_v2.Backbone.set_padding`."""
        self.base.set_padding(pads)


def fold_batch_norms(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of published networks, each batch norm folded into its convolution.

    Args:
        given: with the names that the TensorFlow weights have in their usual PyTorch form: `_conv_stem`,
            `_blocks.0._depthwise_conv`, `_conv_head`, `_bn1` and so on.

    Returns:
        The same with our names: those of `EfficientNetLiteBackbone`, and `head.weight` and `head.bias` of the
        1x1 convolution after it. The classifier is left out.
    """
    found = {}
    for ours, convolution, norm in _layers(given):
        ratio = given[f"{norm}.weight"] / (given[f"{norm}.running_var"] + EPSILON).sqrt()
        found[f"{ours}.weight"] = given[f"{convolution}.weight"] * ratio[:, None, None, None]
        found[f"{ours}.bias"] = given[f"{norm}.bias"] - given[f"{norm}.running_mean"] * ratio
    return found


def _layers(given: Mapping[str, Tensor]) -> Iterator[tuple[str, str, str]]:
    """Our name of each convolution, its published name, and that of its batch norm."""
    yield "stem", "_conv_stem", "_bn0"
    yield "head", "_conv_head", "_bn1"
    parts = (("expand", "_expand_conv"), ("depthwise", "_depthwise_conv"), ("project", "_project_conv"))
    for number in sorted({int(name.split(".")[1]) for name in given if name.startswith("_blocks.")}):
        block = f"_blocks.{number}"
        there = [(ours, name) for ours, name in parts if f"{block}.{name}.weight" in given]
        # A block that does not expand has its first batch norm after the filters.
        for place, (ours, name) in enumerate(there, start=len(parts) - len(there)):
            yield f"blocks.{number}.{ours}", f"{block}.{name}", f"{block}._bn{place}"


def _rounded(width: float) -> int:
    """To the nearest multiple of 8, but never by more than a tenth downwards."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest
