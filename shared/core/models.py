"""Models on their way into memory: from an engine's row to its network, loaded when first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from shared.core import devices, weights
from shared.core.engines import Engine

if TYPE_CHECKING:
    import torch
    from torch import nn

T = TypeVar("T")


class Lazy(Generic[T]):
    """Value that is loaded on first use and then kept, such as a detector with its weights.

    Safe to call from many threads: the first call loads and the others wait for it. After a failed load the
    next call tries again.

    Args:
        load: Loads the value. It is called by the first call, or at once on ZeroGPU, where a model must be on
            the device when the app starts.

    >>> numbers = Lazy(lambda: [1, 2, 3])
    >>> numbers() is numbers()
    True
    """

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._values: list[T] = []
        if devices.on_zero_gpu():
            self()

    def __call__(self) -> T:
        with self._lock:
            if not self._values:
                self._values.append(self._load())
            return self._values[0]


def load_network(
    engine: Engine,
    network_class: type[nn.Module],
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> tuple[nn.Module, Path]:
    """Loads the network of an engine.

    Args:
        engine: One with weights.
        network_class: See `shared.core.weights.load`.
        folder: Weights to use in place of the engine's own.
        device: Where the network runs; by default the best there is.
        allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of the
            Hub always may: to choose it is to ask for them.

    Returns:
        The network in eval mode, and the folder of its weights, whose configuration the doer reads.

    Raises:
        WeightsError: The weights cannot be used.
    """
    import torch  # deferred: a page needs `Lazy` before it needs torch, which is slow to import

    folder = weights.find(engine.weights, folder=folder, allow_hub=allow_hub or engine.from_hub)
    network = weights.load(network_class, engine.weights, folder=folder)
    device = torch.device(device or devices.default_device())
    if device.type == "cpu":
        devices.keep_freed_memory()
    # Depthwise convolutions on a CPU are half as fast again in this layout.
    return network.to(device, memory_format=torch.channels_last), folder
