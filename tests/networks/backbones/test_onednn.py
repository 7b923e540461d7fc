"""Fused networks have the maps of the original ones, at every shape and padding."""

import pytest
import torch

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.backbones.onednn import FusedConv2d, fuse_convolutions
from shared.networks.cfn import CFN
from tests.predictors import with_random_weights

SHAPES = [(1, 3, 64, 96), (2, 3, 33, 65), (1, 3, 32, 16)]


@pytest.mark.parametrize("pad_mode", ["end", "symmetric"])
@pytest.mark.parametrize(
    "make",
    [
        MobileNetV1,
        lambda: MobileNetV2Backbone(depth=17),
        lambda: MobileNetV2Backbone(dilated=True),
        EfficientNetLiteBackbone,
    ],
)
@torch.inference_mode()
def test_maps_and_weights_are_unchanged(make, pad_mode):
    network = with_random_weights(make()).eval()
    network.set_padding(pad_mode)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    fused = fuse_convolutions(network)
    assert any(isinstance(module, FusedConv2d) for module in fused.modules())
    for shape in SHAPES:
        x = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for layout in (torch.contiguous_format, torch.channels_last):
            images = x.contiguous(memory_format=layout)
            for expected, maps in zip(network(images), fused(images), strict=True):
                torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)
    assert all((weight == before[name]).all() for name, weight in network.state_dict().items())


@torch.inference_mode()
def test_only_the_backbone_of_a_network_is_fused():
    network = with_random_weights(CFN(classes=3, fusion="none")).eval()
    fused = fuse_convolutions(network)
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(x), fused(x), rtol=1e-4, atol=1e-4)
    assert isinstance(fused.classifier, torch.nn.Linear)


def test_without_onednn_the_network_itself_is_returned(monkeypatch):
    network = MobileNetV1()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fuse_convolutions(network) is network
