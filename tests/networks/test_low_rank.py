"""Low-rank updates: their training, their state and its merging."""

import copy

import pytest
import torch
from torch import nn

from shared.networks.crossmodal.low_rank import add_low_rank_updates, low_rank_state, merge_low_rank_state


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True), 1).eval()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 8, generator=generator), torch.randn(2, 4, 8, generator=generator)


def test_trained_updates_merge_into_an_equal_network(network, inputs):
    start = copy.deepcopy(network)
    before = network(*inputs).detach()
    add_low_rank_updates(network, 2)
    torch.testing.assert_close(network(*inputs), before)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trainable, 0.05)
    for _ in range(5):
        loss = network(*inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = network(*inputs).detach()
    assert not torch.allclose(after, before, atol=0.01)
    state = low_rank_state(network)
    assert sum(value.numel() for value in state.values()) == sum(p.numel() for p in trainable)
    assert {"layers.0.linear1.weight.up", "layers.0.linear1.weight.down", "layers.0.norm1.weight"} <= set(
        state
    )
    merge_low_rank_state(start, state)
    torch.testing.assert_close(start(*inputs), after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "state",
    [
        {"layers.7.norm1.weight": torch.zeros(8)},
        {"layers.0.norm1.weight": torch.zeros(9)},
        {"layers.0.linear1.weight.up": torch.zeros(12, 2)},
        {"layers.0.linear1.weight.up": torch.zeros(9, 2), "layers.0.linear1.weight.down": torch.zeros(2, 8)},
    ],
    ids=["name", "shape", "half", "rows"],
)
def test_a_state_that_does_not_fit_is_refused(network, state):
    with pytest.raises(ValueError, match=r"layers\.\d"):
        merge_low_rank_state(network, state)
