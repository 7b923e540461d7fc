"""Large models in memory: one at a time for all pages, and all at once on ZeroGPU."""

import pytest

from shared.core.diffusion.pool import ModelPool
from shared.core.weights import WeightsError


@pytest.fixture
def loaded():
    """Names of the loaded models, in order."""
    return []


@pytest.fixture
def load(loaded):
    return lambda name: loaded.append(name) or name.upper()


def test_a_pool_keeps_one_model(loaded, load):
    pool = ModelPool(["a", "b"], load)
    assert loaded == []
    assert [pool("a"), pool("a"), pool("b")] == ["A", "A", "B"]
    assert loaded == ["a", "b"]
    assert pool._models == {"b": "B"}
    assert [model() for model in pool.models().values()] == ["A", "B"]
    assert loaded == ["a", "b", "a", "b"]


def test_the_model_of_another_page_makes_room(loaded, load):
    first, second = ModelPool(["a"], load), ModelPool(["b"], load)
    assert [first("a"), second("b")] == ["A", "B"]
    assert (first._models, second._models) == ({}, {"b": "B"})
    assert first("a") == "A"
    assert loaded == ["a", "b", "a"]


def test_all_models_are_loaded_at_the_start_of_zero_gpu(monkeypatch, loaded, load):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    pool = ModelPool(["a", "b"], load)
    assert loaded == ["a", "b"]
    assert [pool("a"), pool("b"), pool("a")] == ["A", "B", "A"]
    assert loaded == ["a", "b"]


def test_zero_gpu_starts_without_a_model_that_is_missing(monkeypatch, loaded):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")

    def load(name):
        loaded.append(name)
        if loaded == ["a"]:
            raise WeightsError("The Hub cannot be reached.")
        return name.upper()

    pool = ModelPool(["a", "b"], load)
    assert pool._models == {"b": "B"}
    assert [pool("a"), pool("b")] == ["A", "B"]
    assert loaded == ["a", "b", "a"]
