"""The classifier: predictions with probabilities, and out-of-distribution images."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.networks.cfn import CFN
from shared.recognition.cfn_backend import CFNBackend, center_square
from shared.recognition.classifier import Classification, Classifier, ClassPrediction
from shared.recognition.engines import CLASSIFIERS
from tests.predictors import PredictorTests, astronaut, with_random_weights

LABELS = ("Tabby cat", "dog", "crane", "tree frog", "crane", "sea", "pen")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Untrained weights."""
    network = with_random_weights(CFN(classes=len(LABELS)))
    return weights.save(network, tmp_path_factory.mktemp("weights"), config={"labels": LABELS, "size": 96})


@pytest.fixture(scope="module")
def classifier(folder):
    return Classifier.load(folder=folder, device="cpu")


def replace_settings(classifier: Classifier, **settings) -> Classifier:
    backend = CFNBackend(classifier.backend.network, **{"labels": LABELS, "size": 96, **settings})
    return Classifier("cfn", backend)


class TestClassifier(PredictorTests):
    predictor_class, engines = Classifier, CLASSIFIERS

    @pytest.fixture
    def predictor(self, classifier):
        return classifier

    def check(self, result, size):
        assert len(result.predictions) == 5
        assert result.probabilities.shape == (len(LABELS),)
        assert result.probabilities.dtype == np.float32
        assert result.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert result.feature.shape == (CFN.FEATURE_CHANNELS,)
        assert np.isfinite(result.feature).all()
        assert result.engine == "lite"
        assert result.seconds > 0

    def values(self, result):
        return [result.probabilities, result.feature / result.feature.max(), np.array([result.ood_score])]


def test_predictions_are_the_likeliest_classes_best_first(classifier):
    result = classifier(astronaut(60, 40), top_k=len(LABELS))
    order = np.argsort(-result.probabilities)
    assert [prediction.id for prediction in result.predictions] == order.tolist()
    for prediction in result.predictions:
        assert prediction.label == LABELS[prediction.id]
        assert prediction.probability == pytest.approx(float(result.probabilities[prediction.id]))
    assert classifier(astronaut(60, 40), top_k=1).predictions == result.predictions[:1]
    assert "array" not in repr(result)


@pytest.mark.parametrize("top_k", [0, -1, len(LABELS) + 1, 2.5, "3", None])
def test_wrong_top_k_is_refused(top_k, classifier):
    with pytest.raises(ValueError, match=f"1..{len(LABELS)}, received {top_k!r}"):
        classifier(astronaut(8, 8), top_k=top_k)


def test_any_whole_number_is_a_top_k(classifier):
    for top_k in (2, 2.0, np.int64(2)):
        assert len(classifier(astronaut(8, 8), top_k=top_k).predictions) == 2


def test_batch_equals_single_calls(classifier):
    images = [astronaut(60, 40), astronaut(31, 97), np.zeros((20, 20), np.uint8)]
    for result, image in zip(classifier.batch(images, top_k=3), images, strict=True):
        single = classifier(image, top_k=3)
        np.testing.assert_allclose(result.probabilities, single.probabilities, atol=1e-5)
        np.testing.assert_allclose(result.feature, single.feature, rtol=1e-3, atol=1e-2)
        assert [p.label for p in result.predictions] == [p.label for p in single.predictions]
    assert classifier.batch([]) == []
    with pytest.raises(ImageError):
        classifier.batch([images[0], b"not a picture"])


def test_feature_determines_the_probabilities(classifier):
    result = classifier(astronaut(60, 40))
    layer = classifier.backend.network.classifier
    with torch.inference_mode():
        probabilities = layer(torch.from_numpy(result.feature)).softmax(0).numpy()
    np.testing.assert_allclose(probabilities, result.probabilities, atol=1e-5)


def test_input_is_the_center_square(classifier):
    image, preprocess = astronaut(120, 60), classifier.backend.preprocess
    expected = preprocess(image)
    assert expected.shape == (1, 3, 96, 96)
    for box in ((0, 0, 27, 60), (93, 0, 120, 60)):  # resizing reads two pixels beyond the square
        image.paste("red", box)
    assert torch.equal(preprocess(image), expected)
    image.paste("red", (0, 0, *image.size))
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    assert torch.equal(preprocess(image), red.expand(expected.shape))


@pytest.mark.parametrize("size", [(1, 1), (4, 2), (2, 5), (3000, 1)])
def test_center_square_is_as_large_as_possible(size):
    left, top, right, bottom = center_square(size)
    assert right - left == bottom - top == min(size)
    assert (left + right, top + bottom) == size


