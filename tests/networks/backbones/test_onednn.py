"""Fused networks give the maps of those that they were made of, at every shape and padding."""

import pytest
import torch

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.backbones.onednn import FusedConv2d, fuse_convolutions
from shared.networks.cfn import CFN
from tests.predictors import lively

SHAPES = [(1, 3, 64, 96), (2, 3, 33, 65), (1, 3, 32, 16)]


@pytest.mark.parametrize("pads", ["end", "symmetric"])
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
def test_maps_stay_as_they_are(make, pads):
    network = lively(make()).eval()
    network.set_padding(pads)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    twin = fuse_convolutions(network)
    assert any(isinstance(module, FusedConv2d) for module in twin.modules())
    for shape in SHAPES:
        x = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            for one, other in zip(network(given), twin(given), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert all((weight == before[name]).all() for name, weight in network.state_dict().items())


@torch.inference_mode()
def test_only_the_pyramid_within_a_network_is_fused():
    network = lively(CFN(classes=3, fusion="none")).eval()
    twin = fuse_convolutions(network)
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(x), twin(x), rtol=1e-4, atol=1e-4)
    assert isinstance(twin.classifier, torch.nn.Linear)


def test_without_the_library_the_network_itself_remains(monkeypatch):
    network = MobileNetV1()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fuse_convolutions(network) is network
