"""Lazy loading of models."""

import threading
import time

import pytest
import torch
from torch import nn

from shared.core import models
from shared.core.engines import Engine
from shared.core.models import Lazy, load_network
from shared.core.weights import WeightsError


@pytest.fixture(autouse=True)
def no_zero_gpu(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)


def test_a_lazy_value_is_loaded_by_the_first_call():
    loads = []
    lazy = Lazy(lambda: loads.append("load") or [1])
    assert loads == []
    assert lazy() is lazy()
    assert loads == ["load"]


def test_a_lazy_value_may_be_none():
    loads = []
    lazy = Lazy(lambda: loads.append("load"))
    assert (lazy(), lazy(), loads) == (None, None, ["load"])


def test_a_lazy_value_is_loaded_at_once_on_zero_gpu(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    loads = []
    lazy = Lazy(lambda: loads.append("load") or "model")
    assert loads == ["load"]
    assert (lazy(), loads) == ("model", ["load"])


def test_a_value_on_the_cpu_waits_for_the_first_call_on_zero_gpu(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    loads = []
    lazy = Lazy(lambda: loads.append("load") or "model", at_start=False)
    assert loads == []
    assert (lazy(), loads) == ("model", ["load"])


def test_zero_gpu_starts_without_weights_that_are_missing(monkeypatch, caplog):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    loads = []

    def load():
        loads.append("load")
        raise WeightsError("The Hub cannot be reached.")

    lazy = Lazy(load)
    assert "starts without a model: The Hub cannot be reached." in caplog.text
    with pytest.raises(WeightsError, match="cannot be reached"):
        lazy()
    assert loads == ["load", "load"]


def test_a_lazy_value_is_loaded_once_by_many_threads():
    loads, results = [], []

    def load():
        loads.append("load")
        time.sleep(0.05)
        return object()

    lazy = Lazy(load)
    threads = [threading.Thread(target=lambda: results.append(lazy())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["load"]
    assert len(results) == 8
    assert len(set(map(id, results))) == 1


def test_a_lazy_value_is_loaded_again_after_a_failure():
    outcomes = [OSError("no network"), "model"]

    def load():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    lazy = Lazy(load)
    with pytest.raises(OSError, match="no network"):
        lazy()
    assert (lazy(), lazy()) == ("model", "model")


def test_a_network_is_loaded_onto_a_device_in_channels_last(monkeypatch, tmp_path):
    calls = []

    def find(name, **options):
        calls.append((name, options))
        return tmp_path

    monkeypatch.setattr(models.weights, "find", find)
    monkeypatch.setattr(models.weights, "load", lambda network_class, name, folder: network_class(3, 4, 2))
    commit = "0" * 40
    engine = Engine("e", "E", "", load=dict, weights="someone/something", from_hub=True, revision=commit)
    network, folder = load_network(engine, nn.Conv2d, device="cpu")
    assert folder == tmp_path
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    assert calls == [("someone/something", {"folder": None, "allow_hub": True, "revision": commit})]


def test_an_engine_without_weights_has_no_network():
    with pytest.raises(ValueError, match="canny has no weights"):
        load_network(Engine("canny", "Canny", "Classical edges.", load=dict), nn.Conv2d)
