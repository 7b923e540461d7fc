"""Devices: the default, ZeroGPU, cores and memory."""

import pickle
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
import torch

from shared.core import devices
from shared.core.errors import InputError


@pytest.fixture
def zero_gpu(monkeypatch):
    """ZeroGPU Space: its environment, and a module `spaces` that records decorated functions."""
    spaces = ModuleType("spaces")
    spaces.decorated, spaces.calls = [], []

    def decorator(duration):
        def decorate(function):
            spaces.decorated.append((function.__name__, duration))

            def call(*args):
                spaces.calls.append(args)
                return pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(args)))))

            return call

        return decorate

    spaces.GPU = decorator
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return spaces


@pytest.fixture(autouse=True)
def no_zero_gpu(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_zero_gpu_is_detected_by_its_variable(monkeypatch, value, expected):
    assert not devices.on_zero_gpu()
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert devices.on_zero_gpu() is expected


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_default_device(monkeypatch, available, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert devices.default_device() == torch.device(expected)


def test_zero_gpu_counts_as_cuda(monkeypatch, zero_gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.default_device() == torch.device("cuda")


def test_gpu_returns_the_function_without_zero_gpu():
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

    assert (work(1), zero_gpu.calls) == (2, [(1,)])
    assert zero_gpu.decorated == [("work", 5), ("default", 30)]


class Unportable(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (InputError("too dark"), InputError, "too dark"),
        (Unportable("a", "b"), RuntimeError, "Unportable: a b"),
        (ValueError(threading.Lock()), RuntimeError, "ValueError: <unlocked"),
    ],
)
def test_errors_on_zero_gpu_stay_what_they_are(zero_gpu, error, kind, text):
    @devices.gpu()
    def fail():
        raise error

    with pytest.raises(kind, match=text) as raised:
        fail()
    assert type(raised.value) is kind
    assert "in fail" in str(raised.value.__cause__)  # the trace of the other process


def test_freed_memory_is_kept_if_the_c_library_can(monkeypatch):
    calls = []
    devices.keep_freed_memory.cache_clear()
    monkeypatch.setattr(
        devices.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=lambda *a: calls.append(a) or 1)
    )
    assert devices.keep_freed_memory()
    assert devices.keep_freed_memory()
    assert len(calls) == 3  # once for each setting, however often it is called
    devices.keep_freed_memory.cache_clear()
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not devices.keep_freed_memory()
    devices.keep_freed_memory.cache_clear()


def test_one_core_affects_only_the_calling_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    counts = []

    def count_on_new_thread(prepare):
        def run():
            prepare()
            torch.ones(100_000).sum()  # a thread's first operation may reset the number
            counts.append(torch.get_num_threads())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    try:
        count_on_new_thread(devices.use_one_core)
        count_on_new_thread(lambda: None)
        assert counts == [1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
