"""Common bases of predictors: of one network, and of an engine that is chosen by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from shared.core import engines
from shared.core.engines import Engine
from shared.core.models import load_on_device

if TYPE_CHECKING:
    import torch
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")
OwnPredictor = TypeVar("OwnPredictor", bound="NetworkPredictor[Any]")
Backend = TypeVar("Backend")
Predictor = TypeVar("Predictor", bound="EnginePredictor[Any]")


class NetworkPredictor(Generic[Network]):
    """Predictor that runs one network.

    Args:
        network: The network on its device, in eval mode.

    Attributes:
        NETWORK: Class of the network.
        WEIGHTS: Name of its weights.
    """

    NETWORK: ClassVar[type[Any]]
    WEIGHTS: ClassVar[str]

    def __init__(self, network: Network) -> None:
        from shared.core.cpu_runtime import compiled  # deferred: it imports torch, which is slow

        self.network = network
        self._compiled = compiled(network)
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    @classmethod
    def load(
        cls: type[OwnPredictor],
        name: str | None = None,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> OwnPredictor:
        """Load the network.

        Args:
            name: Name of the weights, see `shared.core.weights.find`; by default `WEIGHTS`.
            folder: Path of the weight folder, if it is known.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine.

        Raises:
            WeightsError: The weights cannot be used.
        """
        name = cls.WEIGHTS if name is None else name
        network, _ = load_on_device(cls.NETWORK, name, folder=folder, device=device, allow_hub=allow_hub)
        return cls(network)


class EnginePredictor(Generic[Backend]):
    """Predictor that runs the model of an engine.

    Attributes:
        ENGINES: Engines by name; the first one is the default.
        engine: Name of the engine.
        backend: The model or function behind it.
    """

    ENGINES: ClassVar[Mapping[str, Engine[Any]]]

    def __init__(self, engine: str, backend: Backend) -> None:
        self.engine = engine
        self.backend = backend

    @classmethod
    def load(
        cls: type[Predictor],
        name: str | None = None,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Predictor:
        """Load an engine.

        Args:
            name: One of `ENGINES`, by default the first.
            folder: Weights to use in place of the engine's own.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine. Engines of the Hub always
                download theirs.

        Raises:
            ValueError: No engine has this name.
            WeightsError: The weights cannot be used.
        """
        name = next(iter(cls.ENGINES)) if name is None else name
        engine = engines.find(cls.ENGINES, name)
        return cls(name, engine.load(folder=folder, device=device, allow_hub=allow_hub))
