import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from shared.core.scheduling import InferenceScheduler


def most_at_once(turns, count, initializer=None):
    inside, seen, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal inside, seen
        with turns.slot():
            with lock:
                inside += 1
                seen = max(seen, inside)
            time.sleep(0.05)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(count, initializer=initializer) as pool:
        list(pool.map(work, range(count)))
    return seen


def test_passes_with_all_cores_go_one_by_one():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert most_at_once(InferenceScheduler(torch.device("cpu")), 3) == 1
    finally:
        torch.set_num_threads(before)


def test_as_many_passes_on_one_core_each_as_there_are_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        turns = InferenceScheduler(torch.device("cpu"))
        assert turns.worker_pool.workers == 3
        assert most_at_once(turns, 6, turns.worker_pool.initializer) == 3
    finally:
        torch.set_num_threads(before)


def test_elsewhere_nobody_goes_side_by_side():
    turns = InferenceScheduler(torch.device("meta"))
    assert turns.worker_pool is None
    assert most_at_once(turns, 3) == 1


def test_small_work_gets_one_core():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        turns = InferenceScheduler(torch.device("cpu"))

        def work():
            with turns.slot():
                return torch.get_num_threads()

        with turns.slot():  # whoever has all cores need not end first
            assert turns.run_on_one_core(work) == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert InferenceScheduler(torch.device("meta")).run_on_one_core(lambda: "done") == "done"
