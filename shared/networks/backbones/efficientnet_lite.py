"""EfficientNet-Lite as a backbone of feature maps.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the
authors' variant for phones: ReLU6 in place of swish, no squeeze-and-excitation, stem and last layer of the
same width at every scale. Batch norms are folded into their convolutions. The blocks are those of
`shared.networks.backbones.mobilenet_v2`, some with 5x5 kernels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from shared.networks.backbones.mobilenet_v2 import STEM_CHANNELS, Backbone, InvertedResidual, expanded_maps
from shared.networks.hub_mixin import HubMixin

# (blocks, channels, kernel size, stride of the first block, expansion) of the seven stages of scale 0.
STAGES = (
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
)
#: Width and depth multiplier of each scale.
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}
BATCH_NORM_EPSILON = 1e-3
FEATURE_CHANNELS = 1280  # of the last layer, at every scale


class EfficientNetLiteBackbone(Backbone):
    """All blocks of EfficientNet-Lite, without its last layer.

    Args:
        scale: 0 to 4, from small to large.

    Shape:
        Input `[B, 3, H, W]`, RGB in -1..1; output a list of maps `[B, C, ceil(H / s), ceil(W / s)]` for the
        strides s = 2, 4, 8, 16, 32. `widths` holds their C.

    Raises:
        ValueError: The scale is unknown.

    >>> import torch
    >>> backbone = EfficientNetLiteBackbone()
    >>> [tuple(m.shape[1:]) for m in backbone(torch.zeros(1, 3, 65, 33))]
    [(16, 33, 17), (24, 17, 9), (40, 9, 5), (112, 5, 3), (320, 3, 2)]
    """

    def __init__(self, scale: int = 0) -> None:
        if scale not in SCALES:
            raise ValueError(f"the scale must be one of {', '.join(map(str, SCALES))}, got {scale!r}")
        width_multiplier, depth_multiplier = SCALES[scale]
        blocks, widths, strides, width = [], [], [], STEM_CHANNELS
        for stage, (repeats, channels, kernel, first_stride, expansion) in enumerate(STAGES):
            if 0 < stage < len(STAGES) - 1:
                repeats = math.ceil(repeats * depth_multiplier)
            channels = _round_width(channels * width_multiplier)
            for stride in (first_stride, *[1] * (repeats - 1)):
                blocks.append(
                    InvertedResidual(width, channels, expansion=expansion, stride=stride, kernel=kernel)
                )
                widths.append(channels)
                strides.append(stride)
                width = channels
        super().__init__(blocks, widths, strides)


class EfficientNetLite(
    nn.Module,
    HubMixin,
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval", "efficientnet-lite"],
):
    """EfficientNet-Lite up to its last layer; returns the last two maps after their expansion layers.

    Args:
        scale: 0 to 4, from small to large.

    Shape:
        Input `[B, 3, H, W]`, RGB in -1..1; output two maps `[B, K, ceil(H / s), ceil(W / s)]` for the strides
        s = 16 and 32, both in 0..6 (see `shared.networks.backbones.mobilenet_v2.expanded_maps`). `widths`
        holds their K.

    Raises:
        ValueError: The scale is unknown.

    >>> import torch
    >>> [tuple(m.shape[1:]) for m in EfficientNetLite(2)(torch.zeros(1, 3, 65, 33))]
    [(720, 5, 3), (1280, 3, 2)]
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        self.head = nn.Conv2d(self.base.widths[-1], FEATURE_CHANNELS, 1)
        expand = self.base.blocks[self.base.level_ends[-2] + 1].get_parameter("expand.weight")
        self.widths = [len(expand), FEATURE_CHANNELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        return expanded_maps(self.base, self.head, x)

    def set_padding(self, pad_mode: str) -> None:
        """Set the padding of all convolutions with stride 2.

        Args:
            pad_mode: One of `shared.networks.backbones.mobilenet_v2.PADDINGS`.

        Raises:
            ValueError: The padding is unknown.
        """
        self.base.set_padding(pad_mode)


def fold_batch_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold the batch norms of a published state dict into its convolutions.

    `w' = w * gamma / sqrt(var + eps)` and `b' = beta - mean * gamma / sqrt(var + eps)`.

    Args:
        state: State dict with the usual PyTorch names of the TensorFlow weights: `_conv_stem`,
            `_blocks.0._depthwise_conv`, `_conv_head`, `_bn1` and so on.

    Returns:
        State dict of `EfficientNetLiteBackbone`, with `head.weight` and `head.bias` of the 1x1 convolution
        after it. The classifier is left out.
    """
    folded = {}
    for name, conv, norm in _layer_names(state):
        ratio = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
        folded[f"{name}.weight"] = state[f"{conv}.weight"] * ratio[:, None, None, None]
        folded[f"{name}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * ratio
    return folded


def _layer_names(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each convolution here, its published name, and that of its batch norm."""
    yield "stem", "_conv_stem", "_bn0"
    yield "head", "_conv_head", "_bn1"
    layers = (("expand", "_expand_conv"), ("depthwise", "_depthwise_conv"), ("project", "_project_conv"))
    for number in sorted({int(key.split(".")[1]) for key in state if key.startswith("_blocks.")}):
        block = f"_blocks.{number}"
        present = [(name, conv) for name, conv in layers if f"{block}.{conv}.weight" in state]
        # A block without expansion has its first batch norm after the depthwise filters.
        for norm, (name, conv) in enumerate(present, start=len(layers) - len(present)):
            yield f"blocks.{number}.{name}", f"{block}.{conv}", f"{block}._bn{norm}"


def _round_width(width: float) -> int:
    """Round to the nearest multiple of 8, but down by a tenth at most."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest
