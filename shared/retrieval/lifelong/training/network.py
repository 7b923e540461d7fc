"""Network before its first lesson: EfficientNet-Lite0 that knows ImageNet."""

from __future__ import annotations

import torch

from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.training.pretrained import load_imagenet_weights

SCALE = 0


def imagenet_network(classes: int = 1, dims: int = 512, seed: int = 0) -> EmbeddingNetwork:
    """Return a network whose blocks know ImageNet and whose last layers know nothing.

    Args:
        classes: Number of classes of the first lesson.
        dims: Dimensions of a vector.
        seed: Seed of the last layers.

    Raises:
        PackageError: The package with the weights is not installed.
    """
    torch.manual_seed(seed)
    network = EmbeddingNetwork(classes=classes, dims=dims, scale=SCALE)
    published, _ = load_imagenet_weights(SCALE)
    network.load_state_dict(published, strict=False)
    return network.eval().to(memory_format=torch.channels_last)
