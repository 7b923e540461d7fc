"""MobileNetV2 as a pyramid."""

import pytest
import torch
import torchvision

from shared.networks.mobilenet import HalvingConv2d, MobileNetV2Pyramid


def test_same_convolutions_as_torchvision():
    """With batch norm folded, every convolution has a bias and no other parameter exists."""
    ours = MobileNetV2Pyramid(depth=17)
    theirs = torchvision.models.mobilenet_v2(weights=None).features[:18]
    shapes = [tuple(m.weight.shape) for m in ours.modules() if isinstance(m, torch.nn.Conv2d)]
    expected = [tuple(m.weight.shape) for m in theirs.modules() if isinstance(m, torch.nn.Conv2d)]
    assert shapes == expected


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33])
def test_halving_rounds_up(size):
    assert HalvingConv2d(2, 3)(torch.zeros(1, 2, size, size)).shape[-1] == -(-size // 2)


def test_halving_pads_right_and_bottom_only():
    conv = HalvingConv2d(1, 1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[0, 0, 0, 0] = 1
        picture = torch.arange(16.0).view(1, 1, 4, 4)
        assert conv(picture)[0, 0].tolist() == [[0, 2], [8, 10]]


def test_levels_carry_their_widths():
    for depth, widths in ((1, [16]), (3, [16, 24]), (13, [16, 24, 32, 96]), (17, [16, 24, 32, 96, 320])):
        assert MobileNetV2Pyramid(depth=depth).widths == widths


def test_depth_outside_the_network_is_refused():
    with pytest.raises(ValueError, match=r"1\.\.17, got 18"):
        MobileNetV2Pyramid(depth=18)
