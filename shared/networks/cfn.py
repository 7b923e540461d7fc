"""Convolutional Fusion Networks.

Liu, Guo and Lew, "On the Exploration of Convolutional Fusion Networks for Visual Recognition", MMM 2017
(thesis of Y. Liu, chapter 2): side branches from the pooling layers of a plain network, each a 1x1
convolution, ReLU and global average; a locally-connected fusion of their vectors; one classifier.

`CFNCifar` and `CFN11` are the published networks, `CFN` is the same design on a pretrained backbone. Each is
the plain network if `fusion="none"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.table import new_backbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import Fusion, global_average_pool


class CFNCifar(nn.Module):
    """The published network for images of 32 x 32 pixels.

    The network for CIFAR-10 has 1,343,146 parameters (plain: 1,286,698). The one for CIFAR-100 has
    `first=192, side_kernel=3` and 2,386,276 parameters (plain: 1,721,572).

    Args:
        classes: Number of classes.
        first: Channels of the first two convolutions; all others have 192.
        side_kernel: Kernel size of the side convolutions, 1 or 3.
        fusion: One of `shared.networks.layers.FUSIONS`.
        width: Width multiplier of all channels.
        batch_norm: True for batch normalisation after each convolution in place of dropout between the
            stages; the published network has none.

    Shape:
        Input `[B, 3, 32, 32]`, whitened or normalised; output logits `[B, classes]`.
    """

    def __init__(
        self,
        *,
        classes: int = 10,
        first: int = 96,
        side_kernel: int = 1,
        fusion: str = "lc",
        width: float = 1.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        first, wide = round(first * width), round(192 * width)

        def conv(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Sequential:
            layer = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=not batch_norm)
            norms = [nn.BatchNorm2d(out_channels)] if batch_norm else []
            return nn.Sequential(layer, *norms, nn.ReLU(inplace=True))

        drop = nn.Dropout(0.0 if batch_norm else 0.5)
        self.stage1 = nn.Sequential(
            conv(3, first), conv(first, first), nn.MaxPool2d(3, 2, ceil_mode=True), drop
        )
        self.stage2 = nn.Sequential(
            conv(first, wide), conv(wide, wide), nn.AvgPool2d(3, 2, ceil_mode=True), drop
        )
        self.stage3 = nn.Sequential(conv(wide, wide), conv(wide, wide), conv(wide, wide, 1))
        fused = fusion != "none"
        self.side1 = conv(first, wide, side_kernel) if fused else None
        self.side2 = conv(wide, wide, side_kernel) if fused else None
        self.fusion = Fusion(3, wide, kind=fusion, initial=0.333) if fused else None
        self.drop = nn.Dropout(0.5)
        self.classifier = nn.Linear(wide, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                if batch_norm and isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight)
                else:
                    nn.init.normal_(module.weight, std=0.1 if isinstance(module, nn.Linear) else 0.05)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        pool1 = self.stage1(x)
        pool2 = self.stage2(pool1)
        feature = global_average_pool(self.stage3(pool2))
        if self.fusion is not None and self.side1 is not None and self.side2 is not None:
            sides = global_average_pool(self.side1(pool1)), global_average_pool(self.side2(pool2))
            feature = F.relu(self.fusion(torch.stack([feature, *sides], 1)))
        return self.classifier(self.drop(feature))


class CFN11(nn.Module):
    """The published network for ImageNet: 6,754,408 parameters (plain: 6,283,368).

    Args:
        classes: Number of classes.
        fusion: One of `shared.networks.layers.FUSIONS`.

    Shape:
        Input `[B, 3, 224, 224]`, BGR in 0..255 minus the mean (104, 117, 123); output logits `[B, classes]`.
    """

    def __init__(self, *, classes: int = 1000, fusion: str = "lc") -> None:
        super().__init__()

        def conv(
            in_channels: int, out_channels: int, kernel: int = 3, *, bias: bool = False, stride: int = 1
        ) -> list[nn.Module]:
            layer = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=bias)
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, 0.2)
            return [layer, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]

        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stage1 = nn.Sequential(*conv(3, 64, 7, bias=True, stride=2), pool)
        widths = (64, 64, 128, 256)
        self.stages = nn.ModuleList(
            nn.Sequential(*conv(narrow, wide), *conv(wide, wide), pool) for narrow, wide in pairwise(widths)
        )
        self.last = nn.Sequential(*conv(256, 512), *conv(512, 512), *conv(512, 1024, 1))
        fused = fusion != "none"
        self.sides = nn.ModuleList(nn.Sequential(*conv(width, 1024, 1)) for width in widths[1:] if fused)
        self.fusion = Fusion(4, 1024, kind=fusion, bias=False) if fused else None
        self.norm = nn.BatchNorm1d(1024) if fused else None
        self.classifier = nn.Linear(1024, classes)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage1(x)
        pooled = []
        for stage in self.stages:
            x = stage(x)
            pooled.append(x)
        feature = global_average_pool(self.last(x))
        if self.fusion is not None and self.norm is not None:
            sides = [global_average_pool(side(maps)) for side, maps in zip(self.sides, pooled, strict=True)]
            feature = F.relu(self.norm(self.fusion(torch.stack([*sides, feature], 1))))
        return self.classifier(feature)


class CFN(
    nn.Module,
    HubMixin,
    pipeline_tag="image-classification",
    tags=["image-classification"],
):
    """CFN on a pretrained backbone: side branches from the maps at strides 4, 8 and 16, pooled once more.

    A fusion with weights starts with weight 1 for the main branch and 0.05 for the sides, so that it hardly
    changes the features of a pretrained backbone.

    Args:
        classes: Number of classes.
        fusion: One of `shared.networks.layers.FUSIONS`; `"none"` is the plain network.
        prototypes: Rows of the buffer `prototypes`: features of training images, from which the distance of
            an image to the training data is measured.
        trunk: Name of the backbone, one of `shared.networks.backbones.table.BACKBONES`.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any size; output logits `[B, classes]`.
    """

    FEATURE_CHANNELS = 1280
    SIDE_LEVELS = (1, 2, 3)  # levels of the backbone: strides 4, 8, 16
    BRANCH_NAMES = ("objects", "textures", "patterns", "parts")  # main, then the sides from fine to coarse

    def __init__(
        self, classes: int = 1000, fusion: str = "lc", prototypes: int = 0, trunk: str = "mobilenet_v2"
    ) -> None:
        super().__init__()
        self.base = new_backbone(trunk)
        self.trunk = trunk
        self.head = nn.Conv2d(self.base.widths[-1], self.FEATURE_CHANNELS, 1)
        fused = fusion != "none"
        self.sides = nn.ModuleList(
            nn.Conv2d(self.base.widths[level], self.FEATURE_CHANNELS, 1)
            for level in self.SIDE_LEVELS
            if fused
        )
        initial = (1.0, *[0.05] * len(self.SIDE_LEVELS))
        self.fusion = (
            Fusion(len(initial), self.FEATURE_CHANNELS, kind=fusion, initial=initial) if fused else None
        )
        self.classifier = nn.Linear(self.FEATURE_CHANNELS, classes)
        self.prototypes: Tensor
        self.register_buffer("prototypes", torch.zeros(prototypes, self.FEATURE_CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.features_and_logits(x)[1]

    def remove_fusion(self) -> CFN:
        """Remove the side branches, the fusion and the prototypes of its features; return the network."""
        self.sides, self.fusion = nn.ModuleList(), None
        self.prototypes = self.prototypes.new_zeros(0, self.FEATURE_CHANNELS)
        return self

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the fused features `[B, 1280]` and the logits `[B, classes]` of images, see `CFN`."""
        features = self.fuse(self.branch_vectors(self.branch_maps(x)))
        return features, self.classifier(features)

    def branch_maps(self, x: Tensor) -> list[Tensor]:
        """Compute the maps of all branches before their global average.

        Args:
            x: `[B, 3, H, W]`, RGB in 0..1.

        Returns:
            `[B, 1280, h, w]` of each branch in the order of `BRANCH_NAMES`; the main branch only, if nothing
            is fused.
        """
        top, *inputs = self.branch_inputs(x)
        return [top, *self.side_maps(inputs)]

    def branch_inputs(self, x: Tensor) -> list[Tensor]:
        """Compute the main branch's map and the maps that the side branches read, which training caches.

        Args:
            x: `[B, 3, H, W]`, RGB in 0..1.

        Returns:
            `[B, 1280, h, w]` of the main branch, then the pooled level `[B, C, h, w]` of each side branch.
        """
        levels = self.base(x * 2 - 1)
        used = self.SIDE_LEVELS[: len(self.sides)]  # no sides without fusion
        pooled = [F.avg_pool2d(levels[level], 3, 2, 1, count_include_pad=False) for level in used]
        return [F.relu6(self.head(levels[-1])), *pooled]

    def side_maps(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Compute the maps `[B, 1280, h, w]` of the side branches from their inputs, see `branch_inputs`."""
        return [F.relu(side(pooled)) for side, pooled in zip(self.sides, inputs, strict=True)]

    @staticmethod
    def branch_vectors(maps: list[Tensor]) -> Tensor:
        """Return the vectors `[B, G, 1280]` of G branches, the global averages of their maps."""
        return torch.stack([global_average_pool(branch) for branch in maps], 1)

    def fuse(self, branches: Tensor) -> Tensor:
        """Return the fused feature `[B, 1280]` of vectors `[B, G, 1280]`, the input of the classifier."""
        return branches[:, 0] if self.fusion is None else F.relu(self.fusion(branches))

    def contributions(self, branches: Tensor, target: Tensor) -> Tensor:
        """Split the logit of one class per image into the parts that the branches contribute.

        A fused channel that ReLU cuts off contributes nothing. The classifier is linear in all others, so
        the parts of the branches, the fusion's bias and the classifier's bias sum to the logit.

        Args:
            branches: `[B, G, 1280]`, from `branch_vectors`.
            target: Class ids `[B]`.

        Returns:
            `[B, G + 1]`; the last column holds the sum of both biases.
        """
        weight, bias = self.classifier.weight[target], self.classifier.bias[target]
        if self.fusion is None:
            return torch.stack([(branches[:, 0] * weight).sum(-1), bias], 1)
        active = weight * (self.fuse(branches) > 0)
        if self.fusion.weight is None:
            factors = branches.new_ones(branches.shape[1], 1)
        else:
            factors = self.fusion.weight
        parts = (branches * factors * active[:, None]).sum(-1)
        if self.fusion.bias is not None:
            bias = bias + (active * self.fusion.bias).sum(-1)
        return torch.cat([parts, bias[:, None]], 1)
