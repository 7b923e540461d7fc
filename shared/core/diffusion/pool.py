"""Large models that pages keep in memory, of which a machine can rarely hold two."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from shared.core import devices
from shared.core.weights import WeightsError

log = logging.getLogger("image_spaces")

Model = TypeVar("Model")


class ModelPool(Generic[Model]):
    """Models by name, loaded on first use; the one before, of any pool, makes room for the next.

    On ZeroGPU all of them are loaded at once and stay, since a model must be on the device when the app
    starts; one that cannot be had just now is tried again when it is chosen. Safe to call from many threads:
    a model that still runs is freed when its run ends.

    Args:
        names: Names of the models.
        load: Loads a model by its name.
    """

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _pools: ClassVar[weakref.WeakSet[ModelPool[Any]]] = weakref.WeakSet()

    def __init__(self, names: Iterable[str], load: Callable[[str], Model]) -> None:
        self._names = tuple(names)
        self._load = load
        self._models: dict[str, Model] = {}
        if not devices.on_zero_gpu():
            self._pools.add(self)
            return
        for name in self._names:
            try:
                self._models[name] = load(name)
            except WeightsError as error:
                log.warning("The app starts without %s: %s", name, error)

    def models(self) -> dict[str, Callable[[], Model]]:
        """Return a function for each model, which returns it, by name."""
        return {name: partial(self, name) for name in self._names}

    def __call__(self, name: str) -> Model:
        """Return a model.

        Raises:
            ValueError: No model has this name.
            WeightsError: The model cannot be loaded.
        """
        with self._lock:
            if name not in self._models:
                for pool in self._pools:  # none on ZeroGPU
                    pool._models.clear()
                gc.collect()  # pipelines hold cycles of references
                self._models[name] = self._load(name)
            return self._models[name]
