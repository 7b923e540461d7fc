"""Values of visitors, kept in memory behind secret keys, within limits and for a limited time."""

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Entry(Generic[T]):
    """Value with its owner, and the time of its last use."""

    value: T
    owner: str
    last_use: float


# Not `cachetools.TTLCache`: it counts from the insertion rather than from the last use, measures a value only
# once although galleries grow, has one limit in place of two, and expires nothing until the next call.
class SessionStore(Generic[T]):
    """One value per visitor, which expires after its last use.

    A key gives access to its value, so keys cannot be guessed. While there are too many values, or too many
    bytes of them, values are evicted: those of the lowest rank first, among them those of the owner who has
    most, and of these the one that was used longest ago. Safe to use from many threads.

    Args:
        create: Creates a new value.
        ttl_seconds: Seconds from the last use of a value to its removal.
        max_count: Upper limit of the number of values.
        max_bytes: Upper limit of the bytes of all values.
        size: Returns the bytes of a value.
        rank: Returns the rank of a value; by default all are equal.
        owner: Returns the caller who sets a value, such as an address; by default all are one.

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
        rank: Callable[[T], int] = lambda value: 0,
        owner: Callable[[], str] = str,
    ) -> None:
        self._create, self._size, self._rank, self._owner = create, size, rank, owner
        self._ttl_seconds, self._max_count, self._max_bytes = ttl_seconds, max_count, max_bytes
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()  # the latest use last
        self._lock = threading.RLock()
        self._timer_runs = False

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @staticmethod
    def new_key() -> str:
        """Return a key that nobody can guess and that has no value yet."""
        return secrets.token_hex(16)

    def get(self, key: str) -> T | None:
        """Return the value of a key, or None."""
        with self._lock:
            if key not in self._entries:
                return None
            value = self._entries[key].value
            self._mark_used(key, value)
            return value

    def get_or_create(self, key: str, create: Callable[[], T] | None = None) -> T:
        """Return the value of a key, a new one if there is none.

        Args:
            key: The key.
            create: Creates the new value; by default the function of this store.
        """
        with self._lock:
            value = self._entries[key].value if key in self._entries else (create or self._create)()
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
            self._entries.pop(key, None)

    def trim(self, key: str) -> None:
        """Apply the limits after the value of a key has grown; that value stays."""
        with self._lock:
            self._trim(key)

    def _mark_used(self, key: str, value: T) -> None:
        owner = self._entries[key].owner if key in self._entries else self._owner()
        self._entries[key] = _Entry(value, owner, time.monotonic())
        self._entries.move_to_end(key)
        if not self._timer_runs:  # there may be no further call that could remove expired values
            self._timer_runs = True
            self._start_timer()

    def _trim(self, current_key: str) -> None:
        sizes = {key: self._size(entry.value) for key, entry in self._entries.items()}
        total = sum(sizes.values())
        while len(sizes) > max(self._max_count, 1) or (total > self._max_bytes and len(sizes) > 1):
            use = sizes if total > self._max_bytes else dict.fromkeys(sizes, 1)
            shares: Counter[str] = Counter()
            for key, amount in use.items():
                shares[self._entries[key].owner] += amount
            key = min(  # the first of equals, which was used longest ago
                (key for key in self._entries if key != current_key),
                key=lambda key: (
                    self._rank(self._entries[key].value),
                    -shares[self._entries[key].owner],
                ),
            )
            total -= sizes.pop(key)
            self._evicted(key, self._entries.pop(key).value)

    def _evicted(self, key: str, value: T) -> None:
        """React to the eviction of a value; called while the lock is held."""

    def _start_timer(self) -> None:
        timer = threading.Timer(min(self._ttl_seconds, 60), self._remove_expired)
        timer.daemon = True
        timer.start()

    def _remove_expired(self) -> None:
        with self._lock:
            limit = time.monotonic() - self._ttl_seconds
            for key, entry in list(self._entries.items()):
                if entry.last_use > limit:
                    break
                del self._entries[key]
            self._timer_runs = bool(self._entries)
            if self._timer_runs:
                self._start_timer()
