"""Convolutional Fusion Networks.

Liu, Guo and Lew, "On the Exploration of Convolutional Fusion Networks for Visual Recognition", MMM 2017
(thesis of Y. Liu, chapter 2): side branches from the pooling layers of a plain network, each a 1x1
convolution, ReLU and global average; a locally-connected fusion of their vectors; one classifier.

`CFNCifar` and `CFN11` are the published networks, `CFN` is the same design on MobileNetV2. Each is the plain
network when `fusion="none"`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.layers import Fusion


class CFNCifar(nn.Module):
    """The network for pictures of 32 x 32 pixels.

    The published network for CIFAR-10 has 1,343,146 parameters (plain: 1,286,698). That for CIFAR-100 has
    `first=192, side_kernel=3` and 2,386,276 (plain: 1,721,572).

    Args:
        classes: how many classes.
        first: channels of the first two convolutions; all others have 192.
        side_kernel: side of the branches' convolutions, 1 or 3.
        fusion: one of `shared.networks.layers.FUSIONS`.
        width: factor on all channels, for smaller copies of the network.
        batch_norm: batch normalisation after each convolution in place of dropout between the stages; the
            published network has none.

    Shape:
        input `[B, 3, 32, 32]`, whitened or normalised; output logits `[B, classes]`.
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

        def conv(before: int, after: int, kernel: int = 3) -> nn.Sequential:
            layers = [nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=not batch_norm)]
            return nn.Sequential(*layers, *[nn.BatchNorm2d(after)] * batch_norm, nn.ReLU(inplace=True))

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
        self.fusion = Fusion(3, wide, kind=fusion, start=0.333) if fused else None
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
        if self.fusion is not None:
            branches = [
                feature,
                global_average_pool(self.side1(pool1)),
                global_average_pool(self.side2(pool2)),
            ]
            feature = F.relu(self.fusion(torch.stack(branches, 1)))
        return self.classifier(self.drop(feature))


class CFN11(nn.Module):
    """The published network for ImageNet: 6,754,408 parameters (plain: 6,283,368).

    Args:
        classes: how many classes.
        fusion: one of `shared.networks.layers.FUSIONS`.

    Shape:
        input `[B, 3, 224, 224]`, 0..255 less the mean (104, 117, 123), BGR; output logits `[B, classes]`.
    """

    def __init__(self, *, classes: int = 1000, fusion: str = "lc") -> None:
        super().__init__()

        def conv(before: int, after: int, kernel: int = 3, *, bias: bool = False, stride: int = 1) -> list:
            layer = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=bias)
            nn.init.xavier_uniform_(layer.weight)
            if bias:
                nn.init.constant_(layer.bias, 0.2)
            return [layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stage1 = nn.Sequential(*conv(3, 64, 7, bias=True, stride=2), pool)
        widths = (64, 64, 128, 256)
        self.stages = nn.ModuleList(
            nn.Sequential(*conv(before, after), *conv(after, after), pool)
            for before, after in pairwise(widths)
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
        if self.fusion is not None:
            branches = [
                global_average_pool(side(level)) for side, level in zip(self.sides, pooled, strict=True)
            ]
            feature = F.relu(self.norm(self.fusion(torch.stack([*branches, feature], 1))))
        return self.classifier(feature)


class CFN(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-classification",
    tags=["image-classification"],
    license="apache-2.0",
):
    """CFN on MobileNetV2: side branches from the maps at strides 4, 8 and 16, pooled once more.

    Where the fusion has weights, the main branch starts with weight 1 and the sides with almost nothing, so
    that a base with trained weights is not disturbed.

    Args:
        classes: how many classes.
        fusion: one of `shared.networks.layers.FUSIONS`; `"none"` is plain MobileNetV2.
        prototypes: how many features of training photos the buffer `prototypes` holds, which tell how far a
            picture is from what was trained on.

    Shape:
        input `[B, 3, H, W]`, RGB in 0..1, any size; output logits `[B, classes]`.
    """

    FEATURE_CHANNELS = 1280
    SIDES = (1, 2, 3)  # levels of the pyramid: strides 4, 8, 16
    BRANCH_NAMES = ("objects", "textures", "patterns", "parts")  # main, then the sides from fine to coarse

    def __init__(self, classes: int = 1000, fusion: str = "lc", prototypes: int = 0) -> None:
        super().__init__()
        self.base = MobileNetV2Backbone(depth=17)
        self.head = nn.Conv2d(self.base.widths[-1], self.FEATURE_CHANNELS, 1)
        fused = fusion != "none"
        self.sides = nn.ModuleList(
            nn.Conv2d(self.base.widths[level], self.FEATURE_CHANNELS, 1) for level in self.SIDES if fused
        )
        start = (1.0, *[0.05] * len(self.SIDES))
        self.fusion = Fusion(len(start), self.FEATURE_CHANNELS, kind=fusion, start=start) if fused else None
        self.classifier = nn.Linear(self.FEATURE_CHANNELS, classes)
        self.register_buffer("prototypes", torch.zeros(prototypes, self.FEATURE_CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.fuse(self.branch_vectors(self.branch_maps(x))))

    def branch_maps(self, x: Tensor) -> list[Tensor]:
        """The maps of all branches before their global average, `[B, 1280, h, w]` each, main branch first."""
        levels = self.base(x * 2 - 1)
        maps = [F.relu6(self.head(levels[-1]))]
        for side, level in zip(self.sides, self.SIDES, strict=False):  # no sides without fusion
            maps.append(F.relu(side(F.avg_pool2d(levels[level], 3, 2, 1, count_include_pad=False))))
        return maps

    @staticmethod
    def branch_vectors(maps: list[Tensor]) -> Tensor:
        """The branches' vectors `[B, G, 1280]` from their maps."""
        return torch.stack([global_average_pool(one) for one in maps], 1)

    def fuse(self, branches: Tensor) -> Tensor:
        """The fused feature `[B, 1280]` that the classifier sees."""
        return branches[:, 0] if self.fusion is None else F.relu(self.fusion(branches))

    def contributions(self, branches: Tensor, target: Tensor) -> Tensor:
        """How much each branch adds to the logit of one class per picture.

        A fused channel that ReLU cuts off contributes nothing. The rest is linear, so that the branches, the
        fusion's bias and the classifier's bias add up to the logit.

        Args:
            branches: `[B, G, 1280]`, from `branch_vectors`.
            target: class ids `[B]`.

        Returns:
            `[B, G + 1]`; the last column holds both biases.
        """
        weight, bias = self.classifier.weight[target], self.classifier.bias[target]
        if self.fusion is None:
            return torch.stack([(branches[:, 0] * weight).sum(-1), bias], 1)
        gate = weight * (self.fuse(branches) > 0)
        if self.fusion.weight is None:
            factors = branches.new_ones(branches.shape[1], 1)
        else:
            factors = self.fusion.weight
        parts = (branches * factors * gate[:, None]).sum(-1)
        if self.fusion.bias is not None:
            bias = bias + (gate * self.fusion.bias).sum(-1)
        return torch.cat([parts, bias[:, None]], 1)


def global_average_pool(x: Tensor) -> Tensor:
    """Global average pooling, `[B, K, H, W]` to `[B, K]`."""
    return x.mean((-2, -1))
