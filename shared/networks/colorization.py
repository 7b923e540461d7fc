"""Colorization of grey images as classification of quantized chroma.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016: every pixel gets a probability for each of
some colors of the ab plane, rare colors weigh more in the loss, and the result is an annealed mean, which is
more saturated than the mean. The encoder is EfficientNet-Lite; a vector of the whole image joins its coarsest
map, as in Iizuka et al., "Let there be Color!", SIGGRAPH 2016, so that distant parts agree on the scene.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.hub_mixin import HubMixin

LIGHTNESS = 100.0  # of white, in CIE Lab
STRIDE = 4  # of the output


class TopDownBlock(nn.Module):
    """Sum of an enlarged coarse map and a finer one, then a depthwise separable convolution.

    Args:
        fine_channels: Channels of the finer map.
        channels: Channels of the coarse map and of the output.

    Shape:
        Coarse `[B, channels, h, w]` and fine `[B, fine_channels, H, W]`; output `[B, channels, H, W]`.
    """

    def __init__(self, fine_channels: int, channels: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(fine_channels, channels, 1)
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        x = F.interpolate(coarse, fine.shape[-2:], mode="bilinear") + self.lateral(fine)
        return x + self.project(F.relu(self.depthwise(F.relu(x))))


class Colorization(
    nn.Module,
    HubMixin,
    pipeline_tag="image-to-image",
    tags=["colorization", "efficientnet-lite"],
):
    """Probabilities of the colors of each cell of 4 x 4 pixels of a grey image.

    Args:
        scale: Scale of the EfficientNet-Lite encoder.
        colors: Number of colors, Q.
        channels: Channels of the decoder.

    Attributes:
        palette: Colors in the ab plane of CIE Lab, `[Q, 2]`.

    Shape:
        Input `[B, 1, H, W]`, lightness L of CIE Lab in 0..100; output logits
        `[B, Q, ceil(H / 4), ceil(W / 4)]`.

    >>> tuple(Colorization(scale=0, colors=8, channels=16)(torch.zeros(1, 1, 64, 50)).shape)
    (1, 8, 16, 13)
    """

    palette: Tensor

    def __init__(self, *, scale: int = 2, colors: int = 128, channels: int = 128) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        self.base.set_padding("symmetric")  # a shift of the input by half a cell must not shift the colors
        *fine, deepest = self.base.widths[1:]
        self.top = nn.Conv2d(deepest, channels, 1)
        self.scene = nn.Sequential(nn.Linear(deepest, channels), nn.ReLU(), nn.Linear(channels, channels))
        self.blocks = nn.ModuleList(TopDownBlock(width, channels) for width in reversed(fine))
        self.classifier = nn.Conv2d(channels, colors, 1)
        self.register_buffer("palette", torch.zeros(colors, 2))

    def forward(self, lightness: Tensor) -> Tensor:
        x = (lightness / (LIGHTNESS / 2) - 1).expand(-1, 3, -1, -1)
        _, *fine, deepest = self.base(x)
        x = self.top(deepest) + self.scene(deepest.mean((-2, -1)))[:, :, None, None]
        for block, level in zip(self.blocks, reversed(fine), strict=True):
            x = block(x, level)
        return self.classifier(F.relu(x))


def annealed_mean(logits: Tensor, palette: Tensor, temperature: float = 0.38) -> Tensor:
    """Return the mean color of sharpened probabilities, equation 5 of Zhang et al.

    Args:
        logits: `[B, Q, h, w]`.
        palette: `[Q, 2]`.
        temperature: 1 gives the mean, which is dull where colors compete; towards 0 the most probable color,
            which leaves borders inside a surface.

    Returns:
        `[B, 2, h, w]`, in the units of the palette.
    """
    probabilities = torch.softmax(logits / temperature, 1)
    return torch.einsum("bqhw,qc->bchw", probabilities, palette)


def soft_colors(chroma: Tensor, palette: Tensor, *, neighbors: int = 5, sigma: float = 5.0) -> Tensor:
    """Encode chroma as weights of the nearest colors, section 2.2 of Zhang et al.

    Args:
        chroma: `[B, 2, h, w]`, ab of CIE Lab.
        palette: `[Q, 2]`.
        neighbors: Number of colors that share a pixel.
        sigma: Standard deviation of the Gaussian of their distances, in units of ab.

    Returns:
        `[B, Q, h, w]`, which sum to 1 over Q.
    """
    batch, _, height, width = chroma.shape
    distances = torch.cdist(chroma.permute(0, 2, 3, 1).reshape(-1, 2), palette)
    nearest, indices = distances.topk(neighbors, largest=False)
    weights = torch.softmax(-nearest.square() / (2 * sigma**2), 1)
    encoded = torch.zeros_like(distances).scatter_(1, indices, weights)
    return encoded.view(batch, height, width, -1).permute(0, 3, 1, 2)


def rebalancing_weights(frequencies: Tensor, *, uniform: float = 0.5) -> Tensor:
    """Return weights of colors that make up for their rarity, equation 4 of Zhang et al.

    Args:
        frequencies: Share of each color among the pixels of the training images, `[Q]`, sum 1.
        uniform: Share of the uniform distribution that is mixed in, 0..1.

    Returns:
        `[Q]`, with mean 1 under `frequencies`.
    """
    mixed = (1 - uniform) * frequencies + uniform / len(frequencies)
    return 1 / mixed / (frequencies / mixed).sum()


def colorization_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the rebalanced cross-entropy, equations 2 and 3 of Zhang et al.

    Args:
        logits: `[B, Q, h, w]`.
        targets: From `soft_colors`, `[B, Q, h, w]`.
        weights: From `rebalancing_weights`, `[Q]`; a pixel takes that of its strongest color.
    """
    losses = -(targets * F.log_softmax(logits, 1)).sum(1)
    return (weights[targets.argmax(1)] * losses).mean()
