"""Style network: sizes, conditions, statistics that tiles share, no checkerboard."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from shared.networks.instance_norm import ConditionalInstanceNorm2d, shared_statistics
from shared.networks.style import StyleNetwork, StyleTransformer
from shared.networks.style_layers import EnlargingConvolution


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = StyleNetwork(styles=3, channels=(4, 6, 8), blocks=(1, 1, 1), condition=10).eval()
    # Conditions change little in a new network.
    for module in network.modules():
        if isinstance(module, ConditionalInstanceNorm2d):
            nn.init.normal_(module.affine.weight, std=0.3)
    return network


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (33, 40), (64, 64), (71, 35)])
def test_every_size_is_kept_and_values_stay_in_range(network, size):
    with torch.no_grad():
        y = network(torch.rand(2, 3, *size), network.table[:2])
    assert y.shape == (2, 3, *size)
    assert 0 <= y.min() <= y.max() <= 1


def test_conditions_change_the_result_and_belong_to_their_image(network):
    x = torch.rand(1, 3, 48, 48).expand(2, -1, -1, -1)
    with torch.no_grad():
        y = network(x, network.table[:2])
        single = torch.cat([network(x[:1], row[None]) for row in network.table[:2]])
    assert (y[0] - y[1]).abs().mean() > 0.01
    torch.testing.assert_close(y, single, atol=1e-4, rtol=1e-3)


def test_conditional_normalization_gives_the_scale_and_shift_of_the_condition():
    layer = ConditionalInstanceNorm2d(2, 3)
    condition = torch.randn(1, 3)
    with torch.no_grad():
        y = layer(5 + 3 * torch.randn(1, 2, 40, 40), condition)
        scale, shift = layer.affine(condition)[0].chunk(2)
    torch.testing.assert_close(y.mean((0, 2, 3)), shift, atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std((0, 2, 3)), (1 + scale).abs(), atol=1e-3, rtol=0)


def test_parts_take_the_statistics_of_the_whole_image(network):
    x = torch.rand(1, 3, 64, 256) * torch.linspace(0.1, 1, 256)  # from dark to bright
    vector = network.table[:1]
    with torch.no_grad():
        whole = network(x, vector)
        alone = network(x[..., 128:], vector)
        with shared_statistics(network, x, vector):
            part = network(x[..., 128:], vector)
    inside = slice(72, None)  # beyond the reach of the cut

    def difference(y):
        return (y - whole[..., 128:])[..., inside].abs().mean()

    assert difference(part) < difference(alone) / 5


def test_enlarging_convolution_is_an_enlargement_and_a_convolution():
    layer = EnlargingConvolution(4, 3)
    x = torch.randn(1, 4, 9, 7)
    with torch.no_grad():
        expected = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), layer.weight)
        y = layer(x)
    assert y.shape == (1, 3, 18, 14)
    torch.testing.assert_close(y[..., 2:-2, 2:-2], expected, atol=1e-5, rtol=1e-4)


def test_flat_images_give_no_checkerboard():
    torch.manual_seed(1)
    network = StyleTransformer(condition=10)
    with torch.no_grad():
        y = network(torch.full((1, 3, 64, 64), 0.4), torch.randn(1, 10))[0].mean(0).numpy()
    spectrum = np.abs(np.fft.fft2(y - y.mean()))
    assert spectrum[:, 16:49].max() < 1e-2  # in units of one level of 255 over all pixels: 16


def test_the_predictor_returns_a_vector_for_each_style(network):
    with torch.no_grad():
        vectors = network.predictor(torch.rand(2, 3, 64, 64))
    assert vectors.shape == (2, 10)
    assert (vectors[0] - vectors[1]).abs().max() > 0


def test_the_default_network_is_small():
    assert 1.0e6 < sum(p.numel() for p in StyleNetwork().parameters()) < 1.5e6
