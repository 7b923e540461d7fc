"""MobileNetV2 as a pyramid."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from shared.networks.backbones.mobilenet_v2 import PADDINGS, MobileNetV2Backbone, StridedConv2d
from shared.training.pretrained import load_backbone_weights


def test_same_convolutions_as_torchvision():
    """With batch norm folded, every convolution has a bias and no other parameter exists."""
    ours = MobileNetV2Backbone(depth=17)
    theirs = torchvision.models.mobilenet_v2(weights=None).features[:18]
    shapes = [tuple(m.weight.shape) for m in ours.modules() if isinstance(m, torch.nn.Conv2d)]
    expected = [tuple(m.weight.shape) for m in theirs.modules() if isinstance(m, torch.nn.Conv2d)]
    assert shapes == expected


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33])
def test_halving_rounds_up(size):
    assert StridedConv2d(2, 3)(torch.zeros(1, 2, size, size)).shape[-1] == -(-size // 2)


def test_halving_pads_right_and_bottom_only():
    conv = StridedConv2d(1, 1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[0, 0, 0, 0] = 1
        picture = torch.arange(16.0).view(1, 1, 4, 4)
        assert conv(picture)[0, 0].tolist() == [[0, 2], [8, 10]]


def test_levels_carry_their_widths():
    for depth, widths in ((1, [16]), (3, [16, 24]), (13, [16, 24, 32, 96]), (17, [16, 24, 32, 96, 320])):
        assert MobileNetV2Backbone(depth=depth).widths == widths


def test_depth_outside_the_network_is_refused():
    with pytest.raises(ValueError, match=r"1\.\.17, got 18"):
        MobileNetV2Backbone(depth=18)


@pytest.mark.parametrize("size", [1, 2, 31, 32])
def test_symmetric_padding_keeps_the_size(size):
    conv = StridedConv2d(2, 3)
    conv.pad_mode = "symmetric"
    assert conv(torch.zeros(1, 2, size, size)).shape[-1] == -(-size // 2)


def test_symmetric_padding_is_that_of_pytorch():
    conv = StridedConv2d(2, 3)
    picture = torch.rand(1, 2, 9, 8)
    at_the_end = conv(picture)
    conv.pad_mode = "symmetric"
    expected = torch.nn.functional.conv2d(picture, conv.weight, conv.bias, stride=2, padding=1)
    assert torch.equal(conv(picture), expected)
    assert not torch.allclose(expected, at_the_end)


def test_padding_is_set_in_every_halving_convolution_and_in_no_weight():
    base = MobileNetV2Backbone(depth=17)
    halving = [module for module in base.modules() if isinstance(module, StridedConv2d)]
    assert [conv.pad_mode for conv in halving] == [PADDINGS[0]] * 5
    names = set(base.state_dict())
    for padding in reversed(PADDINGS):
        base.set_padding(padding)
        assert [conv.pad_mode for conv in halving] == [padding] * 5
    assert set(base.state_dict()) == names
    with pytest.raises(ValueError, match="end, symmetric, got 'same'"):
        base.set_padding("same")


def test_imagenet_weights_may_lie_beside_others(tmp_path):
    torch.manual_seed(0)
    base, other = MobileNetV2Backbone(depth=3), MobileNetV2Backbone(depth=3)
    given = {name: value.half() for name, value in base.state_dict().items()}
    save_file({**given, "classifier.bias": torch.zeros(7)}, tmp_path / "base.safetensors")
    load_backbone_weights(other, tmp_path / "base.safetensors")
    for name, value in other.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, base.state_dict()[name], atol=1e-3, rtol=1e-3)
