"""Results of the latest files, so that the change of a setting does not run a network again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from shared.ui.gallery.session_store import SessionStore

T = TypeVar("T")
TTL_SECONDS = 600
MAX_BYTES = 600 * 2**20


class RecentResults(Generic[T]):
    """Function of a file and further texts that keeps its latest results in memory for a while.

    Safe to call from many threads. Files must not change: those of uploads and results never do.

    Args:
        compute: The function; it gets the path and the texts.
        size: Returns the bytes of a result.

    >>> lengths = RecentResults(lambda path, *texts: len(path) + len(texts), size=lambda value: 8)
    >>> lengths("photo.png"), lengths("photo.png", "top")
    (9, 10)
    """

    def __init__(self, compute: Callable[..., T], size: Callable[[T], int]) -> None:
        self._compute = compute
        self._store: SessionStore[T] = SessionStore(
            _no_value, ttl_seconds=TTL_SECONDS, max_count=64, max_bytes=MAX_BYTES, size=size
        )

    def __call__(self, path: str, *texts: str) -> T:
        """Return the result of a file, computed if it is not among the latest."""
        key = "\n".join([str(path), *texts])  # without a path, `compute` says so
        value = self._store.get(key)
        if value is None:
            value = self._compute(path, *texts)
            self._store.set(key, value)
        return value


def _no_value() -> NoReturn:  # the store never has to create one
    raise KeyError
