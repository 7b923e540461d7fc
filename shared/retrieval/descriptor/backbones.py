"""Backbones of the descriptor: their weights, and the levels of feature maps that are pooled."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from shared.core.models import load_on_device
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import expanded_maps
from shared.networks.cfn import CFN

#: Weight folder of one backbone, or of each backbone of an ensemble; None stands for the backbone's default.
Folders = str | os.PathLike | Sequence[str | os.PathLike | None]
#: Feature maps `[B, K, h, w]` by level.
Maps = Mapping[str, Tensor]

#: Levels of each network and their channels K, at strides 16 and 32; of EfficientNet-Lite at scale 2.
LEVELS: Mapping[type[nn.Module], Mapping[str, int]] = MappingProxyType(
    {
        CFN: {"mid": 576, "high": 1280},
        EfficientNetLite: {"mid-lite": 720, "high-lite": 1280},
        MobileNetV1: {"mid-v1": 512, "high-v1": 1024},
    }
)
#: Channels K of every level.
CHANNELS: Mapping[str, int] = MappingProxyType(
    {level: channels for levels in LEVELS.values() for level, channels in levels.items()}
)


@dataclass(frozen=True)
class Backbone:
    """Backbone of an extractor.

    Attributes:
        weights: Name of its weights.
        network: Class of the network, a key of `LEVELS`.
    """

    weights: str
    network: type[nn.Module]


_LITE = Backbone("retrieval-lite", EfficientNetLite)
_MOBILENET = Backbone("retrieval-mobilenet", MobileNetV1)

#: Backbones of each extractor. `cfn` is the backbone of the convolutional fusion network, `plain` MobileNetV2
#: as trained on ImageNet; `lite` and `mobilenet` were trained for retrieval, and the ensemble `both`
#: concatenates the levels of these two.
EXTRACTORS: Mapping[str, tuple[Backbone, ...]] = MappingProxyType(
    {
        "cfn": (Backbone("recognition-cfn", CFN),),
        "plain": (Backbone("recognition-plain", CFN),),
        "lite": (_LITE,),
        "mobilenet": (_MOBILENET,),
        "both": (_LITE, _MOBILENET),
    }
)


def find_extractor(name: str) -> tuple[Backbone, ...]:
    """Return the backbones of an extractor.

    Raises:
        ValueError: No extractor has this name.

    >>> [backbone.weights for backbone in find_extractor("both")]
    ['retrieval-lite', 'retrieval-mobilenet']
    """
    if name not in EXTRACTORS:
        raise ValueError(f"the engine must be one of {', '.join(EXTRACTORS)}, received {name!r}")
    return EXTRACTORS[name]


def load_backbones(
    name: str,
    folders: Folders | None = None,
    *,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> tuple[nn.Module, list[Path]]:
    """Load the backbones of an extractor.

    Args:
        name: One of `EXTRACTORS`.
        folders: Weights in place of the defaults; for an ensemble one folder, or None, per backbone.
        device: Device of the networks; by default the best available.
        allow_hub: True if missing weights may be downloaded.

    Returns:
        The network in eval mode, for an ensemble a `torch.nn.ModuleList` of all; and their weight folders.

    Raises:
        ValueError: No extractor has this name, or the number of folders is wrong.
        WeightsError: Weights cannot be used.
    """
    backbones = find_extractor(name)
    loaded = [
        load_on_device(backbone.network, backbone.weights, folder=folder, device=device, allow_hub=allow_hub)
        for backbone, folder in zip(backbones, _folder_list(folders, len(backbones)), strict=True)
    ]
    networks = [network for network, _ in loaded]
    network = networks[0] if len(networks) == 1 else nn.ModuleList(networks).eval()
    return network, [folder for _, folder in loaded]


def extractor_levels(name: str) -> tuple[str, ...]:
    """Return the levels of an extractor, those of its first backbone first.

    >>> extractor_levels("both")
    ('mid-lite', 'high-lite', 'mid-v1', 'high-v1')
    """
    return tuple(level for backbone in find_extractor(name) for level in LEVELS[backbone.network])


def network_levels(network: nn.Module) -> tuple[str, ...]:
    """Return the levels of a network, or of all networks in a `torch.nn.ModuleList`, in order."""
    if isinstance(network, nn.ModuleList):
        return tuple(level for member in network for level in network_levels(member))
    return tuple(LEVELS[type(network)])


def feature_maps(network: nn.Module, x: Tensor, levels: Iterable[str] | None = None) -> Maps:
    """Compute feature maps after their ReLU6.

    `"mid"` of a CFN are the 576 channels to which the last block at stride 16 expands, `"high"` the 1280 of
    the head at stride 32; its branches and classifier do not run. `"mid-lite"` and `"high-lite"` are the same
    of EfficientNet-Lite. `"mid-v1"` and `"high-v1"` are the outputs of MobileNetV1's last blocks at stride 16
    and 32.

    Args:
        network: Network, or several in a `torch.nn.ModuleList`; one without any of the levels does not run.
        x: Images `[B, 3, H, W]`, RGB in 0..1.
        levels: Levels to compute; by default all.

    Returns:
        `[B, K, ceil(H / stride), ceil(W / stride)]` by level.

    Raises:
        ValueError: The network lacks one of the levels.
    """
    available = network_levels(network)
    levels = available if levels is None else tuple(levels)
    if not set(levels) <= set(available):
        raise ValueError(f"the levels must be some of {', '.join(available)}, received {list(levels)}")
    result: dict[str, Tensor] = {}
    for member in network if isinstance(network, nn.ModuleList) else [network]:
        member_levels = network_levels(member)
        if set(levels) & set(member_levels):
            maps = dict(zip(member_levels, _last_maps(member, x * 2 - 1), strict=True))
            result |= {level: maps[level] for level in levels if level in maps}
    return result


def list_feature_maps(network: nn.Module, x: Tensor, *, levels: Sequence[str]) -> list[Tensor]:
    """Compute feature maps as a list in the order of `levels`, see `feature_maps`."""
    maps = feature_maps(network, x, levels)
    return [maps[level] for level in levels]


def _last_maps(network: nn.Module, x: Tensor) -> list[Tensor]:
    if isinstance(network, CFN):
        return expanded_maps(network.base, network.head, x)
    maps: list[Tensor] = network(x)[-2:]
    return maps


def _folder_list(folders: Folders | None, count: int) -> Sequence[str | os.PathLike | None]:
    """Return one folder, or None, per backbone."""
    if folders is None:
        return [None] * count
    listed = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
    if len(listed) != count:
        raise ValueError(f"give one folder for each of the engine's {count} networks, received {len(listed)}")
    return listed
