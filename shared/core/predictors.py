"""Common base of the predictors that are loaded by the name of an engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from shared.core import engines
from shared.core.engines import Engine

if TYPE_CHECKING:
    import torch

Backend = TypeVar("Backend")
Predictor = TypeVar("Predictor", bound="EnginePredictor[Any]")


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
