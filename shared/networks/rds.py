"""Relaxed Deep Supervision for edges.

Liu and Lew, "Learning Relaxed Deep Supervision for Better Edge Detection", CVPR 2016 (thesis of Y. Liu,
chapter 3), on the network of Xie and Tu, "Holistically-Nested Edge Detection", ICCV 2015. Both papers train
one network shape; what differs is the supervision: `relaxed_loss` with a label map of its own for every side
output, or `balanced_loss` with the same labels everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.layers import Merge, extend, upsample

SIDES = 5


def relaxed_loss(logits: Tensor, labels: Tensor, *, beta: float = 1.0) -> Tensor:
    """Sigmoid cross-entropy in which relaxed pixels do not count (Liu and Lew 2016, equation of section 3.2).

    An edge pixel weighs `alpha = 9 * beta`, a non-edge pixel `beta`, a relaxed pixel nothing: its gradient is
    exactly zero. The weights are fixed, unlike the per-picture balance of `balanced_loss`.

    Args:
        logits: `[B, ...]`, any real number.
        labels: same shape; 1 edge, 0 no edge, 2 relaxed.
        beta: weight of a non-edge pixel.

    Returns:
        The sum over pixels divided by the batch size (the paper does not divide by the pixels).

    >>> z = torch.tensor([[0.0, 0.0, 5.0]])
    >>> round(float(relaxed_loss(z, torch.tensor([[1, 0, 2]]))), 4)      # (9 + 1) * log 2
    6.9315
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"labels must have the shape of logits, got {tuple(labels.shape)} and {tuple(logits.shape)}"
        )
    edge = labels == 1
    weight = torch.where(edge, 9.0 * beta, torch.where(labels == 0, beta, 0.0))
    loss = F.binary_cross_entropy_with_logits(logits, edge.to(logits.dtype), weight, reduction="sum")
    return loss / logits.shape[0]


