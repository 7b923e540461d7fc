"""Models from the Hub that pages keep in memory: those that were used last."""

from __future__ import annotations

import gc
import threading
from typing import Any, ClassVar, TypeVar

from shared.core import devices
from shared.core.models import Lazy

T = TypeVar("T")

#: Number of models that stay in memory; each takes about a gigabyte.
MAX_LOADED = 2


class RecentModel(Lazy[T]):
    """Model from the Hub that is loaded on first use; a process keeps the `MAX_LOADED` of them used last.

    A model that still runs is freed when its run ends. On ZeroGPU all are loaded when the app starts, and
    stay.
    """

    _recent: ClassVar[dict[RecentModel[Any], None]] = {}  # the oldest first
    _recent_lock: ClassVar[threading.Lock] = threading.Lock()

    def __call__(self) -> T:
        model = super().__call__()
        if devices.on_zero_gpu():
            return model
        with self._recent_lock:
            self._recent.pop(self, None)
            self._recent[self] = None
            evicted = list(self._recent)[:-MAX_LOADED]
            for entry in evicted:
                del self._recent[entry]
        for entry in evicted:
            entry._forget()
        return model

    def _forget(self) -> None:
        with self._lock:
            self._values.clear()
        gc.collect()  # networks may hold cycles of references
