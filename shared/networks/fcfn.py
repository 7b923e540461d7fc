"""Fully Convolutional Fusion Networks: the fusion of CFN at every pixel.

Liu, Guo, Georgiou and Lew, "Fusion that matters", Multimedia Tools and Applications 77, 2018 (thesis of
Y. Liu, section 2.3): the branches of a CFN stay maps, are upsampled to one resolution, and are fused with one
weight per (branch, class), shared over the positions. `FCFN` segments, `FCFNEdges` detects edges.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import Fusion, TopDownBlock, mirror_pad, upsample
from shared.networks.rds import SIDES, MobileNetFPN


class FCFN(
    nn.Module,
    HubMixin,
    pipeline_tag="image-segmentation",
    tags=["semantic-segmentation"],
):
    """Semantic segmentation on MobileNetV2 with four branches, at strides 4, 8, 16 and 32 (or 16 again).

    The published network scores the stages of VGG-16 directly. The early stages of MobileNetV2 are too thin
    for that: here a narrow top-down pathway carries the deep features to the fine resolutions, and each of
    its steps is a branch. The image's mean feature is added at every position of the coarsest step.

    Args:
        classes: Number of classes.
        fuse: `"scores"` fuses the branches' class scores with weights `[G, classes]`; `"features"` fuses 64
            channels with weights `[G, 64]` and scores the result.
        fusion: One of `shared.networks.layers.FUSIONS`; `"none"` is the finest branch only.
        dilated: True to keep the coarsest branch at stride 16 by dilation, with DeepLab's image pooling, so
            that training can start from DeepLab's weights.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any size; output logits `[B, classes, ceil(H / 4), ceil(W / 4)]`,
        one cell per 4 x 4 pixels.

    Raises:
        ValueError: `fuse` or `fusion` is unknown.
    """

    STRIDE = 4
    MARGIN = 16  # mirrored pixels on the right and at the bottom, as in `MobileNetFPN`
    PATH = (128, 96, 64, 64)  # channels of the branches at strides 32, 16, 8, 4
    DILATED_CHANNELS = 256  # of the coarsest branch if dilated
    FEATURE_CHANNELS = 64

    def __init__(
        self, classes: int = 21, fuse: str = "scores", fusion: str = "lc", dilated: bool = False
    ) -> None:
        super().__init__()
        if fuse not in ("scores", "features"):
            raise ValueError(f"fuse must be scores or features, got {fuse!r}")
        self.base = MobileNetV2Backbone(depth=17, dilated=dilated)
        _, *stages, top = self.base.widths
        path = (self.DILATED_CHANNELS if dilated else self.PATH[0], *self.PATH[1:])
        self.top = nn.Conv2d(top, path[0], 1)
        self.context = nn.Conv2d(top, path[0], 1)
        self.mix = nn.Conv2d(2 * path[0], path[0], 1) if dilated else None
        factors = (1 if dilated else 2, 2, 2)
        self.merges = nn.ModuleList(
            TopDownBlock(lateral, coarse, width, factor)
            for lateral, coarse, width, factor in zip(reversed(stages), path, path[1:], factors, strict=False)
        )
        self.factors = (1, 2, 4, 4 * factors[0])  # strides of the branches over STRIDE, from fine to coarse
        inputs = path[-1:] if fusion == "none" else path[::-1]
        channels = classes if fuse == "scores" else self.FEATURE_CHANNELS
        self.branches = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in inputs)
        self.fusion = Fusion(len(inputs), channels, kind=fusion)
        self.classifier = nn.Conv2d(self.FEATURE_CHANNELS, classes, 1) if fuse == "features" else None

    def forward(self, x: Tensor) -> Tensor:
        size = [(side + self.STRIDE - 1) // self.STRIDE for side in x.shape[-2:]]
        _, *stages, top = self.base(mirror_pad(x * 2 - 1, self.MARGIN))
        local, context = self.top(top), self.context(top.mean((-2, -1), keepdim=True))
        if self.mix is None:
            path = F.relu(local + context)
        else:
            path = F.relu(self.mix(F.relu(torch.cat([context.expand_as(local), local], 1))))
        steps = [path]
        for merge, stage in zip(self.merges, reversed(stages), strict=True):
            steps.append(path := merge(stage, path))
        maps = [
            upsample(branch(step), size, factor)
            for branch, step, factor in zip(self.branches, reversed(steps), self.factors, strict=False)
        ]
        fused = self.fusion(torch.stack(maps, 1))
        return fused if self.classifier is None else self.classifier(F.relu(fused))


class FCFNEdges(
    nn.Module,
    HubMixin,
    pipeline_tag="image-segmentation",
    tags=["edge-detection"],
):
    """Edge detection by fused features, on `MobileNetFPN`.

    With a single output channel a weight per (branch, class) would be the fusion of HED. Here the branches
    keep 16 channels each, are fused with weights `[5, 16]`, and only the result is scored.

    Shape:
        As `shared.networks.rds.RDS`: input `[B, 3, H, W]`, RGB in 0..1; output logits `[B, 6, H, W]`: five
        branches from fine to coarse, each with its own score, and last the fusion.
    """

    FEATURE_CHANNELS = 16

    def __init__(self) -> None:
        super().__init__()
        self.net = MobileNetFPN()
        widths = (MobileNetFPN.STEM_CHANNELS, *reversed(MobileNetFPN.PATH[1:]))
        self.branches = nn.ModuleList(nn.Conv2d(width, self.FEATURE_CHANNELS, 1) for width in widths)
        self.scores = nn.ModuleList(nn.Conv2d(self.FEATURE_CHANNELS, 1, 1) for _ in widths)
        self.fusion = Fusion(SIDES, self.FEATURE_CHANNELS)
        self.classifier = nn.Conv2d(self.FEATURE_CHANNELS, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        _, steps = self.net.feature_maps(x)
        features = [F.relu(branch(step)) for branch, step in zip(self.branches, steps, strict=True)]
        sides = [
            upsample(score(feature), size, 2**index)
            for index, (score, feature) in enumerate(zip(self.scores, features, strict=True))
        ]
        upsampled = [upsample(feature, size, 2**index) for index, feature in enumerate(features)]
        fused = F.relu(self.fusion(torch.stack(upsampled, 1)))
        return torch.cat([*sides, self.classifier(fused)], 1)
