"""CycleGAN and its long and nested forms: image translation from unpaired images.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017. Liu
et al., "An Extensive Study of Cycle-Consistent Generative Networks for Image-to-Image Translation", ICPR
2018, chain several generators per direction (Long CycleGAN) and add cycles between the generators inside the
chain (Nest CycleGAN).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.hub_mixin import HubMixin
from shared.networks.instance_norm import InstanceNorm2d

DOWNSAMPLINGS = 2  # of a generator; the sides of its inputs are padded to multiples of 4


def lsgan_generator_loss(fake_scores: Tensor) -> Tensor:
    """Return the least-squares loss of a generator, `mean((D(G(x)) - 1)^2)`.

    Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017.

    Args:
        fake_scores: Scores of the discriminator for generated images, any shape.
    """
    return (fake_scores - 1).square().mean()


def lsgan_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the least-squares loss of a discriminator, `(mean((D(y) - 1)^2) + mean(D(G(x))^2)) / 2`.

    Args:
        real_scores: Scores of real images, any shape.
        fake_scores: Scores of generated images, any shape.
    """
    return ((real_scores - 1).square().mean() + fake_scores.square().mean()) / 2


class Convolution(nn.Sequential):
    """Convolution with reflection padding, instance normalisation and ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Kernel size, odd.
        stride: 1 or 2.
        separable: True for a depthwise and a 1x1 convolution in place of a full one.
        activation: False to leave the ReLU out.

    Shape:
        Input `[B, in_channels, H, W]`, output `[B, out_channels, H / stride, W / stride]`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        separable: bool = False,
        activation: bool = True,
    ) -> None:
        filtered, groups = (in_channels, in_channels) if separable else (out_channels, 1)
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels,
                filtered,
                kernel,
                stride,
                padding=kernel // 2,
                groups=groups,
                padding_mode="reflect",
            )
        ]
        if separable:
            layers.append(nn.Conv2d(in_channels, out_channels, 1))
        layers.append(InstanceNorm2d(out_channels))
        super().__init__(*layers, *([nn.ReLU()] if activation else []))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input.

    Args:
        channels: Channels of input and output.
        separable: See `Convolution`.
    """

    def __init__(self, channels: int, *, separable: bool = False) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, separable=separable)
        self.second = Convolution(channels, channels, separable=separable, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Upsampling(nn.Module):
    """Nearest-neighbour enlargement by 2, then a convolution.

    A transposed convolution in its place leaves a checkerboard (Odena et al., "Deconvolution and Checkerboard
    Artifacts", Distill 2016).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        separable: See `Convolution`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, separable: bool = False) -> None:
        super().__init__()
        self.convolution = Convolution(in_channels, out_channels, separable=separable)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResnetGenerator(nn.Module):
    """Generator of CycleGAN: c7s1-k, d2k, d4k, residual blocks, u2k, uk, c7s1-3 and tanh.

    With 64 channels and 9 blocks it is the published one with resize convolutions, 11.4 M parameters.

    Args:
        channels: Channels of the first convolution, k.
        blocks: Number of residual blocks.
        separable: True for depthwise separable convolutions, which need about a ninth of the weights.
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Shape:
        Input `[B, in_channels, H, W]` in -1..1, output `[B, out_channels, H, W]` in -1..1; any H and W of at
        least 16.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        blocks: int = 9,
        separable: bool = False,
        in_channels: int = 3,
        out_channels: int = 3,
    ) -> None:
        super().__init__()
        k = channels
        self.encoder = nn.Sequential(
            Convolution(in_channels, k, 7),
            Convolution(k, 2 * k, stride=2, separable=separable),
            Convolution(2 * k, 4 * k, stride=2, separable=separable),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * k, separable=separable) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            Upsampling(4 * k, 2 * k, separable=separable),
            Upsampling(2 * k, k, separable=separable),
        )
        self.output = nn.Conv2d(k, out_channels, 7, padding=3, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        step = 2**DOWNSAMPLINGS
        x = F.pad(x, (0, -width % step, 0, -height % step), mode="reflect")
        y = self.output(self.decoder(self.blocks(self.encoder(x))))
        return torch.tanh(y)[..., :height, :width]


class PatchDiscriminator(nn.Module):
    """The 70x70 PatchGAN: C64-C128-C256-C512 and one score for every overlapping patch of 70 x 70 pixels.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017. With 64
    channels it has 2.8 M parameters.

    Args:
        channels: Channels of the first convolution.
        in_channels: Channels of the input; those of both images for a conditional discriminator.

    Shape:
        Input `[B, in_channels, H, W]` in -1..1, output `[B, 1, h, w]`; 30 x 30 scores for 256 x 256 pixels.
    """

    def __init__(self, *, channels: int = 64, in_channels: int = 3) -> None:
        super().__init__()
        k = channels
        layers: list[nn.Module] = [nn.Conv2d(in_channels, k, 4, 2, padding=1), nn.LeakyReLU(0.2)]
        for previous, current, stride in ((k, 2 * k, 2), (2 * k, 4 * k, 2), (4 * k, 8 * k, 1)):
            layers += [
                nn.Conv2d(previous, current, 4, stride, padding=1),
                InstanceNorm2d(current),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * k, 1, 4, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class GeneratorChain(nn.Module):
    """Generators one after another, `G = G_n o ... o G_1`; a chain of one is CycleGAN's generator.

    Args:
        generators: Generators in order, at least one.

    Shape:
        Input and output as those of the generators.

    Raises:
        ValueError: There is no generator.
    """

    def __init__(self, generators: Sequence[nn.Module]) -> None:
        super().__init__()
        if not generators:
            raise ValueError("a chain needs at least one generator")
        self.generators = nn.ModuleList(generators)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return the output of every generator, `[G_1(x), G_2(G_1(x)), ...]`."""
        outputs = []
        for generator in self.generators:
            x = generator(x)
            outputs.append(x)
        return outputs

    def nest_loss(
        self, inverse_chain: GeneratorChain, outputs: Sequence[Tensor], restored: Sequence[Tensor]
    ) -> Tensor:
        """Return the loss of the inner cycles, `sum_i |F_i(G_i(z)) - z|` with z = x, G_1(x), ...

        Means of absolute differences. The cycle of the last generator is the start of the whole loop, whose
        outputs are therefore arguments.

        Args:
            inverse_chain: Chain of the other direction, whose generators undo those of this chain in reverse
                order.
            outputs: x and the outputs of `stages(x)`.
            restored: Outputs of `inverse_chain.stages` for the last of `outputs`.
        """
        inverses = [*inverse_chain.generators][::-1]
        losses = [F.l1_loss(restored[0], outputs[-2])]
        losses += [
            F.l1_loss(inverse(end), start)
            for inverse, start, end in zip(inverses, outputs[:-2], outputs[1:-1], strict=False)
        ]
        return torch.stack(losses).sum()


class CycleGAN(nn.Module, HubMixin, pipeline_tag="image-to-image", tags=["image-translation"]):
    """Both directions of a translation between two sets of images, X and Y.

    The backward chain is counted from X as well: its generator i undoes the forward chain's generator i.

    Args:
        lengths: Residual blocks of each generator of a direction; `(9,)` is CycleGAN, `(4, 5)` a Long
            CycleGAN of two generators with nearly as many parameters.
        channels: See `ResnetGenerator`.
        separable: See `ResnetGenerator`.

    Attributes:
        forward_chain: X to Y.
        backward_chain: Y to X.
        multiple: Stride of the deepest cells in pixels.

    >>> gan = CycleGAN((1, 1), channels=4)
    >>> x = torch.zeros(1, 3, 16, 20)
    >>> tuple(gan(x, "backward").shape), len(gan.forward_chain.stages(x))
    ((1, 3, 16, 20), 2)
    """

    multiple = 2**DOWNSAMPLINGS

    def __init__(self, lengths: Sequence[int] = (9,), *, channels: int = 64, separable: bool = False) -> None:
        super().__init__()

        def generator(blocks: int) -> nn.Module:
            return ResnetGenerator(channels=channels, blocks=blocks, separable=separable)

        self.forward_chain = GeneratorChain([generator(blocks) for blocks in lengths])
        self.backward_chain = GeneratorChain([generator(blocks) for blocks in reversed(lengths)])

    def forward(self, x: Tensor, direction: str = "forward") -> Tensor:
        """Translate `[B, 3, H, W]` in -1..1, `"forward"` from X to Y or `"backward"` from Y to X."""
        return self.forward_chain(x) if direction == "forward" else self.backward_chain(x)

    def cycle_loss(self, x: Tensor, y: Tensor, fake_y: Tensor, fake_x: Tensor) -> Tensor:
        """Return `|F(G(x)) - x| + |G(F(y)) - y|`, the means of absolute differences over the whole loop.

        Args:
            x: Images of X, `[B, 3, H, W]`.
            y: Images of Y.
            fake_y: `G(x)`.
            fake_x: `F(y)`.
        """
        return F.l1_loss(self.backward_chain(fake_y), x) + F.l1_loss(self.forward_chain(fake_x), y)


def identity_loss(gan: CycleGAN, x: Tensor, y: Tensor) -> Tensor:
    """Return `|G(y) - y| + |F(x) - x|`, which keeps colors where the translation should not change them.

    Section 5.2 of the CycleGAN paper.

    Args:
        gan: Generators of both directions.
        x: Images of X, `[B, 3, H, W]`.
        y: Images of Y.
    """
    return F.l1_loss(gan.forward_chain(y), y) + F.l1_loss(gan.backward_chain(x), x)


def initialize(network: nn.Module) -> None:
    """Draw all convolution weights from N(0, 0.02) and set biases to 0, as in the papers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
