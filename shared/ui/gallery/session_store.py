"""What belongs to one visitor each: kept in memory behind a secret key, bounded, and gone after a while."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SessionStore(Generic[T]):
    """One thing per visitor, for as long as it is used.

    Whoever has the key has the thing, so keys cannot be guessed. What nobody has used for a while is thrown
    away, and so is what was used longest ago where there are too many things or too many bytes of them.

    Args:
        make: makes a new thing.
        seconds: how long a thing stays after its last use.
        most: how many things there may be at once.
        most_bytes: how many bytes all of them may have together.
        size: tells the bytes of a thing.

    >>> lockers = SessionStore(list)
    >>> key = lockers.new_key()
    >>> lockers.open(key).append("mine")
    >>> lockers.find(key), lockers.find(lockers.new_key())
    (['mine'], None)
    """

    def __init__(
        self,
        make: Callable[[], T],
        *,
        seconds: float = 3600,
        most: int = 200,
        most_bytes: int = 2 * 2**30,
        size: Callable[[T], int] = lambda thing: 0,
    ) -> None:
        self._make, self._size = make, size
        self._seconds, self._most, self._most_bytes = seconds, most, most_bytes
        self._things: OrderedDict[str, tuple[T, float]] = OrderedDict()  # the one used last is last
        self._lock = threading.Lock()
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._things)

    @staticmethod
    def new_key() -> str:
        """A key that nobody can guess; nothing is behind it yet."""
        return secrets.token_hex(16)

    def find(self, key: str) -> T | None:
        """The thing behind a key, or None."""
        with self._lock:
            if key not in self._things:
                return None
            thing, _ = self._things[key]
            self._use(key, thing)
            return thing

    def open(self, key: str) -> T:
        """The thing behind a key; a new one where there is none yet."""
        with self._lock:
            thing = self._things[key][0] if key in self._things else self._make()
            self._use(key, thing)
            self._tidy(key)
            return thing

    def put(self, key: str, thing: T) -> None:
        """Lays something behind a key, in place of what was there."""
        with self._lock:
            self._use(key, thing)
            self._tidy(key)

    def drop(self, key: str) -> None:
        """Throws away what is behind a key, if anything is."""
        with self._lock:
            self._things.pop(key, None)

    def tidy(self, key: str) -> None:
        """Makes room again after the thing behind a key has grown."""
        with self._lock:
            self._tidy(key)

    def _use(self, key: str, thing: T) -> None:
        self._things[key] = (thing, time.monotonic())
        self._things.move_to_end(key)
        if not self._sweeping:  # nobody may ever call again, so a clock has to throw away what is left
            self._sweeping = True
            self._later()

    def _tidy(self, key: str) -> None:
        """Throws away what was used longest ago until the rest is small enough; never what is in use now."""
        total = sum(self._size(thing) for thing, _ in self._things.values())
        for other in list(self._things):
            if len(self._things) <= self._most and total <= self._most_bytes:
                return
            if other != key:
                thing, _ = self._things.pop(other)
                total -= self._size(thing)

    def _later(self) -> None:
        timer = threading.Timer(min(self._seconds, 60), self._sweep)
        timer.daemon = True
        timer.start()

    def _sweep(self) -> None:
        with self._lock:
            limit = time.monotonic() - self._seconds
            for key, (_, used) in list(self._things.items()):
                if used > limit:
                    break
                del self._things[key]
            self._sweeping = bool(self._things)
            if self._sweeping:
                self._later()
