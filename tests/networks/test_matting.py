import pytest
import torch

from shared.networks.matting import MattingNetwork


@pytest.mark.parametrize("size", [(1, 1), (33, 64), (96, 80)])
def test_logits_have_the_size_of_the_image(size):
    with torch.inference_mode():
        logits = MattingNetwork().eval()(torch.rand(2, 3, *size))
    assert logits.shape == (2, 1, *size)


def test_network_is_small():
    assert sum(parameter.numel() for parameter in MattingNetwork().parameters()) == 3_053_556


def test_every_pixel_depends_on_the_whole_image():
    torch.manual_seed(0)
    network = MattingNetwork().eval()
    first = torch.rand(1, 3, 256, 256)
    second = first.clone()
    second[..., 224:, 224:] = 1 - second[..., 224:, 224:]
    with torch.inference_mode():
        difference = (network(first) - network(second)).abs()
    assert difference[..., :16, :16].max() > 0
