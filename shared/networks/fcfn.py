"""Fully Convolutional Fusion Networks: the fusion of CFN for every pixel.

Liu, Guo, Georgiou and Lew, "Fusion that matters", Multimedia Tools and Applications 77, 2018 (thesis of
Y. Liu, section 2.3): the branches of a CFN stay maps, are brought to one resolution, and are fused with a
weight of their own per (branch, class), shared over the positions. `FCFN` segments, `FCFNEdges` finds edges.
"""

from __future__ import annotations

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.layers import Fusion, Merge, extend, upsample
from shared.networks.rds import SIDES, MobileNetFPN


class FCFN(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-segmentation",
    tags=["semantic-segmentation"],
    license="apache-2.0",
):
    """Segmentation on MobileNetV2 with four branches, at strides 4, 8, 16 and 32 (or 16 again).

    The published network scores the stages of VGG-16 as they are. MobileNetV2's early stages are too thin for
    that: here a narrow path carries what the deep stages know down to the fine ones, and each step of the
    path is a branch.

    Args:
        classes: how many classes.
        fuse: `"scores"` fuses the branches' class scores with weights `[G, classes]`; `"features"` fuses 64
            channels with weights `[G, 64]` and scores the result.
        fusion: one of `shared.networks.layers.FUSIONS`; `"none"` is the finest branch alone.
        dilated: whether the coarsest branch stays at stride 16, and mixes the picture as a whole with each
            position as DeepLab does, whose weights it then can start from.

    Shape:
        input `[B, 3, H, W]`, RGB in 0..1, any size; output logits `[B, classes, ceil(H / 4), ceil(W / 4)]`,
        whose cells lie over 4 x 4 pixels each.
    """

    STRIDE = 4
    # Mirrored pixels on the right and at the bottom, where the base would see zeros (see MobileNetFPN).
    MARGIN = 16
    PATH = (128, 96, 64, 64)  # channels of the branches at strides 32, 16, 8, 4
    DILATED = 256  # channels of the coarsest branch where it is dilated
    FEATURES = 64

    def __init__(
        self, classes: int = 21, fuse: str = "scores", fusion: str = "lc", dilated: bool = False
    ) -> None:
        super().__init__()
        if fuse not in ("scores", "features"):
            raise ValueError(f"fuse must be scores or features, got {fuse!r}")
        self.base = MobileNetV2Backbone(depth=17, dilated=dilated)
        _, *stages, top = self.base.widths
        path = (self.DILATED if dilated else self.PATH[0], *self.PATH[1:])
        self.top = nn.Conv2d(top, path[0], 1)
        self.context = nn.Conv2d(top, path[0], 1)
        self.mix = nn.Conv2d(2 * path[0], path[0], 1) if dilated else None
        factors = (1 if dilated else 2, 2, 2)
        self.merges = nn.ModuleList(
            Merge(below, above, width, factor)
            for below, above, width, factor in zip(reversed(stages), path, path[1:], factors, strict=False)
        )
        self.factors = (1, 2, 4, 4 * factors[0])  # of the branches, from fine to coarse
        used = path[-1:] if fusion == "none" else path[::-1]
        channels = classes if fuse == "scores" else self.FEATURES
        self.branches = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in used)
        self.fusion = Fusion(len(used), channels, kind=fusion)
        self.classifier = nn.Conv2d(self.FEATURES, classes, 1) if fuse == "features" else None

    def forward(self, x: Tensor) -> Tensor:
        size = [-(-side // self.STRIDE) for side in x.shape[-2:]]
        _, *stages, top = self.base(extend(x * 2 - 1, self.MARGIN))
        # What the picture shows as a whole is told to every position.
        here, whole = self.top(top), self.context(top.mean((-2, -1), keepdim=True))
        if self.mix is None:
            path = F.relu(here + whole)
        else:
            path = F.relu(self.mix(F.relu(torch.cat([whole.expand_as(here), here], 1))))
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
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-segmentation",
    tags=["edge-detection"],
    license="apache-2.0",
):
    """Edges by fused features, on the stem, base and path of `MobileNetFPN`.

    With a single output channel a weight per (branch, class) is the fusion of HED. So here the branches keep
    16 channels each, are fused with weights `[5, 16]`, and only the result is scored.

    Shape:
        as `shared.networks.rds.RDS`: input `[B, 3, H, W]`, RGB in 0..1; output logits `[B, 6, H, W]`: five
        branches from fine to coarse, each scored by itself, and the fusion.
    """

    FEATURES = 16

    def __init__(self) -> None:
        super().__init__()
        self.net = MobileNetFPN()
        widths = (MobileNetFPN.STEM_CHANNELS, *reversed(MobileNetFPN.PATH[1:]))
        self.branches = nn.ModuleList(nn.Conv2d(width, self.FEATURES, 1) for width in widths)
        self.scores = nn.ModuleList(nn.Conv2d(self.FEATURES, 1, 1) for _ in widths)
        self.fusion = Fusion(SIDES, self.FEATURES)
        self.classifier = nn.Conv2d(self.FEATURES, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        _, steps = self.net.maps(x)
        features = [F.relu(branch(step)) for branch, step in zip(self.branches, steps, strict=True)]
        sides = [
            upsample(score(feature), size, 2**index)
            for index, (score, feature) in enumerate(zip(self.scores, features, strict=True))
        ]
        enlarged = [upsample(feature, size, 2**index) for index, feature in enumerate(features)]
        fused = F.relu(self.fusion(torch.stack(enlarged, 1)))
        return torch.cat([*sides, self.classifier(fused)], 1)
