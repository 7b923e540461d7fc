"""Distances of images by the maps of a fixed network: content, and style.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016, with the
first blocks of an ImageNet network in place of VGG-16.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from shared.networks.backbones.mobilenet_v2 import Backbone, MobileNetV2Backbone
from shared.training.pretrained import load_backbone_weights


def load_fixed_network(path: str | Path, depth: int) -> Backbone:
    """Load blocks of MobileNetV2 as a fixed network.

    Args:
        path: Safetensors file of the ImageNet weights.
        depth: See `MobileNetV2Backbone`.
    """
    backbone = MobileNetV2Backbone(depth=depth)
    load_backbone_weights(backbone, path)
    return freeze(backbone)


def freeze(network: Backbone) -> Backbone:
    """Put a network into eval mode, without gradients for its parameters."""
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def content_distance(maps: Sequence[Tensor], references: Sequence[Tensor]) -> Tensor:
    """Return the mean absolute difference of maps, relative to the deviation of the references.

    Args:
        maps: Maps of several levels, each `[B, K, H, W]`.
        references: Maps of the same shapes.

    Returns:
        Mean over the levels, one value for each image, `[B]`.
    """
    values = []
    for x, reference in zip(maps, references, strict=True):
        center = reference.mean((-2, -1), keepdim=True)
        spread = (reference - center).abs().mean((1, 2, 3))
        values.append((x - reference).abs().mean((1, 2, 3)) / (spread + 1e-3))
    return torch.stack(values).mean(0)


def gram(x: Tensor) -> Tensor:
    """Return the uncentered second moments of channels, `x x^T / (H W)`, `[B, K, K]`."""
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def style_distance(grams: Sequence[Tensor], references: Sequence[Tensor]) -> Tensor:
    """Return the distance of Gram matrices, relative to the norm of the references.

    Args:
        grams: Matrices of several levels, each `[B, K, K]`.
        references: Matrices of the same shapes.

    Returns:
        Mean over the levels of `|G - R| / |R|` in the Frobenius norm, one value for each image, `[B]`.
    """
    distances = [
        (g - r).norm(dim=(1, 2)) / (r.norm(dim=(1, 2)) + 1e-6) for g, r in zip(grams, references, strict=True)
    ]
    return torch.stack(distances).mean(0)
