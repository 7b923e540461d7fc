"""Public ImageNet backbones that a joint space can start from, for training alone."""

from __future__ import annotations

import torch

from shared.crossmodal.embedders.region_features import Backbone
from shared.networks.regions import RegionBackbone
from shared.training.pretrained import load_imagenet_weights

#: Scale of each backbone, all of which are EfficientNet-Lite.
SCALES = {"efficientnet_lite0": 0}


def load_pretrained_backbone(name: str) -> Backbone:
    """Load a public backbone on the CPU, in eval mode.

    Args:
        name: One of `SCALES`.

    Raises:
        PackageError: The package with its weights is not installed.
    """
    network = RegionBackbone(backbone=name)
    state, digest = load_imagenet_weights(SCALES[name])
    network.load_state_dict(state)
    return Backbone(network.to(memory_format=torch.channels_last).eval(), digest)
