import pytest
import torch

from shared.networks.drawing import MAPS, ColoringNetwork, DrawingNetwork
from shared.networks.rds import RDS


@pytest.mark.parametrize("size", [(1, 1), (5, 33), (64, 48)])
def test_maps_have_the_size_of_the_image(size):
    with torch.inference_mode():
        maps = DrawingNetwork().eval()(torch.rand(1, 3, *size))
    assert maps.shape == (1, len(MAPS), *size)


def test_drawing_network_is_small():
    assert sum(parameter.numel() for parameter in DrawingNetwork().parameters()) == 567_275


def test_borders_of_a_plain_image_hold_no_lines():
    torch.manual_seed(0)
    network = DrawingNetwork().eval()
    network.load_edge_weights(RDS())
    with torch.inference_mode():
        maps = network(torch.full((1, 3, 96, 96), 0.5))[0]
    right, center = maps[:, 16:80, -4:], maps[:, 16:80, 60:64]
    assert (right.mean((1, 2)) - center.mean((1, 2))).abs().max() < 0.05


def test_edge_weights_reach_the_pyramid():
    edges, network = RDS(), DrawingNetwork()
    network.load_edge_weights(edges)
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        expected = edges.net.feature_maps(x)[0]
        stages = network.pyramid.feature_maps(x)[0]
    assert torch.equal(stages[0], expected[0])
    assert torch.equal(stages[3], expected[3])


def test_edge_weights_of_another_base_are_refused():
    with pytest.raises(ValueError, match="mobilenet_v2"):
        DrawingNetwork().load_edge_weights(RDS(base="vgg16"))


@pytest.mark.parametrize("size", [(32, 32), (33, 64)])
def test_colors_have_half_the_size_of_the_drawing(size):
    with torch.inference_mode():
        colors = ColoringNetwork().eval()(torch.rand(2, 1, *size))
    assert colors.shape == (2, 3, (size[0] + 1) // 2, size[1] // 2)
    assert 0 <= colors.min() <= colors.max() <= 1
