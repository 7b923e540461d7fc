"""Explanations of a network that reacts to red alone, and of the engines."""

import io
import json
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
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.classifier import Classifier
from shared.recognition.engines import OFFLINE_CLASSIFIERS
from shared.recognition.explanation import METHODS, Explanation, explain
from shared.recognition.saliency import grad_cam, occlusion, place_in_image
from shared.recognition.vocabulary.class_names import ClassName
from tests.predictors import with_random_weights

ANYTHING = "an everyday word for an animal, a plant or a thing"
RED, BLUE = (255, 0, 0), (0, 0, 255)


class RednessBackbone(nn.Module):
    """Backbone whose channels all are the redness, -1..1, of cells of 2, 4, 8, 16 and 32 pixels."""

    widths = (16, 24, 32, 96, 320)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        levels = [F.avg_pool2d(x[:, :1], 2 ** (level + 1), ceil_mode=True) for level in range(5)]
        return [level.expand(-1, width, -1, -1) for level, width in zip(levels, self.widths, strict=True)]


class TinyCFN(CFN):
    """CFN with few features, which is quick."""

    FEATURE_CHANNELS = 8


@pytest.fixture(scope="module")
def red() -> Classifier:
    """Classifier of two classes: the more red there is, the likelier the first."""
    network = TinyCFN(classes=2)
    network.base = RednessBackbone()
    with torch.no_grad():
        for layer in (network.head, *network.sides):
            layer.weight.fill_(1 / layer.in_channels)
            layer.bias.zero_()
        network.classifier.weight.copy_(torch.tensor([[6.0], [-6.0]]).expand(2, 8) / 8)
        network.classifier.bias.copy_(torch.tensor([-0.5, 0.5]))
    return Classifier("cfn", CFNBackend(network.eval(), labels=["red car", "blue car"]))


def untrained_classifier(fusion: str = "lc") -> Classifier:
    network = with_random_weights(CFN(classes=5, fusion=fusion), seed=3).eval()
    return Classifier("cfn", CFNBackend(network, labels="abcde", size=96))


def scene(size: tuple[int, int], box: tuple[int, int, int, int], color=RED) -> Image.Image:
    """Return a black image with a colored box."""
    image = Image.new("RGB", size)
    image.paste(color, box)
    return image


def center_of_mass(heatmap: np.ndarray) -> tuple[float, float]:
    """Return x and y in pixels."""
    rows, columns = np.indices(heatmap.shape) + 0.5
    return (
        float((columns * heatmap).sum() / heatmap.sum()),
        float((rows * heatmap).sum() / heatmap.sum()),
    )


