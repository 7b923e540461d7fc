"""Thread that gives the memory of idle models back, and ends before the interpreter does."""

from __future__ import annotations

import atexit
import threading
import weakref
from enum import Enum, auto
from typing import Protocol

from shared.core.devices import release_freed_memory

#: Seconds between two looks at the models in use.
PERIOD = 1.0


class Release(Enum):
    """Memory that a model has just given back."""

    NOTHING = auto()
    SOME = auto()
    ALL = auto()


class Releasable(Protocol):
    """Model whose memory can be given back."""

    def release_if_idle(self) -> Release:
        """Give memory back if no call runs or has ended lately."""


class Housekeeper:
    """Look after models in use, on one thread. Safe to call from many threads.

    The interpreter ends daemon threads wherever they are; one that is in OpenVINO, which is written in C++,
    would abort the process. So there is a single thread, and `stop` waits for it.
    """

    def __init__(self) -> None:
        self._in_use: weakref.WeakSet[Releasable] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, model: Releasable) -> None:
        """Give a model's memory back once it is idle."""
        with self._lock:
            self._in_use.add(model)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what it does is finished before."""
        with self._lock:
            thread = self._thread
            self._stop.set()
        self._wake.set()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            while self._is_busy() and not self._stop.wait(PERIOD):
                self._release_idle()

    def _is_busy(self) -> bool:
        with self._lock:
            return len(self._in_use) > 0

    def _release_idle(self) -> None:
        with self._lock:
            models = list(self._in_use)
        releases = {model: model.release_if_idle() for model in models}
        with self._lock:
            for model, release in releases.items():
                if release is Release.ALL:
                    self._in_use.discard(model)
        if any(release is not Release.NOTHING for release in releases.values()):
            release_freed_memory()


housekeeper = Housekeeper()
atexit.register(housekeeper.stop)
