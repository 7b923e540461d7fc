"""Read-write lock for data that many threads read while one changes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadWriteLock:
    """Lock for many readers or one writer.

    A plain lock would make searches wait for each other, and a copy on every change would copy a gigabyte to
    add one image. So a writer takes two steps, in this order only:

    1. `exclusive_writer`: one writer at a time, while readers continue. For slow work, such as training.
    2. `write`, inside `exclusive_writer`: no readers. For the change itself.

    A waiting writer has priority: later readers wait for it, so that a stream of searches cannot starve it.
    The lock is not re-entrant: a nested reader would wait for a writer that waits for it.

    >>> lock = ReadWriteLock()
    >>> with lock.exclusive_writer():
    ...     with lock.read():
    ...         print("slow work, and a reader")
    ...     with lock.write():
    ...         print("the change")
    slow work, and a reader
    the change
    """

    def __init__(self) -> None:
        self._writer = threading.Lock()
        self._state = threading.Condition(threading.Lock())  # guards `_closed`
        self._closed = False
        self._readers: list[None] = []  # one element per active reader

    @contextmanager
    def read(self) -> Iterator[None]:
        """Exclude changes, beside other readers."""
        self.begin_read()
        try:
            yield
        finally:
            self.end_read()

    def begin_read(self) -> None:
        """Begin what `read` does; `end_read` must follow whatever happens.

        For searches, of which the context would take some hundredths. For the same reason a reader takes no
        lock while this one is open. It first registers and then checks whether the lock is closed; a writer
        first closes it and then checks for readers. So at least one of the two notices the other. Appending
        to a list is atomic, which incrementing a counter is not.
        """
        self._readers.append(None)
        if self._closed:
            self._wait()

    def end_read(self) -> None:
        """End what `begin_read` began."""
        self._readers.pop()
        if self._closed:
            self._notify()

    @contextmanager
    def exclusive_writer(self) -> Iterator[None]:
        """Exclude other writers."""
        with self._writer:
            yield

    @contextmanager
    def write(self) -> Iterator[None]:
        """Exclude readers; only inside `exclusive_writer`."""
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

    def _wait(self) -> None:
        """Unregister a reader until the lock opens."""
        self._readers.pop()
        self._notify()
        with self._state:
            while self._closed:
                self._state.wait()
            self._readers.append(None)  # before a writer can close it again

    def _notify(self) -> None:
        """Notify a waiting writer that a reader has left."""
        with self._state:
            self._state.notify_all()