@pytest.mark.parametrize("method", METHODS)
def test_heat_lies_on_the_evidence(red, method):
    image = scene((224, 224), (32, 64, 96, 128))
    image.paste(BLUE, (160, 160, 224, 224))
    result = explain(red, image, "red car", method)
    assert (result.label, result.id, result.method, result.engine) == ("red car", 0, method, "cfn")
    assert result.heatmap.dtype == np.float32
    assert result.heatmap.shape == (224, 224)
    assert (result.heatmap.min(), result.heatmap.max()) == (0, 1)
    assert center_of_mass(result.heatmap) == pytest.approx((64, 96), abs=1)
    assert result.heatmap[64:128, 32:96].min() > 0.2
    assert result.heatmap[192:].max() < 1e-4
    assert result.heatmap[:, 160:].max() < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_heat_moves_with_the_image(red, method):
    before = explain(red, scene((224, 224), (64, 64, 96, 128)), 0, method).heatmap
    after = explain(red, scene((224, 224), (96, 96, 128, 160)), 0, method).heatmap
    np.testing.assert_allclose(after[32:, 32:], before[:-32, :-32], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("transposed", [False, True])
def test_heat_is_placed_in_wide_and_tall_images(red, method, transposed):
    image = scene((672, 448), (176, 64, 304, 192))
    image.paste(RED, (0, 0, 60, 448))  # outside of the square that the classifier receives
    if transposed:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    heatmap = explain(red, image, 0, method).heatmap
    assert heatmap.shape == image.size[::-1]
    heatmap = heatmap.T if transposed else heatmap
    assert center_of_mass(heatmap) == pytest.approx((240, 128), abs=6)
    assert not heatmap[:, :112].any()
    assert not heatmap[:, 560:].any()


@pytest.mark.parametrize("transposed", [False, True])
def test_heat_fades_out_where_the_input_of_the_network_ends(transposed):
    size, box = ((300, 100), (100, 0, 200, 100)) if not transposed else ((100, 300), (0, 100, 100, 200))
    heatmap = place_in_image(torch.ones(7, 7), box, size)
    heatmap = heatmap.T if transposed else heatmap
    assert heatmap.max() == 1
    assert np.abs(np.diff(heatmap, axis=1)).max() < 0.2  # a hard end has 1
    assert (heatmap[:, 110:190] == 1).all()  # up to the borders of the image
    assert not heatmap[:, :100].any()
    assert (place_in_image(torch.ones(7, 7), (0, 0, 90, 90), (90, 90)) == 1).all()


def test_a_kind_is_its_likeliest_class(red):
    names = (ClassName("red car", kinds=("car",)), ClassName("blue car", kinds=("car",)))
    classifier = Classifier("cfn", red.backend)
    classifier.names = names
    for color, label in ((RED, "red car"), (BLUE, "blue car")):
        image = Image.new("RGB", (60, 60), color)
        assert explain(classifier, image, "cars").label == label


def test_class_without_evidence_has_no_heat(red):
    image = scene((100, 80), (30, 20, 60, 50))
    result = explain(red, image, "blue car")
    assert not result.heatmap.any()
    assert result.overlay().tobytes() == image.tobytes()


def test_likeliest_class_is_the_default(red):
    image = scene((60, 60), (0, 0, 60, 60))
    result, prediction = explain(red, image), red(image, 1).predictions[0]
    assert (result.label, result.id) == (prediction.label, prediction.id) == ("red car", 0)
    assert result.probability == pytest.approx(prediction.probability)
    second = explain(red, image, " Blue CAR ")
    assert second.id == 1
    assert second.probability == pytest.approx(1 - result.probability, abs=1e-6)


def test_temperature_changes_the_probability_alone(red):
    backend = CFNBackend(red.backend.network, labels=red.labels, temperature=2.0)
    sharp, soft = (
        explain(classifier, scene((224, 224), (0, 0, 99, 99)), 0)
        for classifier in (red, Classifier("cfn", backend))
    )
    assert soft.contributions == sharp.contributions
    assert abs(soft.probability - 0.5) < abs(sharp.probability - 0.5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_contributions_sum_to_the_logit(fusion):
    classifier = untrained_classifier(fusion)
    image = Image.effect_noise((96, 96), 90).convert("RGB")
    with torch.no_grad():
        logits = classifier.backend.network(classifier.backend.preprocess(image))[0].tolist()
    names = CFN.BRANCH_NAMES[:1] if fusion == "none" else CFN.BRANCH_NAMES
    for class_id, logit in enumerate(logits):
        result = explain(classifier, image, class_id)
        assert tuple(result.contributions) == (*names, "bias")
        assert result.logit == pytest.approx(logit, rel=1e-3, abs=1e-3)
        assert abs(result.contributions["objects"]) > 0.01


def test_mean_evidence_is_the_logit_without_bias(red):
    image = scene((224, 224), (32, 64, 96, 128))
    network = red.backend.network
    with torch.enable_grad():
        inputs = red.backend.preprocess(image)
        maps = [branch_map.detach().requires_grad_() for branch_map in network.branch_maps(inputs)]
        logit = network.classifier(network.fuse(network.branch_vectors(maps)))[0, 0]
        gradients = torch.autograd.grad(logit, maps)
    assert {tuple(branch_map.shape[-2:]) for branch_map in maps} == {(7, 7), (14, 14), (28, 28)}
    evidence = float(grad_cam(maps, gradients, (28, 28)).detach().mean())
    assert evidence == pytest.approx(logit.item() + 0.5, rel=1e-4)
    result = explain(red, image, 0)
    assert result.contributions["bias"] == pytest.approx(-0.5)
    assert result.logit == pytest.approx(logit.item(), rel=1e-4)


def test_occlusion_of_a_known_score():
    image = torch.zeros(3, 16, 16)
    image[:, 4:8, 8:12] = 1
    batch_sizes = []

    def score(views):
        batch_sizes.append(len(views))
        return views[:, 0, 4:8, 8:12].mean((-2, -1))

    drops = occlusion(score, image, cells=4, batch_size=5)
    # A patch covers its own cell and half of each neighbor, in the mean color.
    expected = np.outer([0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5]) * (1 - 1 / 16)
    np.testing.assert_allclose(drops, expected, rtol=1e-6)
    assert batch_sizes == [1, 5, 5, 5, 1]


def test_occlusion_ignores_rises_and_rounding_errors():
    image = torch.rand(3, 20, 30)
    assert not occlusion(lambda views: torch.ones(len(views)), image).any()
    assert not occlusion(lambda views: (views - image).abs().sum((1, 2, 3)), image).any()
    assert not occlusion(lambda views: 1 + (views == image).float().mean((1, 2, 3)) / 10000, image).any()


def test_place_in_image():
    heatmap = place_in_image(torch.tensor([[0.0, 2.0], [4.0, 0.0]]), (2.0, 0.0, 4.0, 2.0), (6, 2))
    np.testing.assert_array_equal(heatmap, [[0, 0, 0, 0.5, 0, 0], [0, 0, 1, 0, 0, 0]])


def test_plain_image_has_no_heat():
    """Rounding errors are not amplified to heat."""
    image = Image.new("RGB", (50, 50), (120, 90, 33))
    assert not explain(untrained_classifier(), image, method="occlusion").heatmap.any()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300)])
