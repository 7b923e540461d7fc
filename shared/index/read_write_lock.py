"""A gate for data that many threads read while one changes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class ReadWriteLock:
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
        self._state = threading.Condition(threading.Lock())  # of whether it is closed
        self._closed = False
        self._inside: list[None] = []  # one for each reader
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
                while self._inside:
                    self._state.wait()
            yield
        finally:
            with self._state:
                self._closed = False
                self._state.notify_all()


class _Reading:
    """What `ReadWriteLock.reading` returns: one for all readers, since to make it would take as long as some searches.

    For the same reason a reader takes no lock while the gate is open. It first comes in and then looks
    whether the gate is closed; a writer first closes it and then looks whether somebody is inside. So at
    least one of the two sees the other. To lengthen a list is one step, which to count is not.

    Args:
        gate: Whose it is.
    """

    def __init__(self, gate: ReadWriteLock) -> None:
        self._gate, self._inside = gate, gate._inside

    def __enter__(self) -> None:
        self._inside.append(None)
        if self._gate._closed:
            self._wait()

    def __exit__(self, *error: object) -> None:
        self._inside.pop()
        if self._gate._closed:
            self._tell()

    def _wait(self) -> None:
        """Goes out again until the gate opens."""
        self._inside.pop()
        self._tell()
        with self._gate._state:
            while self._gate._closed:
                self._gate._state.wait()
            self._inside.append(None)  # before anybody can close it again

    def _tell(self) -> None:
        """Tells a writer that waits that somebody has gone."""
        with self._gate._state:
            self._gate._state.notify_all()
