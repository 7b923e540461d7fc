"""Networks of drawings: a photo to lines and tone, and a drawing to a colored image.

`DrawingNetwork` is the pyramid of the edge networks (`shared.networks.rds.MobileNetFPN`) without its coarsest
stage; three maps in place of edges come out of a small head at full resolution. `ColoringNetwork` is a U-Net
(Ronneberger et al., MICCAI 2015) whose contracting path is EfficientNet-Lite.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import TopDownBlock, mirror_pad
from shared.networks.rds import RDS, MobileNetFPN

#: Maps of `DrawingNetwork`, in the order of its channels.
MAPS = ("contours", "strokes", "tone")


class DrawingPyramid(MobileNetFPN):
    """Feature pyramid of the edge networks, with strides 1 to 16 and no deeper stage."""

    DEPTH = 13
    PATH = (64, 48, 32, 24)


class DrawingNetwork(
    nn.Module,
    HubMixin,
    pipeline_tag="image-to-image",
    tags=["drawing", "sketch", "line-art"],
):
    """Lines and tone of an image, from which a drawing is rendered.

    Args:
        width: Channels of the head at full resolution.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any height and width from 1; output logits `[B, 3, H, W]` of
        `MAPS`: outlines of objects and dark strokes of detail (1 on a line, 0 on paper), and the tone (0
        black, 1 white), free of texture and noise.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.pyramid = DrawingPyramid()
        self.head = nn.Sequential(
            nn.Conv2d(self.pyramid.STEM_CHANNELS + 3, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, len(MAPS), 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        _, (finest, *_) = self.pyramid.feature_maps(x)
        padded = mirror_pad(x * 2 - 1, self.pyramid.MARGIN)
        # The head reads the mirrored margin, too: its own padding with zeros would darken the right border.
        maps: Tensor = self.head(torch.cat([finest[..., : padded.shape[-2], : padded.shape[-1]], padded], 1))
        return maps[..., :height, :width]

    def load_edge_weights(self, edges: RDS) -> None:
        """Copy the weights that an edge network on MobileNetV2 shares with the pyramid.

        Args:
            edges: Network whose lateral connection of its second coarsest stage becomes the top.

        Raises:
            ValueError: The edge network has another base.
        """
        if not isinstance(edges.net, MobileNetFPN):
            raise ValueError("the edge network must have the base mobilenet_v2")
        source, target = edges.net, self.pyramid
        target.stem.load_state_dict(source.stem.state_dict())
        state = source.base.state_dict()
        target.base.load_state_dict({name: state[name] for name in target.base.state_dict()})
        coarsest, *finer = source.merges
        assert isinstance(coarsest, TopDownBlock)
        target.top[0].load_state_dict(coarsest.lateral.state_dict())
        for block, pretrained in zip(target.merges, finer, strict=True):
            block.load_state_dict(pretrained.state_dict())
        target.last.load_state_dict(source.last.state_dict())


class ExpandingBlock(nn.Module):
    """Step of the expanding path: the resized coarse map and the skip connection, convolved twice.

    Group normalisation (Wu and He, ECCV 2018) keeps the maps in range: those of the pretrained blocks, which
    have no activation, reach a hundred.

    Args:
        skip: Channels of the map of the contracting path.
        coarse: Channels of the coarser map.
        width: Channels of the result, a multiple of 8.

    Shape:
        `skip` `[B, skip, H, W]`, `coarse` `[B, coarse, h, w]`; output `[B, width, H, W]`, 0 or above.
    """

    def __init__(self, skip: int, coarse: int, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, width, 1)
        self.first = nn.Conv2d(skip + width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(2))

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        coarse = F.interpolate(self.narrow(coarse), skip.shape[-2:], mode="bilinear", align_corners=False)
        x = F.relu(self.norms[0](self.first(torch.cat([skip, coarse], 1))))
        return x + F.relu(self.norms[1](self.second(x)))


class ColoringNetwork(
    nn.Module,
    HubMixin,
    pipeline_tag="image-to-image",
    tags=["drawing", "sketch-to-photo", "image-colorization"],
):
    """Colored image of a drawing, at half its size: lines that are finer come from the drawing itself.

    Args:
        scale: Scale of the EfficientNet-Lite of the contracting path.

    Shape:
        Input `[B, 1, H, W]`, lightness of the drawing in 0..1, height and width from 32; output
        `[B, 3, ceil(H / 2), ceil(W / 2)]`, RGB in 0..1.
    """

    WIDTHS = (96, 64, 40, 24)  # of the expanding path at strides 16, 8, 4, 2

    def __init__(self, scale: int = 0) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        *skips, top = self.base.widths
        coarse = (top, *self.WIDTHS)
        self.path = nn.ModuleList(
            ExpandingBlock(skip, below, width)
            for skip, below, width in zip(reversed(skips), coarse, self.WIDTHS, strict=False)
        )
        self.color = nn.Conv2d(self.WIDTHS[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        *skips, path = self.base((x * 2 - 1).expand(-1, 3, -1, -1))
        for block, skip in zip(self.path, reversed(skips), strict=True):
            path = block(skip, path)
        return torch.sigmoid(self.color(path))