@pytest.mark.parametrize("method", METHODS)
def test_tiny_images(red, size, method):
    result = explain(red, Image.new("RGB", size, RED), method=method)
    assert result.heatmap.shape == size[::-1]
    assert 0 <= result.heatmap.min() <= result.heatmap.max() <= 1
    assert result.overlay().size == size


def test_overlay_shows_the_image_where_it_is_cold(red):
    image = scene((448, 224), (144, 64, 208, 128))
    result = explain(red, image, 0)
    cold = result.heatmap == 0
    hottest = np.unravel_index(result.heatmap.argmax(), result.heatmap.shape)
    opaque = np.asarray(result.overlay(1.0))
    np.testing.assert_array_equal(opaque[cold], np.asarray(image)[cold])
    assert opaque[hottest].tolist() == [252, 255, 164]
    assert opaque.shape == (224, 448, 3)
    assert result.overlay(0).tobytes() == image.tobytes()
    half = np.asarray(result.overlay(0.5))[hottest]
    np.testing.assert_allclose(half, np.mean([RED, (252, 255, 164)], axis=0), atol=1)
    with pytest.raises(ValueError, match=r"0\.\.1, received 1\.5"):
        result.overlay(1.5)


def test_image_is_upright(red, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    scene((40, 20), (0, 0, 20, 20)).save(tmp_path / "rotated.png", exif=exif)
    result = explain(red, tmp_path / "rotated.png", 0)
    assert result.image.size == (20, 40)
    assert result.heatmap.shape == (40, 20)


def test_result_as_plain_values_and_as_files():
    result = Explanation(
        image=Image.new("RGB", (40, 20)),
        label="tabby",
        id=281,
        probability=0.123456,
        heatmap=np.ones((20, 40), np.float32),
        contributions={"objects": 2.00001, "parts": -0.00001, "bias": -0.5},
        method="grad-cam",
        engine="cfn",
        seconds=0.0517,
    )
    values = result.as_dict()
    assert json.loads(json.dumps(values)) == values
    assert '"parts": 0.0' in json.dumps(values)
    assert values == {
        "label": "tabby",
        "id": 281,
        "synset": None,
        "probability": 0.12346,
        "contributions": {"objects": 2.0, "parts": 0.0, "bias": -0.5},
        "method": "grad-cam",
        "engine": "cfn",
        "seconds": 0.052,
    }
    images = {name: Image.open(io.BytesIO(content)) for name, content in result.files().items()}
    assert {name: (image.mode, image.size) for name, image in images.items()} == {
        "heat.png": ("L", (40, 20)),
        "heat-over-photo.png": ("RGB", (40, 20)),
    }
    assert "array" not in repr(result)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("red hat", "There is no class 'red hat' here: please try red car."),
        ("zebra", f"There is no class 'zebra' here: please try {ANYTHING}."),
        (2, "There is no class 2 here: please choose a number from 0 to 1."),
        (-1, "There is no class -1 here: please choose a number from 0 to 1."),
    ],
)
def test_unknown_class_is_explained_to_visitors(red, target, sentence):
    with pytest.raises(ImageError) as error:
        explain(red, Image.new("RGB", (9, 9)), target)
    assert str(error.value) == sentence


def test_unknown_method_is_refused(red):
    with pytest.raises(ValueError, match="must be one of grad-cam, occlusion, received 'rise'"):
        explain(red, Image.new("RGB", (9, 9)), method="rise")


def test_damaged_image_is_refused(red):
    with pytest.raises(ImageError):
        explain(red, b"no picture")


@torch.inference_mode()
def test_inference_mode_of_the_caller_does_not_matter(red):
    assert explain(red, scene((224, 224), (32, 64, 96, 128)), 0).heatmap.max() == 1


@pytest.mark.parametrize("engine", OFFLINE_CLASSIFIERS)
def test_engines_explain_from_many_threads(engine):
    classifier = Classifier.load(engine, device="cpu")
    image = Image.effect_noise((320, 240), 80).convert("RGB")
    expected = explain(classifier, image)
    network = classifier.backend.network
    with torch.no_grad():
        logits = network(classifier.backend.preprocess(image))[0]
    assert expected.id == int(logits.argmax()) == classifier(image).predictions[0].id
    assert expected.logit == pytest.approx(float(logits.max()), rel=1e-4)
    results = []

    def work():
        classifier(image)
        results.append(explain(classifier, image))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_allclose(result.heatmap, expected.heatmap, atol=1e-4)
    assert all(parameter.grad is None for parameter in network.parameters())
