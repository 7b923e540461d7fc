"""Layers of the style network: convolutions whose normalisation takes scale and shift from a style vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.instance_norm import ConditionalInstanceNorm2d


class StyledConvolution(nn.Module):
    """Convolution with reflection padding, conditional instance normalisation and ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        condition: Length of the condition, D.
        kernel: Kernel size, odd.
        stride: 1 or 2.
        activation: False to leave the ReLU out.

    Shape:
        Input `[B, in_channels, H, W]` and condition `[B, D]`, output `[B, out_channels, H / stride,
        W / stride]`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        condition: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: bool = True,
    ) -> None:
        super().__init__()
        # The normalisation removes any bias.
        self.convolution = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=kernel // 2,
            padding_mode="reflect",
            bias=False,
        )
        self.norm = ConditionalInstanceNorm2d(out_channels, condition)
        self.activation = activation

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = self.norm(self.convolution(x), condition)
        return F.relu_(y) if self.activation else y


class EnlargingConvolution(nn.Module):
    """Nearest-neighbour enlargement by 2 and a 5x5 convolution, computed at the small size.

    Every output pixel sees only 3 x 3 small pixels, so that a 3x3 convolution with four times the channels,
    those of each place of a pixel in its 2 x 2 block, gives the same values with a third of the products.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Shape:
        Input `[B, in_channels, H, W]`, output `[B, out_channels, 2 H, 2 W]`.
    """

    taps: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 5, 5))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        # Of the five taps along an axis, those that meet the small pixels -1, 0 and 1, for both places.
        first = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
        second = [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]]
        self.register_buffer("taps", torch.tensor([first, second]).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.einsum("oiyx,pay,qbx->opqiab", self.weight, self.taps, self.taps).flatten(0, 2)
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.pixel_shuffle(F.conv2d(padded, weight), 2)


class StyledOutput(nn.Module):
    """Enlargement by 2 to an RGB image; a style sets its colors and its contrast by the normalisation.

    Args:
        in_channels: Channels of the input.
        condition: Length of the condition, D.

    Shape:
        Input `[B, in_channels, H, W]` and condition `[B, D]`, output `[B, 3, 2 H, 2 W]` in 0..1.
    """

    def __init__(self, in_channels: int, condition: int) -> None:
        super().__init__()
        self.convolution = EnlargingConvolution(in_channels, 3)
        self.norm = ConditionalInstanceNorm2d(3, condition)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return torch.sigmoid(self.norm(self.convolution(x), condition))


class StyledResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input.

    Args:
        channels: Channels of input and output.
        condition: Length of the condition.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = StyledConvolution(channels, channels, condition)
        self.second = StyledConvolution(channels, channels, condition, activation=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return x + self.second(self.first(x, condition), condition)


def enlarge(x: Tensor) -> Tensor:
    """Double the sides of maps by repetition: `[B, C, H, W]` to `[B, C, 2 H, 2 W]`."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
