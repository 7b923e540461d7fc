"""Devices: the right one is chosen, ZeroGPU's rules are kept, and a model is loaded once."""

import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest
import torch

from shared.core import devices
from shared.core.models import Lazy


@pytest.fixture
def zero_gpu(monkeypatch):
    """A ZeroGPU Space: its environment, and a module `spaces` that notes what it decorates."""
    spaces = ModuleType("spaces")
    spaces.decorated = []

    def decorator(duration):
        def decorate(function):
            spaces.decorated.append((function.__name__, duration))
            return lambda *args: ("on the GPU", function(*args))

        return decorate

    spaces.GPU = decorator
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return spaces


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_zero_gpu_is_known_by_its_variable(monkeypatch, value, expected):
    assert not devices.on_zero_gpu()
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert devices.on_zero_gpu() is expected


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_the_best_device(monkeypatch, available, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert devices.default_device() == torch.device(expected)


def test_zero_gpu_counts_as_cuda(monkeypatch, zero_gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.default_device() == torch.device("cuda")


def test_gpu_leaves_a_function_alone_elsewhere():
    def work(x):
        return x + 1

    assert devices.gpu(duration=5)(work) is work


def test_gpu_decorates_on_zero_gpu(zero_gpu):
    @devices.gpu(duration=5)
    def work(x):
        return x + 1

    @devices.gpu()
    def default(x):
        return x

    assert work(1) == ("on the GPU", 2)
    assert zero_gpu.decorated == [("work", 5), ("default", 30)]


def test_a_resident_loads_at_its_first_call():
    loads = []
    resident = Lazy(lambda: loads.append("load") or [1])
    assert loads == []
    assert resident() is resident()
    assert loads == ["load"]


def test_a_resident_may_be_none():
    loads = []
    resident = Lazy(lambda: loads.append("load"))
    assert (resident(), resident(), loads) == (None, None, ["load"])


def test_a_resident_loads_at_once_on_zero_gpu(zero_gpu):
    loads = []
    resident = Lazy(lambda: loads.append("load") or "model")
    assert loads == ["load"]
    assert (resident(), loads) == ("model", ["load"])


def test_a_resident_loads_once_for_many_threads():
    loads, results = [], []

    def load():
        loads.append("load")
        time.sleep(0.05)
        return object()

    resident = Lazy(load)
    threads = [threading.Thread(target=lambda: results.append(resident())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["load"]
    assert len(results) == 8
    assert len(set(map(id, results))) == 1


def test_a_resident_tries_again_after_a_failure():
    outcomes = [OSError("no network"), "model"]

    def load():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    resident = Lazy(load)
    with pytest.raises(OSError, match="no network"):
        resident()
    assert (resident(), resident()) == ("model", "model")


def test_the_lane_is_one_for_all_and_cannot_be_changed():
    assert dict(**devices.LANE) == {"concurrency_id": "accelerator", "concurrency_limit": 1}
    with pytest.raises(TypeError):
        devices.LANE["concurrency_limit"] = 2


def test_memory_is_kept_where_the_c_library_can(monkeypatch):
    calls = []
    devices.keep_freed_memory.cache_clear()
    monkeypatch.setattr(
        devices.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=lambda *a: calls.append(a) or 1)
    )
    assert devices.keep_freed_memory()
    assert devices.keep_freed_memory()
    assert len(calls) == 3  # once each, however often it is called
    devices.keep_freed_memory.cache_clear()
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not devices.keep_freed_memory()
    devices.keep_freed_memory.cache_clear()


def test_one_core_is_for_the_calling_thread_alone():
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def threads(prepare):
        def run():
            prepare()
            torch.ones(100_000).sum()  # what a thread has not used yet may be set anew
            found.append(torch.get_num_threads())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    found = []
    try:
        threads(devices.use_one_core)
        threads(lambda: None)
        assert found == [1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
