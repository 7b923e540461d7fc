"""EfficientNet-Lite as a backbone, and the published weights in its layout."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import (
    SCALES,
    EfficientNetLite,
    EfficientNetLiteBackbone,
    fold_batch_norms,
)
from shared.networks.backbones.mobilenet_v2 import StridedConv2d


# Millions of parameters by the authors, for the whole network with 1000 classes and batch norms.
@pytest.mark.parametrize(("scale", "millions"), [(0, 4.7), (1, 5.4), (2, 6.1), (3, 8.2), (4, 13.0)])
def test_published_numbers_of_parameters(scale, millions):
    backbone = EfficientNetLiteBackbone(scale)
    head, classifier = nn.Conv2d(backbone.widths[-1], 1280, 1), nn.Linear(1280, 1000)
    count = sum(weight.numel() for part in (backbone, head, classifier) for weight in part.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.1)


def test_levels_carry_their_widths():
    assert EfficientNetLiteBackbone(0).widths == [16, 24, 40, 112, 320]
    assert EfficientNetLiteBackbone(2).widths == [16, 24, 48, 120, 352]


@torch.inference_mode()
def test_the_middle_map_is_the_expansion_of_the_next_block():
    network = EfficientNetLite()
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    middle, last = network(x)
    assert (network.widths, middle.shape[1:], last.shape[1:]) == ([720, 1280], (720, 4, 6), (1280, 2, 3))
    levels = network.base(x)
    blocks = network.base.blocks
    assert blocks[network.base.level_ends[3] + 1].depthwise.stride == (2, 2)
    torch.testing.assert_close(middle, F.relu6(blocks[network.base.level_ends[3] + 1].expand(levels[3])))
    network.set_padding("symmetric")
    assert not torch.equal(network(x)[1], last)


def test_unknown_scales_are_refused():
    with pytest.raises(ValueError, match="0, 1, 2, 3, 4, got 5"):
        EfficientNetLiteBackbone(5)
    assert 5 not in SCALES


@pytest.mark.parametrize("size", [1, 2, 3, 31, 32, 33])
@pytest.mark.parametrize("pad_mode", ["end", "symmetric"])
def test_large_kernels_halve_and_round_up(size, pad_mode):
    conv = StridedConv2d(2, 3, kernel=5)
    conv.pad_mode = pad_mode
    assert conv(torch.zeros(1, 2, size, size)).shape[-1] == -(-size // 2)


def test_large_kernels_reach_one_row_back_and_two_ahead():
    conv = StridedConv2d(1, 1, kernel=5)
    image = torch.rand(1, 1, 6, 6)
    expected = F.conv2d(F.pad(image, (1, 2, 1, 2)), conv.weight, conv.bias, stride=2)
    assert torch.equal(conv(image), expected)


class Published(nn.Module):
    """The first two stages with batch norms, under the names of the published weights."""

    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), _norm(32)
        first, second = nn.Module(), nn.Module()
        first._depthwise_conv, first._bn1 = nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False), _norm(32)
        first._project_conv, first._bn2 = nn.Conv2d(32, 16, 1, bias=False), _norm(16)
        second._expand_conv, second._bn0 = nn.Conv2d(16, 96, 1, bias=False), _norm(96)
        second._depthwise_conv, second._bn1 = nn.Conv2d(96, 96, 3, 2, groups=96, bias=False), _norm(96)
        second._project_conv, second._bn2 = nn.Conv2d(96, 24, 1, bias=False), _norm(24)
        self._blocks = nn.ModuleList([first, second])
        self._conv_head, self._bn1 = nn.Conv2d(24, 1280, 1, bias=False), _norm(1280)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(F.pad(x, (0, 1, 0, 1)))))
        first, second = self._blocks
        x = first._bn2(first._project_conv(F.relu6(first._bn1(first._depthwise_conv(x)))))
        y = F.relu6(second._bn0(second._expand_conv(x)))
        y = F.relu6(second._bn1(second._depthwise_conv(F.pad(y, (0, 1, 0, 1)))))
        return x, second._bn2(second._project_conv(y))


def _norm(channels):
    norm = nn.BatchNorm2d(channels, eps=1e-3)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.copy_(torch.rand(channels) + 0.5)
        norm.running_var.copy_(torch.rand(channels) * 0.1)  # so small that epsilon matters
    return norm


@torch.inference_mode()
def test_folded_weights_give_the_same_maps():
    torch.manual_seed(0)
    published = Published().eval()
    state = fold_batch_norms(published.state_dict())
    assert state["head.weight"].shape == (1280, 24, 1, 1)
    backbone = EfficientNetLiteBackbone()
    backbone.blocks, backbone.level_ends = backbone.blocks[:2], [0, 1]
    backbone.load_state_dict({name: value for name, value in state.items() if not name.startswith("head")})
    x = torch.rand(2, 3, 32, 48)
    for ours, theirs in zip(backbone(x), published(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
