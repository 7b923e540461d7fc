"""Scheduling on threads: inference on all cores or one image per core, and prefetch of long sequences."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from shared.core.calls import check_call
from shared.core.devices import use_one_core

if TYPE_CHECKING:
    import torch

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

    Raises:
        GenerationError: The call that runs here must end, see `shared.core.calls`.

    >>> list(prefetch("ab", str.upper, buffer_size=4))
    [('a', 'A'), ('b', 'B')]
    """
    pending: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(pool.workers, initializer=pool.initializer) as executor:
        try:
            for item in items:
                check_call()
                pending.append((item, executor.submit(copy_context().run, function, item)))
                if len(pending) > buffer_size:
                    oldest, future = pending.popleft()
                    yield oldest, future.result()
            while pending:
                oldest, future = pending.popleft()
                yield oldest, future.result()
        finally:  # also if the consumer stops early
            for _, future in pending:
                future.cancel()


class InferenceScheduler:
    """Admission of forward passes to one network: `with scheduler.slot(): ...` waits for a free slot.

    On a CPU, threads of `worker_pool`, which have one core each, run as many passes at a time as there are
    cores; a pass on any other thread uses all cores, and only one such pass runs at a time. On other devices
    passes run one by one.

    Args:
        device: Device of the network.

    Attributes:
        worker_pool: Worker threads on which passes run in parallel; None on devices other than the CPU, where
            they would only wait for each other.
    """

    def __init__(self, device: torch.device) -> None:
        on_cpu = device.type == "cpu"
        self._cores = _torch_threads() if on_cpu else 1
        self._all_cores = threading.Lock()  # two such passes would compete for the same cores
        self._single_cores = threading.Semaphore(self._cores)
        self.worker_pool = WorkerPool(self._cores, use_one_core) if on_cpu else None

    def slot(self) -> AbstractContextManager:
        """Return the slot of the calling thread, to be entered.

        Raises:
            GenerationError: The call that runs here must end, see `shared.core.calls`.
        """
        check_call(may_wait=False)
        on_one_core = self.worker_pool is not None and _torch_threads() == 1
        return self._single_cores if on_one_core else self._all_cores

    def run_on_one_core(self, function: Callable[[], R]) -> R:
        """Run a short computation, on a CPU with one core, since it would lose more by waiting for all.

        Args:
            function: Computation that enters its own slot.

        Returns:
            Result of the function.
        """
        return self.run_on_single_cores([function])[0]

    def run_on_single_cores(self, functions: Sequence[Callable[[], R]]) -> list[R]:
        """Run short computations, on a CPU each with one core and as many at a time as there are cores.

        Args:
            functions: Computations, each of which enters its own slot.

        Returns:
            Result of each function.
        """
        if self.worker_pool is None:
            return [function() for function in functions]
        futures = [self._executor.submit(copy_context().run, function) for function in functions]
        return [future.result() for future in futures]

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._cores, "one-core", use_one_core)


def _torch_threads() -> int:
    import torch  # deferred: galleries prefetch images before they need torch, which is slow to import

    return torch.get_num_threads()
