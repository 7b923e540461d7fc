"""SwapGAN: the garments of one person on another, by three generators in a row and one discriminator.

Liu et al., "SwapGAN: A Multistage Generative Approach for Person-to-Person Fashion Style Transfer", IEEE
Transactions on Multimedia 2019. Generator I paints the source person in the pose of the reference, generator
II dresses the reference by its segmentation, and generator III finds the garments in the result, whose shape
is to be that of the reference (mask consistency). One discriminator tells both fake pairs of image and pose
from the real pair.

Generators I and II get the pixels of the source warped into place, and choose for each pixel between them and
colors of their own. I and III work at half the size: fine detail comes from the warped pixels. II is also
modulated by an appearance code for each garment (Zhu et al., "SEAN: Image Synthesis with Semantic
Region-Adaptive Normalization", CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.cyclegan import Convolution, PatchDiscriminator, ResidualBlock, Upsampling
from shared.networks.hub_mixin import HubMixin
from shared.networks.instance_norm import InstanceNorm2d

JOINTS, CLASSES, GARMENTS = 17, 11, 6
CODE_STRIDE = 4  # of the source's garment masks
MAX_GAIN = 0.6  # of the light on warped fabric, as a power of e


class SwapInputs(NamedTuple):
    """Inputs of the generators. Images are in -1..1, and everything else is in 0..1 unless it says so.

    Attributes:
        reference: Person who gets the garments, `[B, 3, H, W]`.
        classes: Shares of the classes of clothes parsing in its pixels, `[B, 11, H, W]`.
        mask: Pixels that change, `[B, 1, H, W]`.
        shading: Broad light and shadow on them, `[B, 1, H, W]`, in usual spreads of tone around 0.
        pose: Heat maps of the reference's joints, `[B, 17, H, W]`.
        person: Source person in the reference's pose, on grey: RGB in -1..1 and coverage, `[B, 4, H, W]`.
        fabric: Fabric of the source in the places of `mask`: RGB in -1..1 and coverage, `[B, 4, H, W]`.
        source: Person whose garments are taken, `[B, 3, H, W]`.
        source_masks: Pixels of the source that give each garment its appearance, `[B, 6, H / 4, W / 4]`.
        garment_masks: Pixels of the reference's garments among `mask`, `[B, 6, H, W]`.
    """

    reference: Tensor
    classes: Tensor
    mask: Tensor
    shading: Tensor
    pose: Tensor
    person: Tensor
    fabric: Tensor
    source: Tensor
    source_masks: Tensor
    garment_masks: Tensor


class SwapOutputs(NamedTuple):
    """Outputs of the three generators.

    Attributes:
        person: Source person in the reference's pose, on grey, `[B, 3, H, W]` in -1..1.
        image: Reference in the source's garments, `[B, 3, H, W]` in -1..1; outside the mask the reference.
        classes: Logits of the classes that generator III finds in `image`, `[B, 11, H, W]`; None without it.
    """

    person: Tensor
    image: Tensor
    classes: Tensor | None


class CodedNorm2d(nn.Module):
    """Instance normalisation with a scale and a shift for each pixel, by the code of its region.

    Args:
        channels: Channels of the maps.
        codes: Length of a code, D.

    Shape:
        Maps `[B, channels, H, W]` and codes `[B, D, H, W]`, output as the maps.
    """

    def __init__(self, channels: int, codes: int) -> None:
        super().__init__()
        self.norm = InstanceNorm2d(channels)
        self.affine = nn.Conv2d(codes, 2 * channels, 1)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        scale, shift = self.affine(codes).chunk(2, 1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)


class UNet(nn.Module):
    """U-Net of strides 2, 4 and 8 whose last layers also see the input at full resolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        channels: Channels at strides 2, 4 and 8.
        blocks: Residual blocks at stride 8.
        codes: Length of the codes that modulate the maps at strides 8, 4 and 2; 0 for none.
        detail_channels: Channels of the input, its first ones, that are seen at full resolution.

    Shape:
        Input `[B, in_channels, H, W]` and codes `[B, codes, H / 2, W / 2]`, output `[B, out_channels, H, W]`
        of any range; H and W multiples of 8.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int],
        blocks: int,
        codes: int = 0,
        detail_channels: int = 4,
    ) -> None:
        super().__init__()
        half, quarter, eighth = channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, half, 5, 2, padding=2, padding_mode="reflect"), nn.LeakyReLU(0.2)
        )
        self.down = nn.ModuleList(
            [Convolution(half, quarter, stride=2), Convolution(quarter, eighth, stride=2)]
        )
        self.blocks = nn.Sequential(*(ResidualBlock(eighth) for _ in range(blocks)))
        self.up = nn.ModuleList([Upsampling(eighth, quarter), Upsampling(quarter, half)])
        self.norms = nn.ModuleList(CodedNorm2d(width, codes) for width in (eighth, quarter, half) if codes)
        self.detail_channels = detail_channels
        self.narrow = nn.Conv2d(half, half // 2, 1)
        self.details = nn.Conv2d(half // 2 + detail_channels, half // 2, 3, padding=1, padding_mode="reflect")
        self.output = nn.Conv2d(half // 2, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        half = self.stem(x)
        quarter = self.down[0](half)
        y = self._modulate(0, self.blocks(self.down[1](quarter)), codes)
        y = self._modulate(1, quarter + self.up[0](y), codes)
        y = self._modulate(2, half + self.up[1](y), codes)
        y = F.interpolate(self.narrow(y), scale_factor=2, mode="nearest")
        y = F.leaky_relu(self.details(torch.cat([y, x[:, : self.detail_channels]], 1)), 0.2)
        return self.output(y)

    def _modulate(self, level: int, y: Tensor, codes: Tensor | None) -> Tensor:
        if codes is None:
            return y
        return F.relu(self.norms[level](y, F.interpolate(codes, y.shape[-2:], mode="area")))


class AppearanceEncoder(nn.Module):
    """Appearance code of each garment of the source, by the mean of a map over the garment.

    Args:
        codes: Length of a code, D.

    Shape:
        Source `[B, 3, H, W]` and masks `[B, G, H / 4, W / 4]`, output `[B, G, D]` in -1..1.
    """

    def __init__(self, codes: int) -> None:
        super().__init__()
        # Without normalisation, which would take the colors away.
        self.layers = nn.Sequential(
            nn.Conv2d(3, codes // 2, 5, 2, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(codes // 2, codes, 3, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(codes, codes, 1),
        )

    def forward(self, source: Tensor, masks: Tensor) -> Tensor:
        maps = torch.tanh(self.layers(source)).flatten(2)
        regions = masks.flatten(2)
        return regions @ maps.transpose(1, 2) / regions.sum(2, keepdim=True).clamp(min=1e-3)


class SwapGAN(nn.Module, HubMixin, pipeline_tag="image-to-image", tags=["fashion", "virtual-try-on"]):
    """The three generators, end to end.

    Args:
        channels: Channels of generators I and II at strides 2, 4 and 8; III has half of them.
        blocks: Residual blocks of generators I and II.
        codes: Length of an appearance code.
        pose: False leaves the pose out: generator I gets no heat maps.
        mask: False leaves generator III out.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128),
        blocks: int = 3,
        codes: int = 32,
        pose: bool = True,
        mask: bool = True,
    ) -> None:
        super().__init__()
        self.pose = pose
        self.generator_1 = UNet(4 + JOINTS * pose, 4, channels=channels, blocks=blocks)
        self.encoder = AppearanceEncoder(codes)
        self.generator_2 = UNet(
            12 + CLASSES, 5, channels=channels, blocks=blocks, codes=codes, detail_channels=9
        )
        self.generator_3 = (
            UNet(3, CLASSES, channels=[width // 2 for width in channels], blocks=1, detail_channels=3)
            if mask
            else None
        )
        # At the start, both generators pass the warped pixels on.
        for generator, index in ((self.generator_1, 3), (self.generator_2, 3)):
            nn.init.constant_(generator.output.get_parameter("bias")[index : index + 1], 2.0)

    def forward(self, inputs: SwapInputs) -> SwapOutputs:
        person = self.paint_person(inputs)
        image = self.dress(inputs, person)
        return SwapOutputs(person, image, self.find_classes(image))

    def paint_person(self, inputs: SwapInputs) -> Tensor:
        """Run generator I: the source person in the reference's pose, `[B, 3, H, W]` in -1..1."""
        x = torch.cat([inputs.person, inputs.pose], 1) if self.pose else inputs.person
        y = at_half_size(self.generator_1, x)
        return torch.lerp(torch.tanh(y[:, :3]), inputs.person[:, :3], torch.sigmoid(y[:, 3:4]))

    def dress(self, inputs: SwapInputs, person: Tensor) -> Tensor:
        """Run generator II: the reference in the source's garments, `[B, 3, H, W]` in -1..1.

        Args:
            inputs: Inputs.
            person: Result of generator I.
        """
        codes = self.encoder(inputs.source, inputs.source_masks)
        half = F.interpolate(inputs.garment_masks, scale_factor=0.5, mode="area")
        code_map = torch.einsum("bgd,bghw->bdhw", codes, half)
        hidden = inputs.reference * (1 - F.max_pool2d(inputs.mask, 3, 1, 1))
        x = [inputs.fabric, inputs.shading, inputs.mask, hidden, person, inputs.classes]
        y = self.generator_2(torch.cat(x, 1), code_map)
        light = torch.exp(MAX_GAIN * torch.tanh(y[:, 4:5]))
        fabric = ((inputs.fabric[:, :3] + 1) * light - 1).clamp(max=1)
        cloth = torch.lerp(torch.tanh(y[:, :3]), fabric, torch.sigmoid(y[:, 3:4]))
        return torch.lerp(inputs.reference, cloth, inputs.mask)

    def find_classes(self, image: Tensor) -> Tensor | None:
        """Run generator III: logits of the classes in images `[B, 3, H, W]`; None without it."""
        return None if self.generator_3 is None else at_half_size(self.generator_3, image)


def at_half_size(network: nn.Module, x: Tensor) -> Tensor:
    """Run a network on maps `[B, C, H, W]` at half the size, and double its result smoothly."""
    return F.interpolate(network(F.avg_pool2d(x, 2)), scale_factor=2, mode="bilinear")


class PairDiscriminator(nn.Module):
    """Discriminator of pairs of image and pose.

    Args:
        channels: See `PatchDiscriminator`.

    Shape:
        Image `[B, 3, H, W]` in -1..1 and pose `[B, 17, H, W]`, output `[B, 1, h, w]`.
    """

    def __init__(self, *, channels: int = 32) -> None:
        super().__init__()
        self.patches = PatchDiscriminator(channels=channels, in_channels=3 + JOINTS)

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        scores: Tensor = self.patches(torch.cat([image, pose], 1))
        return scores


def mask_consistency(logits: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
    """Return the cross-entropy between the classes of generator III and those of the reference.

    Args:
        logits: Output of generator III, `[B, 11, H, W]`.
        classes: Classes of the reference, shares `[B, 11, H, W]`.
        mask: Pixels that change, `[B, 1, H, W]`; they count twice.

    Returns:
        A scalar, the mean over pixels.
    """
    entropy = -(classes * logits.log_softmax(1)).sum(1, keepdim=True)
    return (entropy * (1 + mask)).mean()
