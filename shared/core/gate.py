"""A gate for data that many threads read while one changes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class Gate:
    """Many readers at once, or one writer alone.

    A lock for everybody would let one search wait for another, and a copy for each change would copy a
    gigabyte to add one picture. So a writer has two steps, and takes them in this order only:

    1. `changing`: one writer at a time; readers go on. The place for slow work, such as training.
    2. `alone`, inside `changing`: no reader is inside. The place for the change itself.

    A writer that waits is next: readers that come later wait for it, so that a stream of searches cannot
    starve it. A reader must not ask twice: it would wait for a writer that waits for it.

    >>> gate = Gate()
    >>> with gate.changing():
    ...     with gate.reading():
    ...         print("slow work beside a reader")
    ...     with gate.alone():
    ...         print("the change")
    slow work beside a reader
    the change
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._lock = threading.Lock()  # of the two below; readers take it as it is, which is faster
        self._state = threading.Condition(self._lock)
        self._readers = 0
        self._closed = False
        self._reading = _Reading(self)

    def reading(self) -> AbstractContextManager[None]:
        """Keeps writers from changing anything."""
        return self._reading

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keeps other writers out."""
        with self._turn:
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps readers out; only inside `changing`."""
        try:
            with self._state:
                self._closed = True
                while self._readers:
                    self._state.wait()
            yield
        finally:
            with self._state:
                self._closed = False
                self._state.notify_all()


class _Reading:
    """What `Gate.reading` returns: one for all readers, since to make it would take as long as some searches.

    Args:
        gate: Whose it is.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate, self._lock = gate, gate._lock

    def __enter__(self) -> None:
        gate = self._gate
        with self._lock:
            while gate._closed:
                gate._state.wait()
            gate._readers += 1

    def __exit__(self, *error: object) -> None:
        gate = self._gate
        with self._lock:
            gate._readers -= 1
            if gate._closed and not gate._readers:
                gate._state.notify_all()
