"""MobileNetV1 as a backbone."""

import pytest
import torch
from safetensors.torch import save_file

from shared.core import weights
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.backbones.mobilenet_v2 import StridedConv2d
from shared.training.pretrained import load_backbone_weights
from tests.predictors import with_random_weights


def test_published_number_of_weights():
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
    network = with_random_weights(MobileNetV1())
    network.set_padding(padding)
    with torch.inference_mode():
        levels = network(torch.rand(2, 3, *size))
    for stride, width, level in zip((2, 4, 8, 16, 32), network.widths, levels, strict=True):
        assert level.shape == (2, width, *(-(-side // stride) for side in size))
        assert 0 <= level.min() <= level.max() <= 6


def test_padding_is_set_in_every_strided_convolution():
    network = with_random_weights(MobileNetV1())
    strided = [module for module in network.modules() if isinstance(module, StridedConv2d)]
    assert [conv.pad_mode for conv in strided] == ["end"] * 5
    image = torch.rand(1, 3, 64, 64)
    before = network(image)[-1]
    network.set_padding("symmetric")
    assert [conv.pad_mode for conv in strided] == ["symmetric"] * 5
    assert not torch.allclose(network(image)[-1], before)
    with pytest.raises(ValueError, match="end, symmetric, got 'same'"):
        network.set_padding("same")


def test_a_shift_by_32_pixels_shifts_the_last_map_by_a_cell():
    network = with_random_weights(MobileNetV1())
    wide = torch.rand(1, 3, 32, 2048)
    with torch.inference_mode():
        original, shifted = network(wide)[-1], network(wide[..., 32:])[-1]
    # Far from the borders, whose zeros reach the cells nearby.
    torch.testing.assert_close(original[..., 20:44], shifted[..., 19:43], atol=1e-4, rtol=1e-4)


def test_weights_come_from_a_file_and_from_a_folder(tmp_path):
    network, from_file = with_random_weights(MobileNetV1()), MobileNetV1()
    save_file({name: value.half() for name, value in network.state_dict().items()}, tmp_path / "base")
    load_backbone_weights(from_file, tmp_path / "base")
    folder = weights.save(network, tmp_path / "folder")
    loaded = weights.load(MobileNetV1, "folder", folder=folder)
    for name, value in from_file.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, loaded.state_dict()[name])
        torch.testing.assert_close(value, network.state_dict()[name], atol=1e-3, rtol=1e-3)
