"""Which maps of which network describe pictures, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import expanded_maps
from shared.networks.cfn import CFN
from shared.retrieval.engines import EXTRACTORS, parts

#: The network of each engine; an engine of several parts has those of its parts.
NETWORKS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"cfn": CFN, "plain": CFN, "lite": EfficientNetLite, "mobilenet": MobileNetV1}
)

#: The levels of each network: strides 16 and 32.
LEVELS: Mapping[type[nn.Module], tuple[str, ...]] = MappingProxyType(
    {
        CFN: ("mid", "high"),
        EfficientNetLite: ("mid-lite", "high-lite"),
        MobileNetV1: ("mid-v1", "high-v1"),
    }
)

#: Channels of each level; of EfficientNet-Lite at scale 2.
CHANNELS: Mapping[str, int] = MappingProxyType(
    {
        **{"mid": 576, "high": 1280},
        **{"mid-lite": 720, "high-lite": 1280},
        **{"mid-v1": 512, "high-v1": 1024},
    }
)

#: Maps `[B, K, h, w]` by level.
Maps = Mapping[str, Tensor]


def engine_levels(name: str) -> tuple[str, ...]:
    """The levels of an engine's maps, those of its first network first.

    >>> engine_levels("both")
    ('mid-lite', 'high-lite', 'mid-v1', 'high-v1')
    """
    return tuple(level for part in parts(EXTRACTORS[name]) for level in LEVELS[NETWORKS[part.name]])


def network_levels(network: nn.Module) -> tuple[str, ...]:
    """The levels of a network, or of several in a `torch.nn.ModuleList`, in their order."""
    if isinstance(network, nn.ModuleList):
        return tuple(level for one in network for level in network_levels(one))
    return LEVELS[type(network)]


def feature_maps(network: nn.Module, x: Tensor, levels: Iterable[str] | None = None) -> Maps:
    """Maps of a network, after their ReLU6.

    Of a CFN, `"mid"` are the 576 channels into which the last block at stride 16 is widened before it is
    halved, and `"high"` the 1280 of the head at stride 32; its branches and its classifier are not used. Of
    EfficientNet-Lite, `"mid-lite"` and `"high-lite"` are the same. Of MobileNetV1, `"mid-v1"` are the 512
    channels of the last block at stride 16 and `"high-v1"` the 1024 of the last block, at stride 32.

    Args:
        network: A network, or several in a `torch.nn.ModuleList`; one that has none of the levels does not
            run.
        x: `[B, 3, H, W]`, RGB in 0..1.
        levels: Which levels; by default all that there are.

    Returns:
        `[B, K, ceil(H / stride), ceil(W / stride)]` by level.

    Raises:
        ValueError: No network here has one of the levels.
    """
    known = network_levels(network)
    levels = known if levels is None else tuple(levels)
    if not set(levels) <= set(known):
        raise ValueError(f"the levels must be some of {', '.join(known)}, received {list(levels)}")
    found: dict[str, Tensor] = {}
    for one in network if isinstance(network, nn.ModuleList) else [network]:
        own = [level for level in levels if level in network_levels(one)]
        if own:
            maps = dict(zip(LEVELS[type(one)], _last_maps(one, x * 2 - 1), strict=True))
            found |= {level: maps[level] for level in own}
    return found


def _last_maps(network: nn.Module, x: Tensor) -> list[Tensor]:
    if isinstance(network, CFN):
        return expanded_maps(network.base, network.head, x)
    return network(x)[-2:]
