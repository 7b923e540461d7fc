"""Public networks of ImageNet that a joint space can begin with, for training alone."""

from __future__ import annotations

import torch

from shared.networks.regions import RegionBackbone
from shared.training.pretrained import load_imagenet_weights

#: The scale of each trunk, all of which are EfficientNet-Lite.
SCALES = {"efficientnet_lite0": 0}


def load_pretrained_backbone(name: str) -> tuple[RegionBackbone, str]:
    """Loads a public network.

    Args:
        name: One of `SCALES`.

    Returns:
        The network on the CPU, in eval mode, and the SHA-256 of its weights, which tells it from others.

    Raises:
        PackageError: The package that has its weights is not installed.
    """
    base = RegionBackbone(backbone=name)
    given, digest = load_imagenet_weights(SCALES[name])
    base.load_state_dict(given)
    return base.to(memory_format=torch.channels_last).eval(), digest
