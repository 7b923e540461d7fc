"""The classifier: predictions with probabilities, and a warning where a picture is unlike all it has learned."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.networks.cfn import CFN
from shared.recognition.classifier import Classifier, middle
from shared.recognition.engines import CLASSIFIERS
from tests.predictors import DoerTests, lively, photo

LABELS = ("Tabby cat", "dog", "crane", "tree frog", "crane", "sea", "pen")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights that have learned nothing."""
    network = lively(CFN(classes=len(LABELS)))
    return weights.save(network, tmp_path_factory.mktemp("weights"), config={"labels": LABELS, "size": 96})


@pytest.fixture(scope="module")
def classifier(folder):
    return Classifier.load(folder=folder, device="cpu")


def with_config(classifier: Classifier, **config) -> Classifier:
    return Classifier("cfn", classifier.network, {"labels": LABELS, "size": 96, **config})


class TestClassifier(DoerTests):
    doer_class, engines = Classifier, CLASSIFIERS

    @pytest.fixture
    def doer(self, classifier):
        return classifier

    def check(self, result, size):
        assert len(result.predictions) == 5
        assert result.probabilities.shape == (len(LABELS),)
        assert result.probabilities.dtype == np.float32
        assert result.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert result.feature.shape == (1280,)
        assert np.isfinite(result.feature).all()
        assert result.engine == "cfn"
        assert result.seconds > 0

    def values(self, result):
        return [result.probabilities, result.feature / result.feature.max(), np.array([result.ood_score])]


def test_guesses_are_the_likeliest_classes_best_first(classifier):
    result = classifier(photo(60, 40), top=len(LABELS))
    order = np.argsort(-result.probabilities)
    assert [prediction.id for prediction in result.predictions] == order.tolist()
    for prediction in result.predictions:
        assert prediction.label == LABELS[prediction.id]
        assert prediction.probability == pytest.approx(float(result.probabilities[prediction.id]))
    assert classifier(photo(60, 40), top=1).predictions == result.predictions[:1]
    assert "array" not in repr(result)


@pytest.mark.parametrize("top", [0, -1, len(LABELS) + 1, 2.5, "3", None])
def test_a_wrong_top_says_so(top, classifier):
    with pytest.raises(ValueError, match=f"1..{len(LABELS)}, received {top!r}"):
        classifier(photo(8, 8), top=top)


def test_a_top_of_any_kind_of_whole_number(classifier):
    for top in (2, 2.0, np.int64(2)):
        assert len(classifier(photo(8, 8), top=top).predictions) == 2


def test_a_batch_gives_what_single_calls_give(classifier):
    pictures = [photo(60, 40), photo(31, 97), np.zeros((20, 20), np.uint8)]
    together = classifier.batch(pictures, top=3)
    for result, picture in zip(together, pictures, strict=True):
        alone = classifier(picture, top=3)
        np.testing.assert_allclose(result.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(result.feature, alone.feature, rtol=1e-3, atol=1e-2)
        assert [prediction.label for prediction in result.predictions] == [prediction.label for prediction in alone.predictions]
    assert classifier.batch([]) == []
    with pytest.raises(ImageError):
        classifier.batch([pictures[0], b"not a picture"])


def test_the_feature_is_what_the_decision_hangs_on(classifier):
    result = classifier(photo(60, 40))
    layer = classifier.network.classifier
    with torch.inference_mode():
        again = layer(torch.from_numpy(result.feature)).softmax(0).numpy()
    np.testing.assert_allclose(again, result.probabilities, atol=1e-5)


def test_only_the_square_in_the_middle_is_seen(classifier):
    picture = photo(120, 60)
    expected = classifier.view(picture)
    assert expected.shape == (1, 3, 96, 96)
    for box in ((0, 0, 27, 60), (93, 0, 120, 60)):  # resizing looks two pixels beyond the square
        picture.paste("red", box)
    assert torch.equal(classifier.view(picture), expected)
    picture.paste("red", (0, 0, *picture.size))
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    assert torch.equal(classifier.view(picture), red.expand(expected.shape))


@pytest.mark.parametrize("size", [(1, 1), (4, 2), (2, 5), (3000, 1)])
def test_the_middle_is_the_largest_square(size):
    left, top, right, bottom = middle(size)
    assert right - left == bottom - top == min(size)
    assert (left + right, top + bottom) == size


def test_a_temperature_softens_the_probabilities(classifier):
    sharp = classifier(photo(60, 40)).probabilities
    soft = with_config(classifier, temperature=3)(photo(60, 40)).probabilities
    expected = sharp.astype(float) ** (1 / 3)
    np.testing.assert_allclose(soft, expected / expected.sum(), rtol=1e-3)
    assert classifier.temperature == 1


def test_pictures_unlike_all_prototypes_are_unfamiliar(classifier, tmp_path):
    known, other = photo(60, 40), Image.effect_noise((60, 40), 200)
    network = CFN(classes=len(LABELS), prototypes=2)
    network.load_state_dict({**network.state_dict(), **without_prototypes(classifier)})
    with torch.no_grad():
        network.prototypes[0] = 5 * torch.from_numpy(classifier(known).feature)  # its length does not count
        network.prototypes[1, 7] = -1
    config = {"labels": LABELS, "size": 96, "familiar": 0.01}
    folder = weights.save(network, tmp_path / "weights", config=config)
    careful = Classifier.load(folder=folder, device="cpu")
    near, far = careful.batch([known, other])
    assert near.ood_score == pytest.approx(0, abs=1e-3)
    assert not near.out_of_distribution
    assert 0.01 < far.ood_score <= 2
    assert far.out_of_distribution
    np.testing.assert_allclose(near.probabilities, classifier(known).probabilities, atol=1e-5)


def without_prototypes(classifier):
    state = classifier.network.state_dict()
    return {name: value for name, value in state.items() if name != "prototypes"}


def test_without_prototypes_nothing_is_unfamiliar(classifier):
    result = with_config(classifier, familiar=0.0)(photo(60, 40))
    assert (result.ood_score, result.out_of_distribution) == (0, False)


def test_classes_are_found_by_name(classifier):
    assert classifier.find_class("dog") == 1
    assert classifier.find_class(" TABBY Cat ") == 0
    assert classifier.find_class("crane") == 2  # the first of two
    with pytest.raises(ValueError, match="no class 'cat' here"):
        classifier.find_class("cat")


def test_a_name_in_upper_and_in_lower_case_is_two_classes(classifier):
    classifier.labels = ("cardigan", "Cardigan", "Crane")
    assert classifier.find_class("cardigan") == 0
    assert classifier.find_class("Cardigan") == 1
    assert classifier.find_class("crane") == 2


def test_the_plain_network_is_an_engine_like_any_other(tmp_path):
    network = lively(CFN(classes=3, fusion="none"))
    folder = weights.save(network, tmp_path / "weights", config={"labels": ["a", "b", "c"], "size": 64})
    result = Classifier.load("plain", folder=folder, device="cpu")(photo(60, 40), top=3)
    assert result.engine == "plain"
    assert sorted(prediction.label for prediction in result.predictions) == ["a", "b", "c"]


@pytest.mark.parametrize("labels", [None, [], LABELS[:-1], (*LABELS, "more")])
def test_weights_without_a_label_for_every_class_say_so(labels, folder):
    config = json.loads((folder / "config.json").read_text())
    try:
        weights.update_config(folder, labels=labels)
        with pytest.raises(WeightsError, match=r"config\.json must list a label for every class"):
            Classifier.load(folder=folder)
    finally:
        weights.update_config(folder, **config)
