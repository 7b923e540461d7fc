"""Colorization network and the functions of its loss."""

import pytest
import torch

from shared.networks.colorization import (
    Colorization,
    annealed_mean,
    colorization_loss,
    rebalancing_weights,
    soft_colors,
)

PALETTE = torch.tensor([[0.0, 0.0], [40.0, 0.0], [0.0, 40.0], [-40.0, 0.0], [0.0, -40.0], [60.0, 60.0]])


@pytest.mark.parametrize("size", [(64, 96), (50, 33), (17, 200)])
def test_output_has_a_quarter_of_the_size(size):
    network = Colorization(scale=0, colors=6, channels=8).eval()
    logits = network(torch.rand(2, 1, *size) * 100)
    assert logits.shape == (2, 6, -(-size[0] // 4), -(-size[1] // 4))


def test_every_part_learns():
    network = Colorization(scale=0, colors=6, channels=8)
    network(torch.rand(1, 1, 64, 64) * 100).square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_distant_parts_of_an_image_influence_each_other():
    network = Colorization(scale=0, colors=6, channels=8).double().eval()
    image = torch.full((1, 1, 32, 1600), 50.0, dtype=torch.double)
    changed = image.clone()
    changed[..., -32:] = 100 * torch.rand(32, 32)
    difference = (network(image) - network(changed)).abs()
    assert difference[..., 0].max() > 0


def test_annealed_mean_goes_from_the_mean_to_the_mode():
    logits = torch.log(torch.tensor([0.5, 0.4, 0.1, 1e-9, 1e-9, 1e-9])).view(1, 6, 1, 1)
    mean = annealed_mean(logits, PALETTE, temperature=1)
    assert torch.allclose(mean.flatten(), torch.tensor([16.0, 4.0]), atol=1e-4)
    assert annealed_mean(logits, PALETTE, temperature=0.01).abs().max() < 1e-3


def test_soft_colors_restore_the_chroma():
    chroma = torch.tensor([[38.0, 1.0], [2.0, -39.0]]).view(1, 2, 2, 1).transpose(1, 2).contiguous()
    encoded = soft_colors(chroma, PALETTE, neighbors=3)
    assert torch.allclose(encoded.sum(1), torch.ones(1, 2, 1))
    assert ((encoded > 0).sum(1) <= 3).all()
    restored = torch.einsum("bqhw,qc->bchw", encoded, PALETTE)
    assert (restored - chroma).abs().max() < 3


def test_rare_colors_weigh_more_and_the_mean_is_one():
    frequencies = torch.tensor([0.9, 0.09, 0.01])
    weights = rebalancing_weights(frequencies)
    assert weights[0] < weights[1] < weights[2]
    assert torch.isclose((weights * frequencies).sum(), torch.tensor(1.0))


def test_loss_is_the_entropy_at_the_target_and_larger_elsewhere():
    targets = soft_colors(torch.randn(1, 2, 4, 4) * 30, PALETTE)
    weights = torch.ones(6)
    entropy = -torch.special.xlogy(targets, targets).sum(1).mean()
    best = colorization_loss(torch.log(targets.clamp_min(1e-12)), targets, weights)
    assert torch.isclose(best, entropy, atol=1e-4)
    assert colorization_loss(torch.zeros(1, 6, 4, 4), targets, weights) > best
