"""Embedding network that is taught new classes, step by step.

W. Chen, "Exploring deep learning for intelligent image retrieval" (PhD thesis, Leiden 2021), chapters 5 to 7:
a network that knows ImageNet, global max pooling of its last map, a linear layer, and vectors of length 1.
The backbone here is EfficientNet-Lite0 in place of BN-Inception. Its lower blocks are frozen for good, so
that a lesson works on their maps, which are computed once.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import FEATURE_CHANNELS, EfficientNetLiteBackbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import SmallDepthwiseConv2d
from shared.networks.lifelong.inversion import Statistics

TRAINED_BLOCKS = 2  # of the backbone, the last ones; all before them are frozen for good


class Embeddings(NamedTuple):
    """Output of `EmbeddingNetwork`.

    Attributes:
        raw: `[B, D]`, before normalisation.
        unit: `[B, D]`, of length 1; their dot products are the similarities of retrieval.
        logits: `[B, C]`, of the classes that the network was taught.
    """

    raw: Tensor
    unit: Tensor
    logits: Tensor


class EmbeddingNetwork(
    nn.Module,
    HubMixin,
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval", "continual-learning", "efficientnet-lite"],
):
    """Vectors and class logits of images, by frozen and by trainable blocks.

    The backbone's batch norms are folded into its convolutions. Two buffers hold what batch norms would know
    of the images of all lessons: the mean and the variance of each convolution's output.

    Args:
        classes: Number of classes of the classifier, see `add_classes`.
        dims: D, dimensions of a vector.
        scale: Scale of the EfficientNet-Lite, 0 to 4.

    Shape:
        Input `[B, 3, H, W]`, RGB in -1..1; output `Embeddings`. `lower` returns maps
        `[B, C, ceil(H / 32), ceil(W / 32)]`, of which `upper` makes the `Embeddings`.

    >>> network = EmbeddingNetwork(classes=3, dims=8)
    >>> output = network(torch.zeros(2, 3, 64, 64))
    >>> tuple(output.unit.shape), tuple(output.logits.shape)
    ((2, 8), (2, 3))
    """

    channel_mean: Tensor
    channel_variance: Tensor

    def __init__(self, classes: int = 1, dims: int = 512, scale: int = 0) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        self.head = nn.Conv2d(self.base.widths[-1], FEATURE_CHANNELS, 1)
        self.embed = nn.Linear(FEATURE_CHANNELS, dims)
        self.classifier = nn.Linear(dims, classes)
        self.temperature = 0.1  # of the cosine logits
        self.first_trained = len(self.base.blocks) - TRAINED_BLOCKS
        for block in self.base.blocks[self.first_trained :]:
            depthwise = cast(nn.Conv2d, block.depthwise)
            block.depthwise = SmallDepthwiseConv2d(depthwise.in_channels, depthwise.kernel_size[0])
        for module in (self.base.stem, *self.base.blocks[: self.first_trained]):
            module.requires_grad_(False)
        channels = sum(layer.out_channels for layer in self.convolutions())
        self.register_buffer("channel_mean", torch.zeros(channels))
        self.register_buffer("channel_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Embeddings:
        return self.upper(self.lower(x))

    def lower(self, x: Tensor) -> Tensor:
        """Return the maps `[B, C, h, w]` of the frozen blocks for images `[B, 3, H, W]`."""
        x = F.relu6(self.base.stem(x))
        for block in self.base.blocks[: self.first_trained]:
            x = block(x)
        return x

    def upper(self, maps: Tensor) -> Embeddings:
        """Return the output for maps of the frozen blocks, `[B, C, h, w]`."""
        for block in self.base.blocks[self.first_trained :]:
            maps = block(maps)
        raw = self.embed(F.relu6(self.head(maps)).amax((2, 3)))
        unit = F.normalize(raw, dim=1)
        directions = F.normalize(self.classifier.weight, dim=1)
        return Embeddings(raw, unit, F.linear(unit, directions) / self.temperature)

    def convolutions(self, *, trained: bool = False) -> list[nn.Conv2d]:
        """Return all convolutions, or the trainable ones alone, in the order in which they run."""
        blocks = self.base.blocks[self.first_trained :] if trained else self.base
        modules = [*blocks.modules(), self.head]
        return [module for module in modules if isinstance(module, nn.Conv2d)]

    @property
    def statistics(self) -> Statistics:
        """Mean and variance of each convolution's output over the images of all lessons."""
        sizes = [layer.out_channels for layer in self.convolutions()]
        return tuple(zip(self.channel_mean.split(sizes), self.channel_variance.split(sizes), strict=True))

    def set_statistics(self, statistics: Statistics) -> None:
        """Replace the statistics."""
        means, variances = zip(*statistics, strict=True)
        self.channel_mean.copy_(torch.cat(means))
        self.channel_variance.copy_(torch.cat(variances))

    @torch.no_grad()
    def add_classes(self, count: int) -> None:
        """Extend the classifier; the rows of the known classes stay."""
        known = self.classifier
        self.classifier = nn.Linear(known.in_features, known.out_features + count).to(known.weight.device)
        self.classifier.weight[: known.out_features] = known.weight
        self.classifier.bias[: known.out_features] = known.bias
