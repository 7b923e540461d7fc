"""pix2pix: its generator's sizes and shapes, and its losses by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from shared.networks.cyclegan import PatchDiscriminator
from shared.networks.pix2pix import UNetGenerator, discriminator_loss, generator_loss, pair


def test_the_encoder_has_the_published_size():
    widths = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    expected = sum(16 * i * o for i, o in itertools.pairwise(widths))
    assert sum(layer.weight.numel() for layer in UNetGenerator().encoder) == expected


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (8, 8)])
def test_every_size_comes_back(size):
    y = UNetGenerator(channels=4, levels=4)(3 * torch.randn(2, 3, *size))
    assert y.shape == (2, 3, *size)
    assert y.abs().max() <= 1


def test_skips_carry_details_past_the_innermost_level():
    torch.manual_seed(0)
    network = UNetGenerator(channels=4, levels=3).eval()
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        network.encoder[-1].weight.zero_()
        assert (network(x) - network(x.flip(-1))).abs().max() > 1e-3


def test_flat_images_get_no_checkerboard():
    """The spectrum of what flat input becomes holds nothing at the frequencies of the upsampling."""
    torch.manual_seed(0)
    with torch.no_grad():
        y = UNetGenerator(channels=8, levels=4)(torch.full((1, 3, 64, 64), 0.3))[0, 0].numpy()
    spectrum = np.abs(np.fft.fft2(y))
    assert spectrum[0, 0] > 0
    for row, column in ((32, 0), (0, 32), (32, 32), (16, 0), (0, 16), (8, 8), (4, 0)):
        assert spectrum[row, column] <= 1e-4 * spectrum[0, 0]


def test_losses():
    zeros, image = torch.zeros(1, 1, 2, 2), torch.zeros(1, 3, 4, 4)
    assert discriminator_loss(zeros, zeros).item() == pytest.approx(math.log(2))
    assert generator_loss(zeros, image, image).item() == pytest.approx(math.log(2))
    assert generator_loss(zeros + 50, image, image + 0.5).item() == pytest.approx(50)


def test_the_discriminator_sees_both_images():
    x, y = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 64, 64)
    scores = PatchDiscriminator(channels=4, in_channels=6)(pair(x, y))
    assert scores.shape == (1, 1, 6, 6)
    assert torch.equal(pair(x, y)[:, 3:], y)
