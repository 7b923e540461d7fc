"""Prefetch of a long sequence on worker threads."""

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
    """Settings of a thread pool.

    Attributes:
        workers: Number of threads.
        initializer: Called once on each thread.
    """

    workers: int
    initializer: Callable[[], None] | None = None


READER_POOL = WorkerPool(2)


def prefetch(
    items: Iterable[T], function: Callable[[T], R], buffer_size: int, pool: WorkerPool = READER_POOL
) -> Iterator[tuple[T, R]]:
    """Apply a function to items on worker threads ahead of need, and yield the results in order.

    Args:
        items: Any number of items; taken as needed, on the caller's thread.
        function: Function of one item.
        buffer_size: Largest number of results in advance, which bounds their memory.
        pool: Worker threads.

    Yields:
        Each item and its result; an error of `function` is raised in its place.

    >>> list(prefetch("ab", str.upper, buffer_size=4))
    [('a', 'A'), ('b', 'B')]
    """
    pending: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(pool.workers, initializer=pool.initializer) as executor:
        try:
            for item in items:
                pending.append((item, executor.submit(function, item)))
                if len(pending) > buffer_size:
                    oldest, future = pending.popleft()
                    yield oldest, future.result()
            while pending:
                oldest, future = pending.popleft()
                yield oldest, future.result()
        finally:  # also if the consumer stops early
            for _, future in pending:
                future.cancel()