def balanced_loss(logits: Tensor, labels: Tensor, *, edge_weight: float = 1.0) -> Tensor:
    """Class-balanced sigmoid cross-entropy (Xie and Tu 2015, equation 2).

    In every picture an edge pixel weighs the share of non-edges and a non-edge pixel the share of edges, so
    that both classes count the same in sum. Pixels with label 2 are left out, of the loss and of the shares.

    Args:
        logits: `[B, ...]`, any real number.
        labels: same shape; 1 edge, 0 no edge, 2 left out.
        edge_weight: factor on the weight of the non-edges (Liu et al. 2017, RCF, use 1.1).

    Returns:
        The sum over pixels divided by the batch size.
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"labels must have the shape of logits, got {tuple(labels.shape)} and {tuple(logits.shape)}"
        )
    edge, rest = labels == 1, labels == 0
    pixels = tuple(range(1, labels.ndim))
    edges = edge.sum(pixels, keepdim=True).to(logits.dtype)
    total = edges + rest.sum(pixels, keepdim=True)
    share = edges / total.clamp(min=1)
    weight = edge * (1 - share) + rest * share * edge_weight
    loss = F.binary_cross_entropy_with_logits(logits, edge.to(logits.dtype), weight, reduction="sum")
    return loss / logits.shape[0]


class RDS(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="image-segmentation",
    tags=["edge-detection"],
    license="apache-2.0",
):
    """Edge network with five side outputs, fine to coarse, and their fusion.

    Args:
        base: `"vgg16"`, the network as published (14,716,171 parameters), or `"mobilenet_v2"`, the same
            design on the stages of MobileNetV2 (see `MobileNetEdges`), which is the one with embedded
            weights.

    Shape:
        input `[B, 3, H, W]`, RGB in 0..1, any height and width from 1; output logits `[B, 6, H, W]`: the side
        outputs 1 to 5 and, last, the fusion.

    Raises:
        ValueError: for an unknown base.
    """

    def __init__(self, base: str = "mobilenet_v2") -> None:
        super().__init__()
        bases = {"vgg16": VGG16Edges, "mobilenet_v2": MobileNetEdges}
        if base not in bases:
            raise ValueError(f"base must be one of {', '.join(bases)}, got {base!r}")
        self.net = bases[base]()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class VGG16Edges(nn.Module):
    """VGG-16 without its fifth pooling and classifier, a 1x1 score after every stage, a 1x1 fusion of the
    scores.

    Scores start at zero and the fusion at the mean of the five, as in the authors' network definition.
    Enlarging is a fixed bilinear interpolation by stride, cropped to the picture.
    """

    STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    # The first convolution pads by 35, so that even a tiny picture fills the deepest stage; these are the
    # rows and columns that lie before the picture in each enlarged score: 34 for the padding, the rest for
    # pooling's shift.
    MARGINS = (34, 35, 36, 38, 42)

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
        for score in self.scores:
            nn.init.zeros_(score.weight)
            nn.init.zeros_(score.bias)
        nn.init.constant_(self.fuse.weight, 1 / SIDES)
        nn.init.zeros_(self.fuse.bias)
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
            sides.append(self._enlarge(score(x), index, size))
        return torch.cat([*sides, self.fuse(torch.cat(sides, 1))], 1)

    def _enlarge(self, score: Tensor, index: int, size: Sequence[int]) -> Tensor:
        if index:
            stride = 2**index
            score = F.conv_transpose2d(score, bilinear_kernel(stride).to(score), stride=stride)
        top = self.MARGINS[index]
        return score[..., top : top + size[0], top : top + size[1]]


def bilinear_kernel(stride: int) -> Tensor:
    """Kernel `[1, 1, 2 * stride, 2 * stride]` with which a transposed convolution interpolates bilinearly.

    >>> bilinear_kernel(2)[0, 0, 0]
    tensor([0.0625, 0.1875, 0.1875, 0.0625])
    """
    ramp = 1 - (torch.arange(2 * stride) + 0.5 - stride).abs() / stride
    return (ramp[:, None] * ramp)[None, None]


class MobileNetFPN(nn.Module):
    """What edge networks on MobileNetV2 share: strides 1, 2, 4, 8, 16 as in VGG-16, and a path back to 1.

    MobileNetV2 has no stage at full resolution, so a thin stem of two 3x3 convolutions stands in for VGG's
    first stage. A narrow top-down path carries what the deep stages know to full resolution.
    """

    DEPTH = 15
    STEM_CHANNELS = 16
    # The base pads with zeros, and only on the right and at the bottom: a border that looks like an edge to
    # every stage. So the picture goes on there as its mirror image for this many pixels, which the result
    # leaves out.
    MARGIN = 16
    # Channels of the top-down path at strides 32, 16, 8, 4, 2.
    PATH = (64, 64, 48, 32, 24)

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
            Merge(below, above, width)
            for below, above, width in zip(reversed(stages), self.PATH, self.PATH[1:], strict=False)
        )
        self.last = Merge(self.STEM_CHANNELS, self.PATH[-1], self.STEM_CHANNELS)

    def maps(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The five stages, and the five steps of the path; both from stride 1 to stride 16.

        The maps reach beyond the picture, on the right and at the bottom (`MARGIN`).
        """
        x = extend(x * 2 - 1, self.MARGIN)
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

    Every stage is scored for itself, as in the published network; the fusion reads the last map of the path
    together with the scores.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (self.STEM_CHANNELS, *self.base.widths[:-1])
        self.scores = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)
        self.fuse = nn.Conv2d(self.STEM_CHANNELS + SIDES, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        stages, steps = self.maps(x)
        sides = [
            upsample(score(stage), size, 2**index)
            for index, (score, stage) in enumerate(zip(self.scores, stages, strict=True))
        ]
        last = steps[0][..., : size[0], : size[1]]
        return torch.cat([*sides, self.fuse(torch.cat([last, *sides], 1))], 1)
