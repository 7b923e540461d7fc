"""Values of visitors, kept in memory behind secret keys, within limits and for a limited time."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


# Not `cachetools.TTLCache`: it counts from the insertion rather than from the last use, measures a value only
# once although galleries grow, has one limit in place of two, and expires nothing until the next call.
class SessionStore(Generic[T]):
    """One value per visitor, which expires after its last use.

    A key gives access to its value, so keys cannot be guessed. Values that were used longest ago are removed
    while there are too many values, or too many bytes of them. Safe to use from many threads.

    Args:
        create: Creates a new value.
        ttl_seconds: Seconds from the last use of a value to its removal.
        max_count: Upper limit of the number of values.
        max_bytes: Upper limit of the bytes of all values.
        size: Returns the bytes of a value.

    >>> store = SessionStore(list)
    >>> key = store.new_key()
    >>> store.get_or_create(key).append(1)
    >>> store.get(key), store.get(store.new_key())
    ([1], None)
    """

    def __init__(
        self,
        create: Callable[[], T],
        *,
        ttl_seconds: float = 3600,
        max_count: int = 200,
        max_bytes: int = 2 * 2**30,
        size: Callable[[T], int] = lambda value: 0,
    ) -> None:
        self._create, self._size = create, size
        self._ttl_seconds, self._max_count, self._max_bytes = ttl_seconds, max_count, max_bytes
        self._values: OrderedDict[str, tuple[T, float]] = (
            OrderedDict()
        )  # with the time of use, the latest last
        self._lock = threading.Lock()
        self._timer_runs = False

    def __len__(self) -> int:
        return len(self._values)

    @staticmethod
    def new_key() -> str:
        """Return a key that nobody can guess and that has no value yet."""
        return secrets.token_hex(16)

    def get(self, key: str) -> T | None:
        """Return the value of a key, or None."""
        with self._lock:
            if key not in self._values:
                return None
            value, _ = self._values[key]
            self._mark_used(key, value)
            return value

    def get_or_create(self, key: str, create: Callable[[], T] | None = None) -> T:
        """Return the value of a key, a new one if there is none.

        Args:
            key: The key.
            create: Creates the new value; by default the function of this store.
        """
        with self._lock:
            value = self._values[key][0] if key in self._values else (create or self._create)()
            self._mark_used(key, value)
            self._trim(key)
            return value

    def set(self, key: str, value: T) -> None:
        """Set the value of a key."""
        with self._lock:
            self._mark_used(key, value)
            self._trim(key)

    def discard(self, key: str) -> None:
        """Remove the value of a key, if there is one."""
        with self._lock:
            self._values.pop(key, None)

    def trim(self, key: str) -> None:
        """Apply the limits after the value of a key has grown; that value stays."""
        with self._lock:
            self._trim(key)

    def _mark_used(self, key: str, value: T) -> None:
        self._values[key] = (value, time.monotonic())
        self._values.move_to_end(key)
        if not self._timer_runs:  # there may be no further call that could remove expired values
            self._timer_runs = True
            self._start_timer()

    def _trim(self, current_key: str) -> None:
        total = sum(self._size(value) for value, _ in self._values.values())
        for key in list(self._values):
            if len(self._values) <= self._max_count and total <= self._max_bytes:
                return
            if key != current_key:
                value, _ = self._values.pop(key)
                total -= self._size(value)

    def _start_timer(self) -> None:
        timer = threading.Timer(min(self._ttl_seconds, 60), self._remove_expired)
        timer.daemon = True
        timer.start()

    def _remove_expired(self) -> None:
        with self._lock:
            limit = time.monotonic() - self._ttl_seconds
            for key, (_, last_use) in list(self._values.items()):
                if last_use > limit:
                    break
                del self._values[key]
            self._timer_runs = bool(self._values)
            if self._timer_runs:
                self._start_timer()
