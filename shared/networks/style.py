"""Feed-forward style transfer: one network for many painted styles and for any image as the style.

Dumoulin et al., "A Learned Representation for Artistic Style", ICLR 2017, switch the styles of one network by
the scales and shifts of its instance normalisation. Ghiasi et al., "Exploring the structure of a real-time,
arbitrary neural artistic stylization network", BMVC 2017, predict these from an image of the style. Both are
one network here: a style is a vector, from a table or from the predictor, and every scale and shift is a
linear function of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.instance_norm import instance_statistics
from shared.networks.layers import mirror_pad
from shared.networks.style_layers import StyledConvolution, StyledOutput, StyledResidualBlock, enlarge

STRIDE = 8  # of the deepest maps; the sides of inputs are padded to multiples of it
MIN_SIDE = 32  # reflection padding at the deepest maps needs a few cells
PREDICTOR_DEPTH = 13  # blocks of MobileNetV2 that the style predictor has
STYLE_SIDE = 256  # of the images that the style predictor learned from, in pixels


class StyleTransformer(nn.Module):
    """U-shaped network that repaints an image under a condition.

    Its maps have strides 2, 4 and 8; nearest-neighbour enlargement and a convolution lead back, so that no
    checkerboard arises, and the maps of strides 2 and 4 are added on the way.

    Args:
        channels: Channels of the maps of strides 2, 4 and 8.
        blocks: Residual blocks at strides 4 (before), 8 and 4 (after).
        condition: Length of the condition, D.

    Shape:
        Image `[B, 3, H, W]` in 0..1 and condition `[B, D]`, output `[B, 3, H, W]` in 0..1; any H and W.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = (16, 32, 64),
        blocks: Sequence[int] = (1, 3, 1),
        condition: int = 100,
    ) -> None:
        super().__init__()
        half, quarter, eighth = channels
        before, deep, after = blocks

        def residual_blocks(count: int, width: int) -> nn.ModuleList:
            return nn.ModuleList(StyledResidualBlock(width, condition) for _ in range(count))

        self.stem = StyledConvolution(3, half, condition, kernel=5, stride=2)
        self.down = StyledConvolution(half, quarter, condition, stride=2)
        self.before = residual_blocks(before, quarter)
        self.deepen = StyledConvolution(quarter, eighth, condition, stride=2)
        self.deep = residual_blocks(deep, eighth)
        self.rise = StyledConvolution(eighth, quarter, condition, kernel=1)
        self.after = residual_blocks(after, quarter)
        self.up = StyledConvolution(quarter, half, condition, kernel=1)
        self.refine = StyledConvolution(half, half, condition)
        self.narrow = StyledConvolution(half, half // 2, condition)
        self.output = StyledOutput(half // 2, condition)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_stride(x)
        half = self.stem(2 * x - 1, condition)
        quarter = self.down(half, condition)
        for block in self.before:
            quarter = block(quarter, condition)
        deep = self.deepen(quarter, condition)
        for block in self.deep:
            deep = block(deep, condition)
        y = quarter + enlarge(self.rise(deep, condition))
        for block in self.after:
            y = block(y, condition)
        y = half + enlarge(self.up(y, condition))
        y = self.narrow(self.refine(y, condition), condition)
        return self.output(y, condition)[..., :height, :width]


class StylePredictor(nn.Module):
    """Style vector of an image: the first blocks of MobileNetV2, statistics of their maps, two linear layers.

    Args:
        condition: Length of the vector, D.
        hidden: Width of the hidden layer.

    Shape:
        RGB `[B, 3, H, W]` in 0..1, best `STYLE_SIDE` pixels wide and high; output `[B, D]`.
    """

    def __init__(self, condition: int = 100, *, hidden: int = 256) -> None:
        super().__init__()
        self.backbone = MobileNetV2Backbone(depth=PREDICTOR_DEPTH)
        self.head = nn.Sequential(
            nn.Linear(2 * sum(self.backbone.widths), hidden), nn.ReLU(), nn.Linear(hidden, condition)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.statistics(x))

    def statistics(self, x: Tensor) -> Tensor:
        """Return means and deviations of all maps, `[B, F]`."""
        moments = [instance_statistics(level) for level in self.backbone(2 * x - 1)]
        return torch.cat([part for mean, var in moments for part in (mean, (var + 1e-5).sqrt())], 1).flatten(
            1
        )


class StyleNetwork(nn.Module, HubMixin, pipeline_tag="image-to-image", tags=["style-transfer"]):
    """Transformer, table of painted styles, and style predictor.

    Args:
        styles: Number of styles in the table.
        channels: See `StyleTransformer`.
        blocks: See `StyleTransformer`.
        condition: Length of a style vector, D.

    Shape:
        Image `[B, 3, H, W]` in 0..1 and style vectors `[B, D]`, output `[B, 3, H, W]` in 0..1; any H and W.
    """

    def __init__(
        self,
        styles: int = 26,
        channels: Sequence[int] = (16, 32, 64),
        blocks: Sequence[int] = (1, 3, 1),
        condition: int = 100,
    ) -> None:
        super().__init__()
        self.transformer = StyleTransformer(channels=channels, blocks=blocks, condition=condition)
        self.table = nn.Parameter(torch.randn(styles, condition))
        self.predictor = StylePredictor(condition)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        return self.transformer(x, vector)


def pad_to_stride(x: Tensor) -> Tensor:
    """Extend images `[..., H, W]` by mirrored rows and columns to multiples of `STRIDE`, at least 32."""
    height, width = x.shape[-2:]
    bottom, right = (max(-side % STRIDE, MIN_SIDE - side) for side in (height, width))
    if max(bottom, right) == 0:
        return x
    return mirror_pad(x, max(bottom, right))[..., : height + bottom, : width + right]
