"""pix2pix: image translation from paired images with a conditional adversary.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017. The discriminator
is `shared.networks.cyclegan.PatchDiscriminator` with six input channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.cyclegan import DOWNSAMPLINGS, ResnetGenerator
from shared.networks.hub_mixin import HubMixin
from shared.networks.instance_norm import InstanceNorm2d

RECONSTRUCTION_WEIGHT = 100.0  # lambda of the paper


class UNetGenerator(nn.Module):
    """U-Net generator: an encoder that halves the image at every level, and a decoder with skip connections.

    C64-C128-C256-C512-C512-C512-C512-C512 and back, as the paper's appendix has it, with instance
    normalisation for its batches of one image. Upsampling is nearest-neighbour enlargement and a 3x3
    convolution in place of a transposed 4x4 convolution, which would leave a checkerboard. A transposed
    convolution has weights of its own for each pixel of an enlarged cell; in their place, the last two
    convolutions also see the input, at full resolution.

    Args:
        channels: Channels of the first level.
        levels: Number of levels; sides of the input are padded to multiples of `2 ** levels`.
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Shape:
        Input `[B, in_channels, H, W]` in -1..1, output `[B, out_channels, H, W]` in -1..1.
    """

    def __init__(
        self, *, channels: int = 64, levels: int = 8, in_channels: int = 3, out_channels: int = 3
    ) -> None:
        super().__init__()
        widths = [channels * min(2**level, 8) for level in range(levels)]
        self.levels = levels
        self.encoder = nn.ModuleList(
            nn.Conv2d(previous, width, 4, 2, padding=1, padding_mode="reflect")
            for previous, width in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        # Neither the first level nor the innermost, which may be a single cell, is normalised.
        self.encoder_norms = nn.ModuleList(InstanceNorm2d(width) for width in widths[1:-1])
        outputs = [*widths[:-1]][::-1]
        inputs = [widths[-1], *(2 * width for width in outputs[:-1])]
        self.decoder = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect")
            for i, o in zip(inputs, outputs, strict=True)
        )
        self.decoder_norms = nn.ModuleList(InstanceNorm2d(width) for width in outputs)
        self.details = nn.Conv2d(
            2 * channels + in_channels, channels // 2, 3, padding=1, padding_mode="reflect"
        )
        self.output = nn.Conv2d(channels // 2, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        step = 2**self.levels
        padded = F.pad(x, (0, -width % step, 0, -height % step), mode="replicate")
        x = padded
        skips = []
        for level, convolution in enumerate(self.encoder):
            x = convolution(x if level == 0 else F.leaky_relu(x, 0.2))
            if 0 < level < self.levels - 1:
                x = self.encoder_norms[level - 1](x)
            skips.append(x)
        x = skips.pop()
        for convolution, norm in zip(self.decoder, self.decoder_norms, strict=True):
            enlarged = F.interpolate(F.relu(x), scale_factor=2, mode="nearest")
            x = torch.cat([norm(convolution(enlarged)), skips.pop()], 1)
        enlarged = F.interpolate(F.relu(x), scale_factor=2, mode="nearest")
        y = self.output(F.relu(self.details(torch.cat([enlarged, padded], 1))))
        return torch.tanh(y)[..., :height, :width]


class Pix2pix(nn.Module, HubMixin, pipeline_tag="image-to-image", tags=["image-translation"]):
    """A generator for each direction between the two images of a pair.

    The paper has U-Nets. The residual generators of CycleGAN, with which that paper trains pix2pix, need far
    fewer steps for sharp images.

    Args:
        channels: Channels of the first layer.
        blocks: Residual blocks, see `shared.networks.cyclegan.ResnetGenerator`; 0 for U-Nets.
        levels: Levels of the U-Nets, see `UNetGenerator`.

    Attributes:
        forward_generator: From the first image to the second.
        backward_generator: From the second image to the first.
        multiple: Stride of the deepest cells in pixels.

    >>> tuple(Pix2pix(channels=4, blocks=0, levels=3)(torch.zeros(1, 3, 16, 20), "backward").shape)
    (1, 3, 16, 20)
    """

    def __init__(self, *, channels: int = 64, blocks: int = 9, levels: int = 8) -> None:
        super().__init__()

        def generator() -> nn.Module:
            if blocks:
                return ResnetGenerator(channels=channels, blocks=blocks)
            return UNetGenerator(channels=channels, levels=levels)

        self.forward_generator = generator()
        self.backward_generator = generator()
        self.multiple: int = 2 ** (DOWNSAMPLINGS if blocks else levels)

    def forward(self, x: Tensor, direction: str = "forward") -> Tensor:
        """Translate `[B, 3, H, W]` in -1..1, `"forward"` or `"backward"`."""
        return self.forward_generator(x) if direction == "forward" else self.backward_generator(x)


def pair(source: Tensor, target: Tensor) -> Tensor:
    """Return the input of the conditional discriminator: source and target image as `[B, 6, H, W]`."""
    return torch.cat([source, target], 1)


def generator_loss(fake_scores: Tensor, fake: Tensor, target: Tensor) -> Tensor:
    """Return `-log D(x, G(x)) + 100 |G(x) - y|`, equation 4 of the paper, with means over all elements.

    Args:
        fake_scores: Logits of the discriminator for source and generated image, any shape.
        fake: Generated image `G(x)`, `[B, 3, H, W]`.
        target: True image `y`.
    """
    adversarial = F.binary_cross_entropy_with_logits(fake_scores, torch.ones_like(fake_scores))
    return adversarial + RECONSTRUCTION_WEIGHT * F.l1_loss(fake, target)


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return `-(log D(x, y) + log(1 - D(x, G(x)))) / 2`, with means over all elements.

    Args:
        real_scores: Logits for source and true image, any shape.
        fake_scores: Logits for source and generated image, any shape.
    """
    real = F.binary_cross_entropy_with_logits(real_scores, torch.ones_like(real_scores))
    fake = F.binary_cross_entropy_with_logits(fake_scores, torch.zeros_like(fake_scores))
    return (real + fake) / 2
