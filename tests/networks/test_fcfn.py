"""Fully Convolutional Fusion Networks."""

import pytest
import torch

from shared.core import weights
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.fcfn import FCFN, FCFNEdges
from shared.networks.layers import FUSIONS
from shared.networks.rds import RDS
from tests.predictors import with_random_weights


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("fuse", ["scores", "features"])
def test_every_size_gives_a_cell_for_every_four_pixels(fuse, fusion):
    network = FCFN(classes=5, fuse=fuse, fusion=fusion).eval()
    for height, width in [(1, 1), (1, 70), (33, 2), (64, 96), (61, 45)]:
        with torch.inference_mode():
            out = network(torch.rand(2, 3, height, width))
        assert out.shape == (2, 5, -(-height // 4), -(-width // 4))
        assert out.isfinite().all()


def test_weights_of_the_fusion_are_per_branch_and_class():
    assert FCFN(classes=21).fusion.weight.shape == (4, 21)
    assert FCFN(classes=21, fuse="features").fusion.weight.shape == (4, FCFN.FEATURE_CHANNELS)
    assert FCFN(classes=21, fusion="conv").fusion.weight.shape == (4, 1)
    assert (FCFN(classes=21).fusion.weight == 0.25).all()


def test_without_fusion_only_the_finest_branch_is_used():
    network = with_random_weights(FCFN(classes=5, fusion="none")).eval()
    steps = []
    network.merges[-1].register_forward_hook(lambda *args: steps.append(args[-1]))
    with torch.inference_mode():
        out = network(torch.rand(1, 3, 61, 45))
        (finest,) = steps
        (branch,) = network.branches
        assert torch.equal(out, branch(finest)[..., :16, :12])
    assert network.fusion.weight is None


def test_scores_are_the_weighted_sum_of_the_branches():
    network = with_random_weights(FCFN(classes=5)).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        single = []
        for branch in range(4):
            network.fusion.weight.zero_()
            network.fusion.weight[branch] = 1
            single.append(network(image))
        weight = torch.randn(4, 5)
        network.fusion.weight.copy_(weight)
        expected = sum(w[:, None, None] * out for w, out in zip(weight, single, strict=True))
        torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-2)
    for i in range(3):
        assert not torch.allclose(single[i], single[i + 1])


@pytest.mark.parametrize(("fuse", "fusion"), [("scores", "lc"), ("features", "lc"), ("scores", "none")])
def test_gradients_reach_every_parameter(fuse, fusion):
    network = with_random_weights(FCFN(classes=5, fuse=fuse, fusion=fusion))
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name


def test_the_context_of_the_whole_image_reaches_every_position():
    """A corner of the image changes scores beyond the receptive field of all convolutions."""
    network = with_random_weights(FCFN(classes=5)).eval()
    network.base.requires_grad_(False)
    top = []
    network.base.register_forward_hook(lambda *args: top.append(args[-1][-1].requires_grad_()))
    network(torch.rand(1, 3, 480, 32))[..., 0, 0].sum().backward()
    assert top[0].grad[..., -1, -1].any()


def test_unknown_kinds_of_fusion_are_refused():
    with pytest.raises(ValueError, match="scores or features, got 'maps'"):
        FCFN(fuse="maps")
    with pytest.raises(ValueError, match="got 'max'"):
        FCFN(fusion="max")


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 2), (61, 45)])
def test_edges_have_the_interface_of_rds(size):
    image = torch.rand(2, 3, *size)
    with torch.inference_mode():
        out, expected = FCFNEdges().eval()(image), RDS().eval()(image)
    assert out.shape == expected.shape == (2, 6, *size)
    assert out.isfinite().all()


def test_edges_are_fused_features():
    network = with_random_weights(FCFNEdges())
    assert network.fusion.weight.shape == (5, FCFNEdges.FEATURE_CHANNELS)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name


@pytest.mark.parametrize("network", [FCFN(classes=3, fuse="features", fusion="conv"), FCFNEdges()])
def test_saved_weights_give_the_same_maps(network, tmp_path):
    folder = weights.save(with_random_weights(network), tmp_path / "weights", half=False)
    loaded = weights.load(type(network), "fcfn", folder=folder)
    image = torch.rand(1, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network.eval()(image))


def test_a_dilated_network_has_the_same_cells_and_trains_all_parameters():
    network = with_random_weights(FCFN(classes=5, dilated=True))
    coarse = []
    network.branches[-1].register_forward_hook(lambda *args: coarse.append(args[-1].shape[-2:]))
    for height, width in [(1, 1), (33, 2), (61, 45)]:
        assert network(torch.rand(2, 3, height, width)).shape == (2, 5, -(-height // 4), -(-width // 4))
    assert coarse[-1] == (5, 4)  # of stride 16, with the mirrored margin
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name


def test_dilation_keeps_the_receptive_field():
    """On a constant image, every second position of the dilated backbone equals the plain one."""
    plain, dilated = MobileNetV2Backbone(), MobileNetV2Backbone(dilated=True)
    dilated.load_state_dict(with_random_weights(plain).state_dict())
    with torch.inference_mode():
        image = torch.zeros(1, 3, 640, 640)
        coarse, dense = plain(image)[-1], dilated(image)[-1]
    assert dense.shape[-2:] == (40, 40)
    torch.testing.assert_close(dense[..., 20, 20], coarse[..., 10, 10], rtol=1e-3, atol=1e-3)
