"""CycleGAN's networks and losses, and instance normalisation that tiles share."""

import numpy as np
import pytest
import torch

from shared.networks.cyclegan import (
    CycleGAN,
    GeneratorChain,
    PatchDiscriminator,
    ResnetGenerator,
    identity_loss,
    initialize,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
)
from shared.networks.instance_norm import InstanceNorm2d, shared_statistics


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1)


def published_generator_weights(channels, blocks):
    """Weights of the paper's generator, whose transposed convolutions have as many as ours after resizing."""
    k = channels
    ends = 2 * 3 * k * 49 + 9 * (k * 2 * k + 2 * k * 4 * k) * 2
    return ends + blocks * 2 * 9 * (4 * k) ** 2


@pytest.mark.parametrize(("blocks", "millions"), [(6, 7.8), (9, 11.4)])
def test_generators_have_the_published_size(blocks, millions):
    generator = ResnetGenerator(blocks=blocks)
    assert parameters(generator) == published_generator_weights(64, blocks)
    assert round(parameters(generator) / 1e6, 1) == millions


def test_the_discriminator_has_the_published_size_and_scores_patches_of_70_pixels():
    network = PatchDiscriminator()
    assert parameters(network) == 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    x = torch.randn(1, 3, 256, 256, requires_grad=True)
    scores = PatchDiscriminator(channels=4)(x)
    assert scores.shape == (1, 1, 30, 30)
    # Normalisation reaches over the whole image; without it a score depends on its patch alone.
    bare = torch.nn.Sequential(
        *(m for m in PatchDiscriminator(channels=4).layers if not isinstance(m, InstanceNorm2d))
    )
    bare(x)[0, 0, 15, 15].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.max() - rows.min() + 1 == 70


def test_separable_generators_need_about_a_ninth():
    assert parameters(ResnetGenerator(separable=True)) < parameters(ResnetGenerator()) / 7


@pytest.mark.parametrize("size", [(16, 16), (17, 35), (64, 30)])
def test_generators_keep_every_size_and_the_range(size):
    generator = ResnetGenerator(channels=4, blocks=1)
    y = generator(3 * torch.randn(2, 3, *size))
    assert y.shape == (2, 3, *size)
    assert y.abs().max() <= 1


def test_flat_images_get_no_checkerboard():
    """The spectrum of what flat input becomes holds nothing at the frequencies of the upsampling."""
    torch.manual_seed(0)
    generator = ResnetGenerator(channels=8, blocks=2)
    with torch.no_grad():
        y = generator(torch.full((1, 3, 64, 64), 0.3))[0, 0].numpy()
    spectrum = np.abs(np.fft.fft2(y))
    assert spectrum[0, 0] > 0
    for row, column in ((32, 0), (0, 32), (32, 32), (16, 0), (0, 16), (16, 16)):
        assert spectrum[row, column] <= 1e-4 * spectrum[0, 0]


def test_least_squares_losses():
    real, fake = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    assert lsgan_generator_loss(fake).item() == pytest.approx(0.25)
    assert lsgan_discriminator_loss(real, fake).item() == pytest.approx((0.5 + 0.25) / 2)
    assert lsgan_discriminator_loss(torch.ones(3), torch.zeros(3)).item() == 0


class Shift(torch.nn.Module):
    """Adds a constant."""

    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, x):
        return x + self.amount


def shifting_gan(forward, backward):
    """A model whose generators add constants; the backward ones in the order of their chain."""
    gan = CycleGAN((1,), channels=2)
    gan.forward_chain = GeneratorChain([Shift(amount) for amount in forward])
    gan.backward_chain = GeneratorChain([Shift(amount) for amount in backward])
    return gan


def whole_loop(gan, x, y):
    return gan.cycle_loss(x, y, gan.forward_chain(x), gan.backward_chain(y)).item()


def nest_loss(gan, x, y):
    """Inner cycles of both directions."""
    losses = []
    for inputs, chain, inverse in (
        (x, gan.forward_chain, gan.backward_chain),
        (y, gan.backward_chain, gan.forward_chain),
    ):
        outputs = [inputs, *chain.stages(inputs)]
        losses.append(chain.nest_loss(inverse, outputs, inverse.stages(outputs[-1])))
    return sum(losses).item()


def test_cycles_of_inverse_generators_cost_nothing():
    gan = shifting_gan([1.0, 2.0], [-2.0, -1.0])
    x, y = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    assert gan.cycle_loss(x, y, gan.forward_chain(x), gan.backward_chain(y)).item() == pytest.approx(
        0, abs=1e-6
    )
    assert nest_loss(gan, x, y) == pytest.approx(0, abs=1e-6)
    assert identity_loss(gan, x, y).item() == pytest.approx(6)


def test_inner_cycles_see_what_the_whole_loop_hides():
    """Errors of single generators that cancel over the loop cost nothing there, and 4 x 1 in the nest."""
    gan = shifting_gan([1.0, 2.0], [-1.0, -2.0])
    x, y = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    assert gan.cycle_loss(x, y, gan.forward_chain(x), gan.backward_chain(y)).item() == pytest.approx(
        0, abs=1e-6
    )
    assert nest_loss(gan, x, y) == pytest.approx(4, abs=1e-5)


def test_weights_are_drawn_as_in_the_papers():
    network = torch.nn.Sequential(torch.nn.Conv2d(64, 64, 3), torch.nn.Conv2d(1, 1, 1, bias=False))
    initialize(network)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network[0].bias.abs().max() == 0


def test_chains_of_nearly_equal_size():
    single, double = CycleGAN((9,)), CycleGAN((4, 5))
    assert parameters(double) / parameters(single) == pytest.approx(1.066, abs=0.01)


def test_a_chain_gives_every_stage():
    chain = GeneratorChain([Shift(1.0), Shift(2.0)])
    assert [stage.item() for stage in chain.stages(torch.tensor(0.0))] == [1.0, 3.0]
    with pytest.raises(ValueError, match="at least one"):
        GeneratorChain([])


def test_tiles_that_share_statistics_meet_without_a_seam():
    torch.manual_seed(0)
    generator = ResnetGenerator(channels=4, blocks=1).eval()
    ramp = torch.linspace(-1, 1, 128).expand(1, 3, 128, 128)
    margin = 40  # beyond the reach of the padding
    with torch.no_grad():
        whole = generator(ramp)[..., 64 - 8 : 64 + 8]
        alone = generator(ramp[..., : 64 + margin])[..., 64 - 8 : 64 + 8]
        with shared_statistics(generator, ramp):
            tile = generator(ramp[..., : 64 + margin])[..., 64 - 8 : 64 + 8]
    assert (tile - whole).abs().max() < 1e-4
    assert (alone - whole).abs().max() > 1e-2


def test_statistics_are_shared_inside_the_block_only():
    layer = InstanceNorm2d(2)
    x = torch.randn(1, 2, 8, 8)
    normalized = layer(x)
    with shared_statistics(layer, 5 + 3 * x):
        assert not torch.allclose(layer(x), normalized)
        assert torch.allclose(layer(5 + 3 * x), normalized, atol=1e-4)
    assert torch.equal(layer(x), normalized)
