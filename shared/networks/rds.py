"""Relaxed Deep Supervision for edges.

Liu and Lew, "Learning Relaxed Deep Supervision for Better Edge Detection", CVPR 2016 (thesis of Y. Liu,
chapter 3), on the network of Xie and Tu, "Holistically-Nested Edge Detection", ICCV 2015. Both papers train
one architecture; they differ in the supervision: `relaxed_loss` with a different label map for every side
output, or `balanced_loss` with the same labels everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import TopDownBlock, mirror_pad, upsample

SIDES = 5


def relaxed_loss(logits: Tensor, labels: Tensor, *, beta: float = 1.0) -> Tensor:
    """Compute the relaxed sigmoid cross-entropy of Liu and Lew 2016 (equation of section 3.2).

    `-sum_j w_j [y_j log p_j + (1 - y_j) log(1 - p_j)]` with `w_j = 9 * beta` at an edge pixel, `beta` at a
    non-edge pixel and 0 at a relaxed pixel, whose gradient is exactly zero. The weights are fixed, unlike the
    per-image balance of `balanced_loss`.

    Args:
        logits: `[B, ...]`, any real number.
        labels: Same shape; 1 edge, 0 no edge, 2 relaxed.
        beta: Weight of a non-edge pixel.

    Returns:
        The sum over pixels divided by the batch size (the paper does not divide by the pixels), 0 or above.

    Raises:
        ValueError: The shapes differ.

    >>> z = torch.tensor([[0.0, 0.0, 5.0]])
    >>> round(float(relaxed_loss(z, torch.tensor([[1, 0, 2]]))), 4)      # (9 + 1) * log 2
    6.9315
    """
    _check_shapes(logits, labels)
    edge = labels == 1
    weight = torch.where(edge, 9.0 * beta, torch.where(labels == 0, beta, 0.0))
    loss = F.binary_cross_entropy_with_logits(logits, edge.to(logits.dtype), weight, reduction="sum")
    return loss / logits.shape[0]


def balanced_loss(logits: Tensor, labels: Tensor, *, edge_weight: float = 1.0) -> Tensor:
    """Compute the class-balanced sigmoid cross-entropy of Xie and Tu 2015 (equation 2).

    In every image an edge pixel weighs the fraction of non-edges and a non-edge pixel the fraction of edges,
    so that both classes have the same total weight. Pixels with label 2 count in neither.

    Args:
        logits: `[B, ...]`, any real number.
        labels: Same shape; 1 edge, 0 no edge, 2 ignored.
        edge_weight: Factor on the weight of the non-edges (Liu et al. 2017, RCF, use 1.1).

    Returns:
        The sum over pixels divided by the batch size, 0 or above.

    Raises:
        ValueError: The shapes differ.
    """
    _check_shapes(logits, labels)
    edge, no_edge = labels == 1, labels == 0
    pixel_axes = tuple(range(1, labels.ndim))
    edges = edge.sum(pixel_axes, keepdim=True).to(logits.dtype)
    total = edges + no_edge.sum(pixel_axes, keepdim=True)
    fraction = edges / total.clamp(min=1)
    weight = edge * (1 - fraction) + no_edge * fraction * edge_weight
    loss = F.binary_cross_entropy_with_logits(logits, edge.to(logits.dtype), weight, reduction="sum")
    return loss / logits.shape[0]


class RDS(
    nn.Module,
    HubMixin,
    pipeline_tag="image-segmentation",
    tags=["edge-detection"],
):
    """Edge network with five side outputs, fine to coarse, and their fusion.

    Args:
        base: `"vgg16"`, the network as published (14,716,171 parameters), or `"mobilenet_v2"`, the same
            design on the stages of MobileNetV2 (see `MobileNetEdges`), for which there are weights.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any height and width from 1; output logits `[B, 6, H, W]`: the side
        outputs 1 to 5 and, last, the fusion.

    Raises:
        ValueError: The base is unknown.
    """

    def __init__(self, base: str = "mobilenet_v2") -> None:
        super().__init__()
        bases: dict[str, type[VGG16Edges] | type[MobileNetEdges]] = {
            "vgg16": VGG16Edges,
            "mobilenet_v2": MobileNetEdges,
        }
        if base not in bases:
            raise ValueError(f"base must be one of {', '.join(bases)}, got {base!r}")
        self.net: VGG16Edges | MobileNetEdges = bases[base]()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class VGG16Edges(nn.Module):
    """VGG-16 without its fifth pooling and classifier: a 1x1 score per stage, and a 1x1 fusion of the scores.

    Scores start at zero and the fusion at the mean of the five, as in the authors' network definition.
    Upsampling is a fixed bilinear interpolation by the stride, cropped to the image.

    Shape:
        As `RDS`.
    """

    STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (channels, convolutions)
    # The first convolution pads by 35, so that even a tiny image fills the deepest stage; these are the
    # rows and columns before the image in each upsampled score: 34 from the padding, and the shift of the
    # poolings.
    MARGINS = (34, 35, 36, 38, 42)

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels = 3
        for width, repeats in self.STAGES:
            layers: list[nn.Module] = []
            for _ in range(repeats):
                padding = 35 if channels == 3 else 1
                layers += [nn.Conv2d(channels, width, 3, padding=padding), nn.ReLU(inplace=True)]
                channels = width
            self.stages.append(nn.Sequential(*layers))
        self.scores = nn.ModuleList(nn.Conv2d(width, 1, 1) for width, _ in self.STAGES)
        self.fuse = nn.Conv2d(SIDES, 1, 1)
        for layer in (*self.scores, self.fuse):
            nn.init.zeros_(layer.get_parameter("weight"))
            nn.init.zeros_(layer.get_parameter("bias"))
        nn.init.constant_(self.fuse.weight, 1 / SIDES)
        mean = torch.tensor([122.67892, 116.66877, 104.00699]).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = x * 255 - self.mean
        sides = []
        for index, (stage, score) in enumerate(zip(self.stages, self.scores, strict=True)):
            if index:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = stage(x)
            sides.append(self._upsample(score(x), index, size))
        return torch.cat([*sides, self.fuse(torch.cat(sides, 1))], 1)

    def _upsample(self, score: Tensor, index: int, size: Sequence[int]) -> Tensor:
        if index:
            stride = 2**index
            score = F.conv_transpose2d(score, bilinear_kernel(stride).to(score), stride=stride)
        start = self.MARGINS[index]
        return score[..., start : start + size[0], start : start + size[1]]


def bilinear_kernel(stride: int) -> Tensor:
    """Return the kernel `[1, 1, 2 * stride, 2 * stride]` of a bilinear transposed convolution.

    >>> bilinear_kernel(2)[0, 0, 0]
    tensor([0.0625, 0.1875, 0.1875, 0.0625])
    """
    ramp = 1 - (torch.arange(2 * stride) + 0.5 - stride).abs() / stride
    return (ramp[:, None] * ramp)[None, None]


class MobileNetFPN(nn.Module):
    """Feature pyramid of the edge networks on MobileNetV2: strides 1, 2, 4, 8, 16 as in VGG-16.

    MobileNetV2 has no stage at full resolution, so a thin stem of two 3x3 convolutions replaces the first
    stage of VGG. A narrow top-down pathway carries deep features to full resolution.
    """

    DEPTH = 15
    STEM_CHANNELS = 16
    # The backbone pads with zeros, and only on the right and at the bottom: a border that looks like an edge
    # to every stage. So the image is mirrored there for this many pixels, which the result leaves out.
    MARGIN = 16
    # Channels of the top-down pathway at strides 32, 16, 8, 4, 2.
    PATH: tuple[int, ...] = (64, 64, 48, 32, 24)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, self.STEM_CHANNELS, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(self.STEM_CHANNELS, self.STEM_CHANNELS, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.base = MobileNetV2Backbone(depth=self.DEPTH)
        *stages, top = self.base.widths
        self.top = nn.Sequential(nn.Conv2d(top, self.PATH[0], 1), nn.ReLU(inplace=True))
        self.merges = nn.ModuleList(
            TopDownBlock(lateral, coarse, width)
            for lateral, coarse, width in zip(reversed(stages), self.PATH, self.PATH[1:], strict=False)
        )
        self.last = TopDownBlock(self.STEM_CHANNELS, self.PATH[-1], self.STEM_CHANNELS)

    def feature_maps(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Compute the bottom-up and the top-down maps.

        Args:
            x: `[B, 3, H, W]`, RGB in 0..1.

        Returns:
            The maps of the five stages and those of the five top-down steps, both from stride 1 to stride 16.
            All reach `MARGIN` pixels beyond the image on the right and at the bottom.
        """
        x = mirror_pad(x * 2 - 1, self.MARGIN)
        stages = [self.stem(x)]
        *deeper, top = self.base(x)
        stages += deeper
        path, steps = self.top(top), []
        for merge, stage in zip([*self.merges, self.last], reversed(stages), strict=True):
            path = merge(stage, path)
            steps.append(path)
        return stages, steps[::-1]


class MobileNetEdges(MobileNetFPN):
    """The design of RDS on MobileNetV2, with a tenth of the parameters.

    Every bottom-up stage has its own score, as in the published network; the fusion reads the finest top-down
    map together with the scores.

    Shape:
        As `RDS`.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (self.STEM_CHANNELS, *self.base.widths[:-1])
        self.scores = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)
        self.fuse = nn.Conv2d(self.STEM_CHANNELS + SIDES, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        stages, steps = self.feature_maps(x)
        sides = [
            upsample(score(stage), size, 2**index)
            for index, (score, stage) in enumerate(zip(self.scores, stages, strict=True))
        ]
        finest = steps[0][..., : size[0], : size[1]]
        return torch.cat([*sides, self.fuse(torch.cat([finest, *sides], 1))], 1)


def _check_shapes(logits: Tensor, labels: Tensor) -> None:
    if logits.shape != labels.shape:
        raise ValueError(
            f"labels must have the shape of logits, got {tuple(labels.shape)} and {tuple(logits.shape)}"
        )
