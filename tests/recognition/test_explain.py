"""Explanations, on a network that sees nothing but red, and on the embedded ones."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from shared.core.images import ImageError
from shared.networks.cfn import CFN
from shared.networks.layers import FUSIONS
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS
from shared.recognition.explanation import METHODS, explain, grad_cam, occlusion, place
from tests.predictors import lively

RED, BLUE = (255, 0, 0), (0, 0, 255)


class Red(nn.Module):
    """In place of MobileNetV2: how red cells of 2, 4, 8, 16 and 32 pixels are, -1..1, in all channels."""

    widths = (16, 24, 32, 96, 320)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        sides = [2 ** (level + 1) for level in range(5)]
        cells = [F.avg_pool2d(x[:, :1], side, ceil_mode=True) for side in sides]
        return [one.expand(-1, width, -1, -1) for one, width in zip(cells, self.widths, strict=True)]


class TinyCFN(CFN):
    """Few features, to be quick."""

    FEATURE_CHANNELS = 8


@pytest.fixture(scope="module")
def red() -> Classifier:
    """Knows two classes: the more red there is, the likelier the first."""
    network = TinyCFN(classes=2)
    network.base = Red()
    with torch.no_grad():
        for layer in (network.head, *network.sides):
            layer.weight.fill_(1 / layer.in_channels)
            layer.bias.zero_()
        network.classifier.weight.copy_(torch.tensor([[6.0], [-6.0]]).expand(2, 8) / 8)
        network.classifier.bias.copy_(torch.tensor([-0.5, 0.5]))
    return Classifier("cfn", network.eval(), {"labels": ["red car", "blue car"], "size": 224})


def scene(size: tuple[int, int], box: tuple[int, int, int, int], color=RED) -> Image.Image:
    """A black picture with a colored box: left, top, right, bottom."""
    picture = Image.new("RGB", size)
    picture.paste(color, box)
    return picture


def center(heat: np.ndarray) -> tuple[float, float]:
    """Where the heat lies on average: x and y in pixels."""
    rows, columns = np.indices(heat.shape) + 0.5
    return float((columns * heat).sum() / heat.sum()), float((rows * heat).sum() / heat.sum())


@pytest.mark.parametrize("method", METHODS)
def test_heat_lies_on_what_the_network_sees(red, method):
    picture = scene((224, 224), (32, 64, 96, 128))
    picture.paste(BLUE, (160, 160, 224, 224))
    result = explain(red, picture, "red car", method)
    assert (result.label, result.id, result.method, result.engine) == ("red car", 0, method, "cfn")
    assert result.heat.dtype == np.float32
    assert result.heat.shape == (224, 224)
    assert (result.heat.min(), result.heat.max()) == (0, 1)
    assert center(result.heat) == pytest.approx((64, 96), abs=1)
    assert result.heat[64:128, 32:96].min() > 0.2
    assert result.heat[192:].max() < 1e-4
    assert result.heat[:, 160:].max() < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_heat_moves_with_the_picture(red, method):
    before = explain(red, scene((224, 224), (64, 64, 96, 128)), 0, method).heat
    after = explain(red, scene((224, 224), (96, 96, 128, 160)), 0, method).heat
    np.testing.assert_allclose(after[32:, 32:], before[:-32, :-32], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turned", [False, True])
def test_heat_is_placed_in_wide_and_tall_pictures(red, method, turned):
    picture = scene((672, 448), (176, 64, 304, 192))
    picture.paste(RED, (0, 0, 60, 448))  # beside the square that the classifier sees
    if turned:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
    heat = explain(red, picture, 0, method).heat
    assert heat.shape == picture.size[::-1]
    heat = heat.T if turned else heat
    assert center(heat) == pytest.approx((240, 128), abs=2)
    assert not heat[:, :112].any()
    assert not heat[:, 560:].any()


def test_nothing_speaks_for_a_class(red):
    picture = scene((100, 80), (30, 20, 60, 50))
    result = explain(red, picture, "blue car")
    assert not result.heat.any()
    assert result.picture().tobytes() == picture.tobytes()


def test_best_guess_is_explained_by_default(red):
    picture = scene((60, 60), (0, 0, 60, 60))
    result, prediction = explain(red, picture), red(picture, 1).predictions[0]
    assert (result.label, result.id) == (prediction.label, prediction.id) == ("red car", 0)
    assert result.probability == pytest.approx(prediction.probability)
    other = explain(red, picture, " Blue CAR ")
    assert other.id == 1
    assert other.probability == pytest.approx(1 - result.probability, abs=1e-6)


def test_temperature_changes_the_probability_alone(red):
    hot = Classifier("cfn", red.network, {"labels": red.labels, "size": 224, "temperature": 2.0})
    one, other = (explain(each, scene((224, 224), (0, 0, 99, 99)), 0) for each in (red, hot))
    assert other.branches == one.branches
    assert abs(other.probability - 0.5) < abs(one.probability - 0.5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_branches_add_up_to_the_logit(fusion):
    network = lively(CFN(classes=5, fusion=fusion), seed=3).eval()
    classifier = Classifier("cfn", network, {"labels": list("abcde"), "size": 96})
    picture = Image.effect_noise((96, 96), 90).convert("RGB")
    with torch.no_grad():
        logits = network(classifier.view(picture))[0].tolist()
    names = CFN.BRANCH_NAMES[:1] if fusion == "none" else CFN.BRANCH_NAMES
    for number, logit in enumerate(logits):
        result = explain(classifier, picture, number)
        assert tuple(result.branches) == (*names, "bias")
        assert result.logit == pytest.approx(logit, rel=1e-3, abs=1e-3)
        assert abs(result.branches["objects"]) > 0.01


def test_mean_evidence_is_the_logit_without_bias(red):
    picture = scene((224, 224), (32, 64, 96, 128))
    network = red.network
    with torch.enable_grad():
        maps = [one.detach().requires_grad_() for one in network.branch_maps(red.view(picture))]
        logit = network.classifier(network.fuse(network.branch_vectors(maps)))[0, 0]
        gradients = torch.autograd.grad(logit, maps)
    assert {tuple(one.shape[-2:]) for one in maps} == {(7, 7), (14, 14), (28, 28)}
    evidence = float(grad_cam(maps, gradients, (28, 28)).detach().mean())
    assert evidence == pytest.approx(logit.item() + 0.5, rel=1e-4)
    result = explain(red, picture, 0)
    assert result.branches["bias"] == pytest.approx(-0.5)
    assert result.logit == pytest.approx(logit.item(), rel=1e-4)


def test_occlusion_of_a_known_score():
    x = torch.zeros(3, 16, 16)
    x[:, 4:8, 8:12] = 1
    sizes = []

    def score(views):
        sizes.append(len(views))
        return views[:, 0, 4:8, 8:12].mean((-2, -1))

    falls = occlusion(score, x, cells=4, batch=5)
    # A patch covers its own cell and half of each neighbor, and is as bright as the whole.
    expected = np.outer([0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5]) * (1 - 1 / 16)
    np.testing.assert_allclose(falls, expected, rtol=1e-6)
    assert sizes == [1, 5, 5, 5, 1]


def test_occlusion_keeps_only_falls():
    x = torch.rand(3, 20, 30)
    assert not occlusion(lambda views: torch.ones(len(views)), x).any()
    assert not occlusion(lambda views: (views - x).abs().sum((1, 2, 3)), x).any()
    assert not occlusion(lambda views: 1 + (views == x).float().mean((1, 2, 3)) / 10000, x).any()


def test_place():
    heat = place(torch.tensor([[0.0, 2.0], [4.0, 0.0]]), (6, 2))
    np.testing.assert_array_equal(heat, [[0, 0, 0, 0.5, 0, 0], [0, 0, 1, 0, 0, 0]])


def test_a_plain_picture_hides_nothing():
    """What rounding changes is not blown up to heat."""
    classifier = Classifier("cfn", lively(CFN(classes=5)).eval(), {"labels": list("abcde"), "size": 96})
    assert not explain(classifier, Image.new("RGB", (50, 50), (120, 90, 33)), method="occlusion").heat.any()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300)])
@pytest.mark.parametrize("method", METHODS)
def test_tiny_pictures(red, size, method):
    result = explain(red, Image.new("RGB", size, RED), method=method)
    assert result.heat.shape == size[::-1]
    assert 0 <= result.heat.min() <= result.heat.max() <= 1
    assert result.picture().size == size


def test_picture_lays_the_heat_over_the_photo(red):
    picture = scene((448, 224), (144, 64, 208, 128))
    result = explain(red, picture, 0)
    cold, hottest = result.heat == 0, np.unravel_index(result.heat.argmax(), result.heat.shape)
    full = np.asarray(result.picture(1.0))
    np.testing.assert_array_equal(full[cold], np.asarray(picture)[cold])
    assert full[hottest].tolist() == [252, 255, 164]
    assert full.shape == (224, 448, 3)
    assert result.picture(0).tobytes() == picture.tobytes()
    half = np.asarray(result.picture(0.5))[hottest]
    np.testing.assert_allclose(half, np.mean([RED, (252, 255, 164)], axis=0), atol=1)
    with pytest.raises(ValueError, match=r"0\.\.1, received 1\.5"):
        result.picture(1.5)


def test_picture_is_upright(red, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    scene((40, 20), (0, 0, 20, 20)).save(tmp_path / "turned.png", exif=exif)
    result = explain(red, tmp_path / "turned.png", 0)
    assert result.image.size == (20, 40)
    assert result.heat.shape == (40, 20)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("red cat", "There is no class 'red cat' here: please try red car."),
        ("zebra", "There is no class 'zebra' here: please try one of the classes in the list."),
        (2, "There is no class 2 here: please choose a number from 0 to 1."),
        (-1, "There is no class -1 here: please choose a number from 0 to 1."),
    ],
)
def test_unknown_classes_are_explained_to_visitors(red, target, sentence):
    with pytest.raises(ImageError) as caught:
        explain(red, Image.new("RGB", (9, 9)), target)
    assert str(caught.value) == sentence


def test_unknown_methods_are_refused(red):
    with pytest.raises(ValueError, match="must be one of grad-cam, occlusion, received 'rise'"):
        explain(red, Image.new("RGB", (9, 9)), method="rise")


def test_damaged_pictures_are_refused(red):
    with pytest.raises(ImageError):
        explain(red, b"no picture")


@torch.inference_mode()
def test_a_callers_inference_mode_does_not_disturb(red):
    assert explain(red, scene((224, 224), (32, 64, 96, 128)), 0).heat.max() == 1


@pytest.mark.parametrize("engine", CLASSIFIERS)
def test_engines_explain_from_many_threads(engine):
    classifier = Classifier.load(engine, device="cpu")
    picture = Image.effect_noise((320, 240), 80).convert("RGB")
    expected = explain(classifier, picture)
    with torch.no_grad():
        logits = classifier.network(classifier.view(picture))[0]
    assert expected.id == int(logits.argmax()) == classifier(picture).predictions[0].id
    assert expected.logit == pytest.approx(float(logits.max()), rel=1e-4)
    results = []

    def work():
        classifier(picture)
        results.append(explain(classifier, picture))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_allclose(result.heat, expected.heat, atol=1e-4)
    assert all(values.grad is None for values in classifier.network.parameters())
