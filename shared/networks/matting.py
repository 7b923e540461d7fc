"""Network of the main subject: a photo to the probability that a pixel belongs to its subject.

EfficientNet-Lite with a top-down pathway (Lin et al., "Feature Pyramid Networks for Object Detection", CVPR
2017). The mean of the coarsest map tells every position about the whole photo, since a subject is one only
beside everything else; the logits of a pixel are rearranged from channels at half the resolution (Shi et al.,
"Real-Time Single Image and Video Super-Resolution", CVPR 2016).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import TopDownBlock


class MattingNetwork(
    nn.Module,
    HubMixin,
    pipeline_tag="image-segmentation",
    tags=["background-removal", "matting", "salient-object-detection"],
):
    """Main subject of an image.

    Args:
        scale: Scale of the EfficientNet-Lite, 0 to 4.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any height and width from 1; output logits `[B, 1, H, W]`, of the
        subject. The network learned from images of about 256 x 256 pixels.
    """

    WIDTHS = (96, 64, 40, 24)  # of the top-down pathway at strides 16, 8, 4, 2

    def __init__(self, scale: int = 0) -> None:
        super().__init__()
        self.base = EfficientNetLiteBackbone(scale)
        *lateral_widths, top_width = self.base.widths
        self.context = nn.Conv2d(top_width, self.WIDTHS[0], 1)
        self.top = nn.Conv2d(top_width, self.WIDTHS[0], 1)
        coarse_widths = (self.WIDTHS[0], *self.WIDTHS)
        self.path = nn.ModuleList(
            TopDownBlock(lateral, coarse, width)
            for lateral, coarse, width in zip(
                reversed(lateral_widths), coarse_widths, self.WIDTHS, strict=False
            )
        )
        self.last = nn.Conv2d(self.WIDTHS[-1], 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        *laterals, coarsest = self.base(x * 2 - 1)
        y = F.relu(self.top(coarsest) + self.context(coarsest.mean((-2, -1), keepdim=True)))
        for block, lateral in zip(self.path, reversed(laterals), strict=True):
            y = block(lateral, y)
        logits: Tensor = F.pixel_shuffle(self.last(y), 2)
        return logits[..., :height, :width]
