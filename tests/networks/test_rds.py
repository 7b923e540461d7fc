"""The RDS networks and their losses."""

import pytest
import torch
from skimage import data
from torch.nn import functional as F

from shared.core import weights
from shared.networks.rds import RDS, VGG16Edges, balanced_loss, bilinear_kernel, relaxed_loss


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return RDS(base="mobilenet_v2").eval()


def test_the_published_network_has_the_published_number_of_parameters():
    net = VGG16Edges()
    assert count(net.stages) == 14_714_688
    assert count(net) == 14_716_171


def test_the_default_network_is_small(small):
    assert count(small) <= 1_500_000


def test_published_scores_start_at_zero_and_their_fusion_at_the_mean():
    net = VGG16Edges().eval()
    with torch.no_grad():
        assert not net(torch.rand(1, 3, 20, 20)).any()
        for level, score in enumerate(net.scores):
            score.bias.fill_(float(level))
        out = net(torch.rand(1, 3, 20, 20))
    assert torch.allclose(out[0, :5].mean((1, 2)), torch.arange(5.0))
    assert torch.allclose(out[0, 5], torch.full((20, 20), 2.0))


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 2), (64, 96), (61, 45)])
@pytest.mark.parametrize("base", ["mobilenet_v2", "vgg16"])
def test_every_size_gives_six_maps_of_that_size(base, size, small):
    net = small if base == "mobilenet_v2" else VGG16Edges().eval()
    with torch.inference_mode():
        out = net(torch.rand(2, 3, *size))
    assert out.shape == (2, 6, *size)
    assert out.isfinite().all()


@pytest.mark.parametrize("level", range(5))
def test_published_scores_are_aligned_with_their_pixels(level):
    """A step in a score, upsampled and cropped, crosses zero where its cells end in the image."""
    net = VGG16Edges()
    stride = 2**level
    # Cell i of a stage covers image columns stride * i - 34 .. stride * (i + 1) - 35.
    cells = -(-(64 + 68) // stride)
    score = torch.full((1, 1, cells, cells), -1.0)
    first = (34 + 40) // stride + (1 if (34 + 40) % stride else 0)
    score[..., first:] = 1.0
    row = net._upsample(score, level, (64, 64))[0, 0, 30]
    border = stride * first - 34
    assert (row[2:border] < 0).all()
    assert (row[border:62] > 0).all()


def test_unknown_base_is_refused():
    with pytest.raises(ValueError, match=r"vgg16.*'resnet'"):
        RDS(base="resnet")


def test_relaxed_loss_without_relaxed_pixels_is_cross_entropy_weighted_nine_to_one():
    torch.manual_seed(1)
    logits, labels = torch.randn(3, 7, 5), torch.randint(0, 2, (3, 7, 5))
    weight = torch.where(labels == 1, 9.0, 1.0)
    expected = F.binary_cross_entropy_with_logits(logits, labels.float(), weight, reduction="sum") / 3
    assert torch.allclose(relaxed_loss(logits, labels), expected)
    assert torch.allclose(relaxed_loss(logits, labels, beta=0.5), expected / 2)


@pytest.mark.parametrize("loss", [relaxed_loss, balanced_loss])
def test_relaxed_pixels_have_exactly_no_gradient(loss):
    torch.manual_seed(2)
    logits = (torch.randn(2, 40) * 30).requires_grad_()
    labels = torch.randint(0, 3, (2, 40))
    loss(logits, labels).backward()
    assert (logits.grad[labels == 2] == 0).all()
    assert (logits.grad[(labels == 1) & (logits < 5)] != 0).all()


def test_balanced_loss_gives_both_classes_the_same_weight_in_every_image():
    logits = torch.zeros(2, 100, requires_grad=True)
    labels = torch.zeros(2, 100, dtype=torch.long)
    labels[0, :10] = 1
    labels[1, :40] = 1
    labels[1, 90:] = 2
    balanced_loss(logits, labels).backward()
    for grad, label in zip(logits.grad, labels, strict=True):
        assert grad[label == 1].sum().item() == pytest.approx(-grad[label == 0].sum().item())


def test_balanced_loss_is_finite_for_images_of_one_class():
    for value in (0, 1, 2):
        assert balanced_loss(torch.zeros(1, 9), torch.full((1, 9), value)).isfinite()


def test_losses_refuse_shapes_that_differ():
    for loss in (relaxed_loss, balanced_loss):
        with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
            loss(torch.zeros(2, 4), torch.zeros(2, 3))


def test_bilinear_kernel_keeps_a_constant():
    for stride in (2, 4, 8, 16):
        flat = F.conv_transpose2d(torch.ones(1, 1, 5, 5), bilinear_kernel(stride), stride=stride)
        inside = flat[..., 2 * stride : -2 * stride, 2 * stride : -2 * stride]
        assert torch.allclose(inside, torch.ones_like(inside))


def test_borders_of_the_image_are_no_edges():
    """The borders of a cropped image have much the same strength as inside the whole image."""
    network = weights.load(RDS, "edges-rds")
    whole = torch.from_numpy(data.astronaut()[:300, :400]).permute(2, 0, 1)[None] / 255
    inside = (..., slice(64, 236), slice(64, 336))
    with torch.inference_mode():
        expected = network(whole)[inside][0, 5].sigmoid()
        cut = network(whole[inside])[0, 5].sigmoid()
    error = (cut - expected).abs()
    for name, border in {"right": error[:, -6:], "bottom": error[-6:], "left": error[:, :6]}.items():
        assert border.mean() < 0.2, name
