"""MobileNetV2 as a backbone."""

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
        image = torch.arange(16.0).view(1, 1, 4, 4)
        assert conv(image)[0, 0].tolist() == [[0, 2], [8, 10]]


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
    image = torch.rand(1, 2, 9, 8)
    at_the_end = conv(image)
    conv.pad_mode = "symmetric"
    expected = torch.nn.functional.conv2d(image, conv.weight, conv.bias, stride=2, padding=1)
    assert torch.equal(conv(image), expected)
    assert not torch.allclose(expected, at_the_end)


def test_padding_is_set_in_every_strided_convolution_and_in_no_weight():
    backbone = MobileNetV2Backbone(depth=17)
    strided = [module for module in backbone.modules() if isinstance(module, StridedConv2d)]
    assert [conv.pad_mode for conv in strided] == [PADDINGS[0]] * 5
    names = set(backbone.state_dict())
    for padding in reversed(PADDINGS):
        backbone.set_padding(padding)
        assert [conv.pad_mode for conv in strided] == [padding] * 5
    assert set(backbone.state_dict()) == names
    with pytest.raises(ValueError, match="end, symmetric, got 'same'"):
        backbone.set_padding("same")


def test_a_file_of_weights_may_have_further_keys(tmp_path):
    torch.manual_seed(0)
    backbone, from_file = MobileNetV2Backbone(depth=3), MobileNetV2Backbone(depth=3)
    state = {name: value.half() for name, value in backbone.state_dict().items()}
    save_file({**state, "classifier.bias": torch.zeros(7)}, tmp_path / "backbone.safetensors")
    load_backbone_weights(from_file, tmp_path / "backbone.safetensors")
    for name, value in from_file.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, backbone.state_dict()[name], atol=1e-3, rtol=1e-3)
