"""Training of segmenters: pixel loss, class weights, and initialization from published networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.evaluation.segmentation import VOID
from shared.networks.backbones.mobilenet_v2 import BLOCKS
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.training.pretrained import load_backbone_weights
from shared.training.tflite import read_convolutions


def class_weights(frequencies: np.ndarray) -> Tensor:
    """Compute class weights `1 / ln(1.02 + frequency)`, scaled so that the mean pixel has weight 1.

    Paszke et al., "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation", 2016,
    section 5.1.

    Args:
        frequencies: `[classes]`, fraction of each class among all pixels.

    Returns:
        float32 `[classes]`.
    """
    raw = 1 / np.log(1.02 + frequencies)
    return torch.from_numpy(raw / (raw * frequencies).sum()).float()


def segmentation_loss(logits: Tensor, ids: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the cross-entropy of all pixels with a class, at the image's resolution.

    Args:
        logits: `[B, classes, h, w]`, cells of `FCFN.STRIDE` pixels.
        ids: int64 `[B, H, W]`, `VOID` for pixels without a class.
        weight: `[classes]`, see `class_weights`.
    """
    height, width = ids.shape[-2:]
    logits = upsample(logits, (height, width), FCFN.STRIDE)
    return F.cross_entropy(logits, ids, weight, ignore_index=VOID)


def initialize(network: FCFN, start: Path) -> None:
    """Load the weights that a segmenter starts from.

    Args:
        network: Segmenter; changed in place.
        start: ImageNet weights of its backbone (safetensors); for a dilated network DeepLabV3 on MobileNetV2
            (int8, tflite); or the weight folder of another segmenter, of which all tensors of the same name
            and shape are used. Scores of other classes start at random.
    """
    if start.suffix == ".tflite":
        initialize_from_deeplab(network, read_convolutions(start, deeplab_layers()))
    elif start.is_dir():
        state = network.state_dict()
        trained = weights.load(FCFN, str(start), folder=start).state_dict()
        compatible = {
            name: value
            for name, value in trained.items()
            if name in state and state[name].shape == value.shape
        }
        network.load_state_dict({**state, **compatible})
    else:
        load_backbone_weights(network.base, start)


def deeplab_layers() -> list[str]:
    """Return the names of DeepLabV3's convolutions on MobileNetV2 in the order of their execution."""
    layers = ["stem"]
    for index, (expansion, _, _) in enumerate(BLOCKS):
        steps = ["expand"] * (expansion > 1) + ["depthwise", "project"]
        layers += [f"blocks.{index}.{step}" for step in steps]
    return [f"base.{layer}" for layer in layers] + ["top", "context", "mix", "scores"]


@torch.no_grad()
def initialize_from_deeplab(network: FCFN, tensors: Mapping[str, Tensor]) -> None:
    """Let a dilated segmenter start with DeepLabV3's outputs; the scores of its finer branches start at 0.

    Args:
        network: Segmenter that fuses scores of as many classes; changed in place.
        tensors: Weights and biases of `deeplab_layers`.
    """
    state = network.state_dict()
    state |= {name: value for name, value in tensors.items() if not name.startswith("scores.")}
    for key in ("weight", "bias"):
        for branch in range(len(network.branches)):
            state[f"branches.{branch}.{key}"] = torch.zeros_like(state[f"branches.{branch}.{key}"])
        state[f"branches.{len(network.branches) - 1}.{key}"] = tensors[f"scores.{key}"]
    state["fusion.weight"] = torch.ones_like(state["fusion.weight"])
    network.load_state_dict(state)
