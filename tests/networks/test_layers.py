"""Branch fusion, upsampling, mirror padding, top-down blocks, depthwise filters."""

import pytest
import torch

from shared.networks.layers import (
    FUSIONS,
    Fusion,
    SmallDepthwiseConv2d,
    TopDownBlock,
    locally_connected_fusion,
    mirror_pad,
    upsample,
)

BRANCHES = torch.tensor([[[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]])
WEIGHT = torch.tensor([[1.0, 0.0], [0.5, -1.0], [0.0, 0.25]])


def as_maps(vectors):
    """Return maps of 2 x 3 cells: the vectors times 1, 2, 3 from left to right."""
    return vectors[..., None, None] * torch.tensor([1.0, 2.0, 3.0]).expand(2, 3)


def test_weights_are_per_branch_and_channel():
    assert locally_connected_fusion(BRANCHES, WEIGHT).tolist() == [[6.0, 30.0]]
    assert locally_connected_fusion(BRANCHES, WEIGHT, torch.tensor([1.0, 2.0])).tolist() == [[7.0, 32.0]]


def test_one_weight_per_branch_is_a_convolution_over_the_branches():
    weight, bias = WEIGHT[:, :1], torch.tensor([3.0])
    conv = torch.nn.functional.conv1d(BRANCHES, weight.T[..., None], bias)[:, 0]
    assert torch.equal(locally_connected_fusion(BRANCHES, weight, bias), conv)
    assert conv.tolist() == [[9.0, 15.0]]


def test_maps_are_fused_as_vectors_at_every_position():
    maps = as_maps(BRANCHES)
    bias = torch.tensor([1.0, 2.0])
    fused = locally_connected_fusion(maps, WEIGHT, bias)
    assert fused.shape == (1, 2, 2, 3)
    for i in range(2):
        for j in range(3):
            expected = locally_connected_fusion(maps[..., i, j], WEIGHT, bias)
            assert torch.equal(fused[..., i, j], expected)


@pytest.mark.parametrize(
    ("branches", "weight", "bias", "message"),
    [
        ((2, 3, 4), (3, 5), None, r"\[3, 4\] or \[3, 1\], got \(3, 5\)"),
        ((2, 3, 4), (2, 4), None, r"got \(2, 4\)"),
        ((2, 3, 4), (4,), None, r"got \(4,\)"),
        ((2, 3, 4), (3, 4), (3,), r"bias must be \[4\] or \[1\], got \(3,\)"),
        ((2, 3, 4), (3, 4), (1, 4), r"got \(1, 4\)"),
        ((3, 4), (3, 4), None, r"\[B, G, K\].*got \(3, 4\)"),
    ],
)
def test_inconsistent_shapes_are_refused(branches, weight, bias, message):
    tensors = [None if shape is None else torch.zeros(shape) for shape in (branches, weight, bias)]
    with pytest.raises(ValueError, match=message):
        locally_connected_fusion(*tensors)


@pytest.mark.parametrize("shape", [(2,), (2, 5, 7)])
@pytest.mark.parametrize(
    ("kind", "weight", "bias", "expected"),
    [
        ("lc", (3, 2), (2,), [37.0, 74.0]),
        ("conv", (3, 1), (1,), [37.0, 74.0]),
        ("sum", None, None, [111.0, 222.0]),
        ("none", None, None, [1.0, 2.0]),
    ],
)
def test_kinds_of_fusion(kind, weight, bias, expected, shape):
    fusion = Fusion(3, 2, kind=kind)
    assert [None if p is None else tuple(p.shape) for p in (fusion.weight, fusion.bias)] == [weight, bias]
    branches = BRANCHES if len(shape) == 1 else BRANCHES[..., None, None].expand(1, 3, *shape)
    fused = fusion(branches)
    assert fused.shape == (1, *shape)
    for channel, value in enumerate(expected):
        torch.testing.assert_close(fused[0, channel], torch.full(shape[1:], value))


def test_initial_values():
    assert (Fusion(4, 3).weight == 0.25).all()
    assert (Fusion(4, 3, initial=1).weight == 1).all()
    assert Fusion(2, 3, initial=(1, 0.5)).weight.tolist() == [[1.0] * 3, [0.5] * 3]
    assert Fusion(2, 3, kind="conv", initial=(1, 0.5)).weight.tolist() == [[1.0], [0.5]]
    assert not Fusion(4, 3).bias.any()
    assert Fusion(4, 3, bias=False).bias is None
    with pytest.raises(ValueError, match=r"one number or 3 numbers, got \(1, 2\)"):
        Fusion(3, 4, initial=(1, 2))


def test_every_branch_gets_its_own_gradient():
    fusion = Fusion(3, 2)
    fusion(BRANCHES).sum().backward()
    assert torch.equal(fusion.weight.grad, BRANCHES[0])
    assert fusion.bias.grad.tolist() == [1.0, 1.0]


def test_an_unknown_fusion_is_refused():
    with pytest.raises(ValueError, match=f"{', '.join(FUSIONS)}, got 'max'"):
        Fusion(3, 2, kind="max")


def test_upsample_keeps_cells_over_their_pixels():
    cells = torch.arange(4.0).view(1, 1, 1, 4)
    out = upsample(cells, (1, 7), 2)
    assert out.shape == (1, 1, 1, 7)
    assert torch.allclose(out[0, 0, 0, 1:7], torch.tensor([0.25, 0.75, 1.25, 1.75, 2.25, 2.75]))


def test_upsample_by_one_only_crops():
    cells = torch.rand(1, 2, 5, 4)
    assert torch.equal(upsample(cells, (3, 4), 1), cells[:, :, :3])


@pytest.mark.parametrize(
    ("width", "expected"), [(1, [0] * 5), (2, [0, 1, 0, 1, 0, 1]), (4, [0, 1, 2, 3, 2, 1, 0, 1])]
)
def test_mirror_pad_takes_images_of_any_width(width, expected):
    image = torch.arange(float(width)).expand(1, 1, 3, width)
    out = mirror_pad(image, 4)
    assert out.shape == (1, 1, 7, width + 4)
    assert out[0, 0, 0].tolist() == expected
    assert torch.equal(mirror_pad(image.mT, 4), out.mT)


@pytest.mark.parametrize(("lateral", "top"), [((6, 8), (3, 4)), ((5, 7), (3, 4)), ((1, 1), (1, 1))])
def test_a_top_down_block_has_the_size_of_the_lateral_map(lateral, top):
    block = TopDownBlock(lateral_channels=3, top_channels=5, out_channels=4)
    assert block(torch.rand(2, 3, *lateral), torch.rand(2, 5, *top)).shape == (2, 4, *lateral)


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 4, 4), (5, 4, 3), (5, 1, 1), (3, 9, 9)])
def test_small_depthwise_convolution_is_the_usual_one(kernel, height, width):
    torch.manual_seed(0)
    layer = SmallDepthwiseConv2d(6, kernel)
    usual = torch.nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6)
    usual.load_state_dict(layer.state_dict())
    x = torch.randn(2, 6, height, width)
    for network in (layer, usual):
        network.zero_grad()
        network(x).square().sum().backward()
    assert torch.allclose(layer(x), usual(x), atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(layer(x), usual(x), atol=1e-5)
    assert torch.allclose(layer.weight.grad, usual.weight.grad, atol=1e-3)
    assert torch.allclose(layer.bias.grad, usual.bias.grad, atol=1e-3)
