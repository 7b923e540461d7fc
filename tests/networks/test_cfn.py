"""Convolutional Fusion Networks: the published ones, and the one on MobileNetV2."""

import pytest
import torch
import torchvision
from torch import nn

from shared.networks.backbones.table import BACKBONES
from shared.networks.cfn import CFN, CFN11, CFNCifar
from shared.networks.layers import FUSIONS, global_average_pool
from tests.predictors import with_random_weights

CIFAR100 = {"classes": 100, "first": 192, "side_kernel": 3}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def fusion_input(network, x):
    """Return the branches that the fusion of a network receives."""
    inputs = []
    handle = network.fusion.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.inference_mode():
        network.eval()(x)
    handle.remove()
    return inputs[0]


@pytest.mark.parametrize(
    ("network_class", "settings", "fused", "plain"),
    [
        (CFNCifar, {}, 1_343_146, 1_286_698),
        (CFNCifar, CIFAR100, 2_386_276, 1_721_572),
        (CFN11, {}, 6_754_408, 6_283_368),
    ],
)
def test_published_numbers_of_parameters(network_class, settings, fused, plain):
    assert count(network_class(**settings)) == fused
    assert count(network_class(**settings, fusion="none")) == plain


def test_the_cifar_fusion_starts_at_a_third_of_the_sum_of_three():
    network = CFNCifar()
    branches = fusion_input(network, torch.randn(2, 3, 32, 32))
    assert branches.shape == (2, 3, 192)
    with torch.inference_mode():
        torch.testing.assert_close(network.fusion(branches), 0.333 * branches.sum(1))
    assert network.fusion.bias.shape == (192,)


def test_the_imagenet_fusion_starts_at_a_quarter_of_the_sum_of_four():
    network = CFN11(classes=10)
    branches = fusion_input(network, torch.randn(1, 3, 64, 64))
    assert branches.shape == (1, 4, 1024)
    with torch.inference_mode():
        torch.testing.assert_close(network.fusion(branches), 0.25 * branches.sum(1))
    assert network.fusion.bias is None


def test_branches_come_in_the_published_order():
    x = torch.randn(1, 3, 32, 32)
    cifar = CFNCifar()
    branches = fusion_input(cifar, x)[0]
    with torch.inference_mode():
        pool1 = cifar.stage1(x)
        torch.testing.assert_close(branches[1], global_average_pool(cifar.side1(pool1))[0])
        torch.testing.assert_close(branches[2], global_average_pool(cifar.side2(cifar.stage2(pool1)))[0])
    imagenet = CFN11(classes=10)
    branches = fusion_input(imagenet, torch.randn(1, 3, 64, 64))[0]
    with torch.inference_mode():
        imagenet.last.register_forward_hook(lambda *_: torch.zeros(1, 1024, 2, 2))
        changed = fusion_input(imagenet, torch.randn(1, 3, 64, 64))[0]
    assert branches[3].any()
    assert not changed[3].any()


@pytest.mark.parametrize(("stage", "inputs", "sides"), [("stage1", 3, (32, 16)), ("stage2", 96, (16, 8))])
def test_pooling_halves_with_overhang(stage, inputs, sides):
    network = CFNCifar().eval()
    before, after = sides
    out = getattr(network, stage)(torch.zeros(1, inputs, before, before))
    assert out.shape[-2:] == (after, after)


def test_overhanging_windows_are_divided_by_their_valid_pixels():
    (pool,) = (module for module in CFNCifar().modules() if isinstance(module, nn.AvgPool2d))
    assert (pool(torch.ones(1, 1, 16, 16)) == 1).all()
    rows = torch.arange(16.0)[:, None].expand(1, 1, 16, 16)
    # Seven windows of three rows; the last has two, 14 and 15.
    assert pool(rows)[0, 0, :, 0].tolist() == [1, 3, 5, 7, 9, 11, 13, 14.5]


def test_imagenet_stages_halve_to_seven_cells():
    network = CFN11(classes=10, fusion="none").eval()
    with torch.inference_mode():
        x = network.stage1(torch.zeros(1, 3, 224, 224))
        sizes = [x.shape[-1]]
        for stage in network.stages:
            x = stage(x)
            sizes.append(x.shape[-1])
    assert sizes == [56, 28, 14, 7]


