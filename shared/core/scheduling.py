"""Who may use a network when: all cores for one picture, or each core for one of its own."""

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
    """The right to use a network. `with turns():` waits for it.

    On a CPU several passes may go on at once in threads that have one core each (`crew`), as many as there
    are cores; a pass in any other thread has all cores, and is alone among its like. Elsewhere passes go one
    by one.

    Args:
        device: Where the network is.

    Attributes:
        crew: Threads that get more done side by side than one after another; None where they would only wait
            for each other.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_cpu = device.type == "cpu"
        cores = torch.get_num_threads() if self._on_cpu else 1
        self._all_cores = threading.Lock()  # two such passes would take each other's cores
        self._cores = threading.Semaphore(cores)
        self.crew = WorkerPool(cores, use_one_core) if self._on_cpu else None

    def __call__(self) -> AbstractContextManager:
        """The turn of the calling thread, to be entered."""
        alone = self._on_cpu and torch.get_num_threads() == 1
        return self._cores if alone else self._all_cores

    def briefly(self, work: Callable[[], R]) -> R:
        """Does a small piece of work, on a CPU with one core: all of them would lose more by waiting.

        Args:
            work: Takes its turn itself.

        Returns:
            What it returns.
        """
        return self._single.submit(work).result() if self._on_cpu else work()

    @cached_property
    def _single(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.crew.size, "one-core", use_one_core)