def test_temperature_softens_the_probabilities(classifier):
    sharp = classifier(astronaut(60, 40)).probabilities
    soft = replace_settings(classifier, temperature=3)(astronaut(60, 40)).probabilities
    expected = sharp.astype(float) ** (1 / 3)
    np.testing.assert_allclose(soft, expected / expected.sum(), rtol=1e-3)
    assert classifier.backend.temperature == 1


def test_images_unlike_all_prototypes_are_out_of_distribution(classifier, tmp_path):
    in_distribution, noise = astronaut(60, 40), Image.effect_noise((60, 40), 200)
    network = CFN(classes=len(LABELS), prototypes=2)
    state = {k: v for k, v in classifier.backend.network.state_dict().items() if k != "prototypes"}
    network.load_state_dict({**network.state_dict(), **state})
    with torch.no_grad():
        # The length of a prototype does not count.
        network.prototypes[0] = 5 * torch.from_numpy(classifier(in_distribution).feature)
        network.prototypes[1, 7] = -1
    config = {"labels": LABELS, "size": 96, "familiar": 0.01}
    calibrated = Classifier.load(
        folder=weights.save(network, tmp_path / "weights", config=config), device="cpu"
    )
    near, far = calibrated.batch([in_distribution, noise])
    assert near.ood_score == pytest.approx(0, abs=1e-3)
    assert not near.out_of_distribution
    assert 0.01 < far.ood_score <= 2
    assert far.out_of_distribution
    np.testing.assert_allclose(near.probabilities, classifier(in_distribution).probabilities, atol=1e-5)


def test_without_prototypes_nothing_is_out_of_distribution(classifier):
    result = replace_settings(classifier, ood_threshold=0.0)(astronaut(60, 40))
    assert (result.ood_score, result.out_of_distribution) == (0, False)


def test_classes_by_name(classifier):
    assert classifier.find_class("dog") == 1
    assert classifier.find_class(" TABBY Cat ") == 0
    assert classifier.find_class("crane") == 2  # the first of two
    with pytest.raises(ValueError, match="no class 'cat' here: please try Tabby cat"):
        classifier.find_class("cat")
    assert classifier.find_class("tabby cats") == 0
    assert classifier.find_class("tre frog") == 3


def test_case_distinguishes_classes_of_the_same_name(classifier):
    classifier = replace_settings(classifier, labels=("cardigan", "Cardigan", "Crane"))
    assert classifier.find_class("cardigan") == 0
    assert classifier.find_class("Cardigan") == 1
    assert classifier.find_class("crane") == 2


def test_network_without_fusion(tmp_path):
    network = with_random_weights(CFN(classes=3, fusion="none"))
    folder = weights.save(network, tmp_path / "weights", config={"labels": ["a", "b", "c"], "size": 64})
    result = Classifier.load("plain", folder=folder, device="cpu")(astronaut(60, 40), top_k=3)
    assert result.engine == "plain"
    assert sorted(prediction.label for prediction in result.predictions) == ["a", "b", "c"]


@pytest.mark.parametrize("labels", [None, [], LABELS[:-1], (*LABELS, "more")])
def test_weights_without_a_label_for_every_class_are_refused(labels, folder):
    config = json.loads((folder / "config.json").read_text())
    try:
        weights.update_config(folder, labels=labels)
        with pytest.raises(WeightsError, match=r"config\.json must list a label for every class"):
            Classifier.load(folder=folder)
    finally:
        weights.update_config(folder, **config)


def test_results_as_plain_values_and_as_cells():
    predictions = (
        ClassPrediction("tabby cat", 281, 0.512345, "n02123045"),
        ClassPrediction("tiger cat", 282, 0.25),
    )
    result = Classification(predictions, np.zeros(2), np.zeros(2), 0.123456, True, "cfn", 0.0517)
    values = result.as_dict()
    assert json.loads(json.dumps(values)) == values
    assert values == {
        "predictions": [
            {"label": "tabby cat", "id": 281, "synset": "n02123045", "probability": 0.51235},
            {"label": "tiger cat", "id": 282, "synset": None, "probability": 0.25},
        ],
        "doubtful": False,
        "kind": None,
        "engine": "cfn",
        "seconds": 0.052,
    }
    assert result.summary == "tabby cat, 51% sure"
    coarse = Classification(predictions[1:], np.zeros(2), np.zeros(2), 0.1, False, "cfn", kind="cat")
    assert coarse.summary == "a kind of cat, perhaps tiger cat, 25% sure"
    assert coarse.as_dict()["kind"] == "cat"
    assert result.as_row() == {
        **{"class 1": "tabby cat", "probability 1": 0.5123, "class 2": "tiger cat", "probability 2": 0.25},
        "doubtful": "no",
    }
