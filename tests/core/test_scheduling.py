"""Scheduling of forward passes, and prefetch on worker threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch

from shared.core.scheduling import InferenceScheduler, WorkerPool, prefetch

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def torch_threads():
    """Function that sets torch's number of threads for one test."""
    threads = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(threads)


def max_concurrency(scheduler, count, initializer=None):
    active, maximum, lock = 0, 0, threading.Lock()

    def run(_):
        nonlocal active, maximum
        with scheduler.slot():
            with lock:
                active += 1
                maximum = max(maximum, active)
            time.sleep(0.05)
            with lock:
                active -= 1

    with ThreadPoolExecutor(count, initializer=initializer) as pool:
        list(pool.map(run, range(count)))
    return maximum


def test_passes_on_all_cores_run_one_by_one(torch_threads):
    torch_threads(2)
    assert max_concurrency(InferenceScheduler(CPU), 3) == 1


def test_passes_on_one_core_run_on_every_core(torch_threads):
    torch_threads(3)
    scheduler = InferenceScheduler(CPU)
    assert scheduler.worker_pool.workers == 3
    assert max_concurrency(scheduler, 6, scheduler.worker_pool.initializer) == 3


def test_passes_on_an_accelerator_run_one_by_one():
    scheduler = InferenceScheduler(META)
    assert scheduler.worker_pool is None
    assert max_concurrency(scheduler, 3) == 1


def test_short_computations_run_on_one_core(torch_threads):
    torch_threads(2)
    scheduler = InferenceScheduler(CPU)

    def count_threads():
        with scheduler.slot():
            return torch.get_num_threads()

    with scheduler.slot():  # a pass on all cores need not end first
        assert scheduler.run_on_one_core(count_threads) == 1
    assert torch.get_num_threads() == 2
    assert InferenceScheduler(META).run_on_one_core(lambda: "done") == "done"


def test_short_computations_share_the_cores(torch_threads):
    torch_threads(2)
    scheduler = InferenceScheduler(CPU)
    both = threading.Barrier(2)

    def number(result):
        with scheduler.slot():
            both.wait(10)  # passes if two run at a time
            return result, torch.get_num_threads()

    computations = [partial(number, result) for result in range(4)]
    assert scheduler.run_on_single_cores(computations) == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert InferenceScheduler(META).run_on_single_cores([str, int]) == ["", 0]


def test_prefetch_keeps_the_order_and_its_bound():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = prefetch(items(), lambda number: number**2, 3, WorkerPool(4))
    assert next(results) == (0, 0)
    assert len(taken) <= 5
    assert list(results) == [(number, number**2) for number in range(1, 20)]


def test_prefetch_raises_an_error_in_the_items_place():
    results = prefetch([1, 0, 2], lambda number: 1 / number, 2)
    assert next(results) == (1, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_prefetch_can_be_stopped_early():
    started = threading.Event()
    results = prefetch(range(1000), lambda number: started.set() or number, 2)
    next(results)
    results.close()
    assert started.is_set()
