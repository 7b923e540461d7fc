"""Weights in a mapped file: the same values, gradients, layout, and no memory of their own."""

import copy

import pytest
import torch
from torch import nn

from shared.core.cpu_runtime.mapped_weights import unload_weights


@pytest.fixture
def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 64, 7), nn.BatchNorm2d(64), nn.Conv2d(64, 64, 3))
    return layers.eval().to(memory_format=torch.channels_last)


def test_weights_stay_as_they_are(network, tmp_path):
    expected, strides = copy.deepcopy(network.state_dict()), [w.stride() for w in network.parameters()]
    pointers = [weight.data_ptr() for weight in network.parameters()]
    with torch.inference_mode():
        for _ in range(2):
            unload_weights(network, tmp_path / "cache")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, expected[name])
    assert [weight.stride() for weight in network.parameters()] == strides
    moved = [a != w.data_ptr() for a, w in zip(pointers, network.parameters(), strict=True)]
    assert moved == [True, False, False, False, True, False]  # the others are small
    assert not list((tmp_path / "cache").iterdir())


def test_gradients_and_new_values(network, tmp_path):
    with torch.inference_mode():
        unload_weights(network, tmp_path)
    network(torch.rand(1, 3, 16, 16)).sum().backward()
    assert network[2].weight.grad is not None
    with torch.no_grad():
        network[2].weight.fill_(2)
    unload_weights(network, tmp_path)
    assert network[2].weight.unique().tolist() == [2]


def test_shared_weights_stay_shared(tmp_path):
    layer = nn.Linear(128, 128)
    network = nn.ModuleDict({"a": layer, "b": layer, "part": nn.Linear(128, 128)})
    network.part.weight = nn.Parameter(torch.rand(2, 128, 128)[1])
    expected = network.part.weight.detach().clone()
    unload_weights(network, tmp_path)
    assert network.a.weight is network.b.weight
    assert torch.equal(network.part.weight, expected)


def test_folder_that_cannot_be_written(network, tmp_path):
    (tmp_path / "file").touch()
    pointer = network[0].weight.data_ptr()
    unload_weights(network, tmp_path / "file" / "cache")
    assert network[0].weight.data_ptr() == pointer


def test_network_without_large_weights(tmp_path):
    unload_weights(nn.ReLU(), tmp_path)
