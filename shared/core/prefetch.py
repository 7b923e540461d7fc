"""Work on long rows of things while the next ones are made ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class WorkerPool:
    """The threads that do the work.

    Attributes:
        size: How many they are.
        start: Is called once on each of them.
    """

    size: int
    start: Callable[[], None] | None = None


READER_POOL = WorkerPool(2)


def prefetch(
    items: Iterable[T], read: Callable[[T], R], ahead: int, crew: WorkerPool = READER_POOL
) -> Iterator[tuple[T, R]]:
    """Reads things on other threads before they are asked for, and gives them out in their order.

    Args:
        items: Any number of them; they are taken as needed, on the caller's thread.
        read: What is done to each.
        ahead: How many are read in advance at most, which bounds the memory that they take.
        crew: The threads.

    Yields:
        Each thing and what `read` gave; where `read` raises, the error comes here.

    >>> list(in_order("ab", str.upper, ahead=4))
    [('a', 'A'), ('b', 'B')]
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(crew.size, initializer=crew.start) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:  # also where nobody asks for the rest
            for _, future in waiting:
                future.cancel()
