"""Inference scheduling: one image on all cores, or one image per core."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TypeVar

import torch

from shared.core.devices import use_one_core
from shared.core.prefetch import WorkerPool

R = TypeVar("R")


class InferenceScheduler:
    """Admission of forward passes to one network: `with scheduler.slot(): ...` waits for a free slot.

    On a CPU, threads of `worker_pool`, which have one core each, run as many passes at a time as there are cores; a
    pass on any other thread uses all cores, and only one such pass runs at a time. On other devices passes
    run one by one.

    Args:
        device: Device of the network.

    Attributes:
        worker_pool: Worker threads on which passes run in parallel; None on devices other than the CPU, where they
            would only wait for each other.
    """

    def __init__(self, device: torch.device) -> None:
        on_cpu = device.type == "cpu"
        self._cores = torch.get_num_threads() if on_cpu else 1
        self._all_cores = threading.Lock()  # two such passes would compete for the same cores
        self._single_cores = threading.Semaphore(self._cores)
        self.worker_pool = WorkerPool(self._cores, use_one_core) if on_cpu else None

    def slot(self) -> AbstractContextManager:
        """Return the slot of the calling thread, to be entered."""
        on_one_core = self.worker_pool is not None and torch.get_num_threads() == 1
        return self._single_cores if on_one_core else self._all_cores

    def run_on_one_core(self, function: Callable[[], R]) -> R:
        """Run a short computation, on a CPU with one core, since it would lose more by waiting for all.

        Args:
            function: Computation that enters its own slot.

        Returns:
            Result of the function.
        """
        return function() if self.worker_pool is None else self._executor.submit(function).result()

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._cores, "one-core", use_one_core)
