"""Loading of models: on first use, from an engine's row to its network."""

from __future__ import annotations

import logging
import os
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared.core import devices, weights
from shared.core.engines import Engine
from shared.core.errors import InputError
from shared.core.images.errors import ImageError

if TYPE_CHECKING:
    import torch
    from torch import nn

log = logging.getLogger("image_spaces")

T = TypeVar("T")
Network = TypeVar("Network", bound="nn.Module")


class Lazy(Generic[T]):
    """Value that is loaded on first use and then kept, such as a detector with its weights.

    Safe to call from many threads: the first call loads and the others wait for it. After a failed load the
    next call tries again.

    Args:
        load: Loads the value. It is called by the first call, or at once on ZeroGPU, where a model must be on
            the device when the app starts. If weights are missing then, such as those of a repository that is
            not to be had just now, the app starts without them, and the first call tries again.
        at_start: False for a value that is not on the GPU, which ZeroGPU need not have at the start either.

    >>> numbers = Lazy(lambda: [1, 2, 3])
    >>> numbers() is numbers()
    True
    """

    def __init__(self, load: Callable[[], T], *, at_start: bool = True) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._values: list[T] = []
        if at_start and devices.on_zero_gpu():
            try:
                self()
            except weights.WeightsError as error:
                log.warning("The app starts without a model: %s", error)

    def __call__(self) -> T:
        with self._lock:
            if not self._values:
                with _readable_errors("This model"):
                    self._values.append(self._load())
            return self._values[0]


def has_weights(engine: Engine[Any]) -> bool:
    """Return True if the weights of an engine are on this machine, or are downloaded when it is chosen."""
    if engine.weights is None or engine.from_hub:
        return True
    try:
        return (weights.find(engine.weights) / weights.WEIGHTS).is_file()
    except weights.WeightsError:
        return False


def load_network(
    engine: Engine[Any],
    network_class: type[Network],
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> tuple[Network, Path]:
    """Load the network of an engine.

    Args:
        engine: Engine with weights.
        network_class: See `shared.core.weights.load`.
        folder: Weight folder in place of the engine's own.
        device: Device of the network; by default the fastest.
        allow_hub: True permits the download of missing weights. Those of an engine of the Hub may always be
            downloaded: choosing it is a request for them.

    Returns:
        The network in eval mode, and its weight folder, whose configuration the predictor reads.

    Raises:
        ValueError: The engine has no weights.
        WeightsError: The weights cannot be used.
    """
    if engine.weights is None:
        raise ValueError(f"the engine {engine.name} has no weights")
    allow_hub = allow_hub or engine.from_hub
    return load_on_device(
        network_class,
        engine.weights,
        folder=folder,
        device=device,
        allow_hub=allow_hub,
        revision=engine.revision,
    )


def load_on_device(
    network_class: type[Network],
    name: str,
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
    revision: str | None = None,
) -> tuple[Network, Path]:
    """Load a network onto a device.

    Args:
        network_class: See `shared.core.weights.load`.
        name: Name of the weights, see `shared.core.weights.find`.
        folder: Path of the weight folder, if it is known.
        device: Device of the network; by default the fastest.
        allow_hub: True permits the download of missing weights.
        revision: Commit of the Hub repository, see `shared.core.weights.find`.

    Returns:
        The network in eval mode, and its weight folder.

    Raises:
        WeightsError: The weights cannot be used.
    """
    import torch  # deferred: a page needs `Lazy` before it needs torch, which is slow to import

    folder = weights.find(name, folder=folder, allow_hub=allow_hub, revision=revision)
    network = weights.load(network_class, name, folder=folder)
    device = torch.device(device or devices.default_device())
    if device.type == "cpu":
        devices.keep_freed_memory()
    # In this memory layout, depthwise convolutions on a CPU are one and a half times as fast.
    return network.to(device).to(memory_format=torch.channels_last), folder


@contextmanager
def _readable_errors(subject: str) -> Iterator[None]:
    """Report errors of code that reads a configuration, whose values may be anything, as one sentence.

    Args:
        subject: Name of the model, which begins the sentence.

    Raises:
        WeightsError: A key is missing, or its value has a wrong type or range.
    """
    try:
        yield
    except (InputError, ImageError):
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200, placeholder=" ...").rstrip(".")
        raise weights.WeightsError(
            f"{subject} cannot be loaded ({reason}): check its {weights.CONFIG}."
        ) from error