def test_only_the_published_network_has_dropout_between_its_stages():
    def drops(network):
        return sorted(module.p for module in network.modules() if isinstance(module, nn.Dropout))

    assert drops(CFNCifar()) == [0.5, 0.5]  # one module serves both stages
    assert drops(CFNCifar(batch_norm=True)) == [0.0, 0.5]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in CFNCifar().modules())


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(
    ("network_class", "settings", "size"),
    [(CFNCifar, {"width": 0.125}, 32), (CFNCifar, {"width": 0.125, "batch_norm": True}, 32), (CFN11, {}, 64)],
)
def test_published_networks_train_with_every_fusion(network_class, settings, size, fusion):
    torch.manual_seed(0)
    network = network_class(classes=7, fusion=fusion, **settings)
    out = network(torch.randn(4, 3, size, size))
    assert out.shape == (4, 7)
    out.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (33, 70), (160, 97)])
def test_cfn_takes_every_size(size, fusion):
    network = CFN(classes=5, fusion=fusion).eval()
    with torch.inference_mode():
        out = network(torch.rand(2, 3, *size))
    assert out.shape == (2, 5)
    assert out.isfinite().all()


def test_branches_have_names_and_ever_coarser_cells():
    network = CFN(classes=5).eval()
    with torch.inference_mode():
        maps = network.branch_maps(torch.rand(1, 3, 64, 64))
    assert [tuple(branch.shape[1:]) for branch in maps] == [(1280, side, side) for side in (2, 8, 4, 2)]
    assert len(CFN.BRANCH_NAMES) == len(maps)


@pytest.mark.parametrize("trunk", BACKBONES)
def test_side_branches_read_their_inputs(trunk):
    network = with_random_weights(CFN(classes=5, trunk=trunk, prototypes=2)).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        top, *inputs = network.branch_inputs(x)
        maps = [top, *network.side_maps(inputs)]
        for branch, expected in zip(maps, network.branch_maps(x), strict=True):
            assert torch.equal(branch, expected)
        plain = network.classifier(global_average_pool(top))
        torch.testing.assert_close(network.remove_fusion()(x), plain)
    assert count(network) == count(CFN(classes=5, trunk=trunk, fusion="none"))
    assert len(network.prototypes) == 0


def test_the_fusion_starts_near_the_main_branch():
    weight = CFN(classes=5).fusion.weight
    assert (weight[0] == 1).all()
    assert (weight[1:] == 0.05).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_contributions_add_up_to_the_logit(fusion):
    network = with_random_weights(CFN(classes=5, fusion=fusion)).eval()
    if network.fusion is not None and network.fusion.weight is not None:
        nn.init.normal_(network.fusion.weight)
        nn.init.normal_(network.fusion.bias)
    with torch.inference_mode():
        branches = network.branch_vectors(network.branch_maps(torch.rand(3, 3, 64, 48)))
        fused = network.fuse(branches)
        logits = network.classifier(fused)
        target = torch.tensor([4, 0, 2])
        parts = network.contributions(branches, target)
    assert parts.shape == (3, branches.shape[1] + 1)
    assert branches.shape[1] == (1 if fusion == "none" else len(CFN.BRANCH_NAMES))
    torch.testing.assert_close(parts.sum(1), logits[range(3), target], rtol=1e-4, atol=1e-4)
    assert parts[:, :-1].abs().min() > 0
    if fusion in ("lc", "conv"):
        assert (fused == 0).any()  # some channels are cut off, which the sum must respect


def test_without_fusion_it_is_mobilenet_v2():
    """It equals torchvision's network with the same weights, whose batch norms only add a bias."""
    network = with_random_weights(CFN(classes=1000, fusion="none")).eval()
    network.base.set_padding("symmetric")
    reference = torchvision.models.mobilenet_v2(weights=None).eval()
    ours = [module for module in [*network.base.modules(), network.head] if isinstance(module, nn.Conv2d)]
    convs = [module for module in reference.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in reference.modules() if isinstance(module, nn.BatchNorm2d)]
    for folded, conv, norm in zip(ours, convs, norms, strict=True):
        conv.weight.data.copy_(folded.weight)
        norm.bias.data.copy_(folded.bias)
        norm.running_var.fill_(1 - norm.eps)
    reference.classifier[1].load_state_dict(network.classifier.state_dict())
    x = torch.rand(2, 3, 96, 65)
    with torch.inference_mode():
        expected = reference(x * 2 - 1)
        logits = network(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
