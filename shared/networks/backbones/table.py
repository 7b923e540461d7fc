"""Backbones by name, as configurations name them."""

from collections.abc import Callable, Mapping
from functools import partial

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.backbones.mobilenet_v2 import Backbone, MobileNetV2Backbone

#: Backbones whose last layer, a 1x1 convolution, has 1280 channels.
BACKBONES: Mapping[str, Callable[[], Backbone]] = {
    "mobilenet_v2": MobileNetV2Backbone,
    "efficientnet_lite0": EfficientNetLiteBackbone,
    "efficientnet_lite2": partial(EfficientNetLiteBackbone, 2),
}


def new_backbone(name: str) -> Backbone:
    """Return a new backbone.

    Args:
        name: One of `BACKBONES`.

    Raises:
        ValueError: The backbone is unknown.
    """
    if name not in BACKBONES:
        raise ValueError(f"the backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    return BACKBONES[name]()
