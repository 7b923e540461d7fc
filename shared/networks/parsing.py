"""Network of clothes parsing: a photo to the class of every pixel of a person, and the background.

The network of `shared.networks.matting` with a wider top-down pathway and a map for every class: clothes are
told apart by the whole person, and end at borders that only a fine map shows.
"""

from __future__ import annotations

from torch import nn

from shared.networks.matting import MattingNetwork


class ParsingNetwork(
    MattingNetwork,
    pipeline_tag="image-segmentation",
    tags=["human-parsing", "clothes-parsing"],
):
    """Classes of the pixels of an image.

    Args:
        classes: Number of classes.
        scale: Scale of the EfficientNet-Lite, 0 to 4.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, any height and width from 1; output logits `[B, classes, H, W]`.
    """

    WIDTHS = (128, 96, 64, 48)

    def __init__(self, classes: int = 11, scale: int = 0) -> None:
        super().__init__(scale)
        self.last = nn.Conv2d(self.WIDTHS[-1], 4 * classes, 3, padding=1)
