"""MobileNetV1 as a pyramid."""

import pytest
import torch
from safetensors.torch import save_file

from shared.core import weights
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import StridedConv2d
from shared.training.pretrained import load_backbone_weights
from tests.predictors import lively


def test_as_many_weights_as_published():
    """4.2 M with the classifier of 1000 classes, less batch norm that is folded (table 8 of the paper)."""
    convolutions = [m for m in MobileNetV1().modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 27
    multiplied = sum(m.weight.numel() for m in convolutions)
    assert multiplied == 3_185_088
    assert 4.2e6 < multiplied + 1025 * 1000 < 4.25e6
    assert sum(p.numel() for p in MobileNetV1().parameters()) == 3_196_032


@pytest.mark.parametrize("padding", ["end", "symmetric"])
@pytest.mark.parametrize("size", [(1, 1), (33, 65), (224, 97), (32, 320)])
def test_every_level_halves_and_rounds_up(size, padding):
    network = lively(MobileNetV1())
    network.set_padding(padding)
    with torch.inference_mode():
        levels = network(torch.rand(2, 3, *size))
    for stride, width, one in zip((2, 4, 8, 16, 32), network.widths, levels, strict=True):
        assert one.shape == (2, width, *(-(-side // stride) for side in size))
        assert 0 <= one.min() <= one.max() <= 6


def test_padding_is_set_in_every_halving_convolution():
    network = lively(MobileNetV1())
    halving = [module for module in network.modules() if isinstance(module, StridedConv2d)]
    assert [one.pad_mode for one in halving] == ["end"] * 5
    picture = torch.rand(1, 3, 64, 64)
    before = network(picture)[-1]
    network.set_padding("symmetric")
    assert [one.pad_mode for one in halving] == ["symmetric"] * 5
    assert not torch.allclose(network(picture)[-1], before)
    with pytest.raises(ValueError, match="end, symmetric, got 'same'"):
        network.set_padding("same")


def test_a_shift_by_32_pixels_shifts_the_last_map_by_a_cell():
    network = lively(MobileNetV1())
    wide = torch.rand(1, 3, 32, 2048)
    with torch.inference_mode():
        here, there = network(wide)[-1], network(wide[..., 32:])[-1]
    # far from the borders, whose zeros reach the cells nearby
    torch.testing.assert_close(here[..., 20:44], there[..., 19:43], atol=1e-4, rtol=1e-4)


def test_weights_come_from_a_file_and_from_a_folder(tmp_path):
    network, other = lively(MobileNetV1()), MobileNetV1()
    save_file({name: value.half() for name, value in network.state_dict().items()}, tmp_path / "base")
    load_backbone_weights(other, tmp_path / "base")
    folder = weights.save(network, tmp_path / "folder")
    loaded = weights.load(MobileNetV1, "folder", folder=folder)
    for name, value in other.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, loaded.state_dict()[name])
        torch.testing.assert_close(value, network.state_dict()[name], atol=1e-3, rtol=1e-3)
