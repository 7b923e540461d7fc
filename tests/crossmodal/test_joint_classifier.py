"""JMC after a training on walls of four colors: predictions from an image, a text, and both."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shared.core import weights
from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.crossmodal.engines import load_product_space
from shared.crossmodal.products.joint_classifier import OUTLIER_CLASS, JointClassifier
from tests.crossmodal.colors import COLORS
from tests.crossmodal.product_data import CLASS_NAMES, striped_image, wall_image

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def classifier(jmc_folder, recognition_folder):
    return JointClassifier.load(folder=jmc_folder, backbone_folder=recognition_folder)


@pytest.fixture
def embedder(jmc_folder, recognition_folder):
    """Embedder of JMC, whose configuration a test may change."""
    return load_product_space(folder=jmc_folder, backbone_folder=recognition_folder)


@pytest.mark.parametrize("color", COLORS)
def test_a_wall_is_classified_by_image_text_and_both(classifier, color):
    assert classifier.labels == tuple(name.replace("-", " ") for name in CLASS_NAMES)
    assert set(classifier.groups) == {"grocery"}
    prediction = classifier(wall_image(color), f"it is {color}", top_k=2)
    for modality in (prediction.combined, prediction.image, prediction.text):
        assert modality.best.label == f"{color.capitalize()} Wall"
        assert modality.is_known == (modality.in_distribution >= 0.5)
        assert len(modality.classes) == 2
        assert modality.classes[0].probability >= modality.classes[1].probability
    assert prediction.is_match
    assert prediction.best_evidence is prediction.combined
    # The bits of both modalities lead from even chances to the combined probability.
    bits = math.log2(prediction.combined.best.probability * 4)
    assert prediction.image_bits + prediction.text_bits == pytest.approx(bits, abs=1e-4)


def test_one_modality_is_enough(classifier):
    prediction = classifier(wall_image("red"))
    assert prediction.best_evidence is prediction.image
    missing = ("combined", "text", "match_probability", "image_bits", "text_bits", "is_match")
    assert all(getattr(prediction, name) is None for name in missing)
    prediction = classifier(text="a blue wall")
    assert prediction.best_evidence is prediction.text
    assert prediction.text.best.label == "Blue Wall"


def test_a_text_without_words_counts_as_none(classifier):
    prediction = classifier(wall_image("red"), " ... ", top_k=4)
    assert prediction.text is None
    total = sum(item.probability for item in prediction.image.classes)
    assert total == pytest.approx(prediction.image.in_distribution, abs=1e-5)


def test_image_and_text_of_different_products_do_not_match(classifier):
    right, wrong = (classifier(wall_image("red"), text) for text in ("it is red", "it is blue"))
    assert right.match_probability > 0.5 > wrong.match_probability
    assert wrong.is_match is False
    assert right.score > wrong.score


def test_an_image_of_no_product_is_out_of_distribution(classifier):
    walls = [classifier(wall_image(color), f"it is {color}").combined.in_distribution for color in COLORS]
    stripes = [
        classifier(striped_image(seed), "people on a road").combined.in_distribution for seed in range(50, 54)
    ]
    assert np.mean(walls) > 0.5 > np.mean(stripes)


@pytest.mark.parametrize("text", ["red " * 3000, "🐶🐶", "כלב לבן", "the of and", "x" * 10_000])
def test_texts_of_any_length_and_script_are_accepted(classifier, text):
    prediction = classifier(wall_image("green"), text)
    assert 0 <= prediction.match_probability <= 1
    assert 0 <= prediction.combined.in_distribution <= 1


@pytest.mark.parametrize("text", ["", None, "?!"])
def test_neither_image_nor_words_is_an_error(classifier, text):
    with pytest.raises(InputError, match="Give a picture, some words, or both"):
        classifier(None, text)


def test_an_invalid_image_is_an_error(classifier):
    with pytest.raises(ImageError):
        classifier(b"no picture", "red")


@pytest.mark.parametrize("top_k", [0, -1, 1.5])
def test_an_invalid_number_of_classes_is_an_error(classifier, top_k):
    with pytest.raises(ValueError, match="at least 1"):
        classifier(text="red", top_k=top_k)


def test_an_unknown_engine_is_an_error():
    with pytest.raises(ValueError, match="must be one of jmc, received 'other'"):
        JointClassifier.load("other")


def test_weights_without_class_names_are_an_error(embedder):
    embedder.config.pop("class_names")
    with pytest.raises(weights.WeightsError, match="do not say what their classes are"):
        JointClassifier("jmc", embedder)


def test_threads_get_the_predictions_of_a_single_one(classifier):
    queries = [(wall_image(color), f"it is {color}") for color in COLORS] * 3
    sequential = [classifier(*query).combined.best for query in queries]
    with ThreadPoolExecutor(4) as pool:
        concurrent = list(pool.map(lambda query: classifier(*query).combined.best, queries))
    assert [best.label for best in concurrent] == [best.label for best in sequential]
    probabilities = [[best.probability for best in run] for run in (concurrent, sequential)]
    assert np.allclose(*probabilities, atol=1e-5)


def test_groups_follow_the_order_of_the_classes(embedder):
    embedder.config["sets"] = {"a": [1, 4], "z": [0, 1]}  # a data set's first class, and the end
    assert JointClassifier("jmc", embedder).groups == ("z", "a", "a", "a")


def test_the_configuration_holds_classes_and_calibration(jmc_folder):
    config = weights.read_config(jmc_folder)
    assert config["class_names"][-1] == OUTLIER_CLASS
    assert config["sets"] == {"grocery": [0, 4]}
    assert set(config["temperatures"]) == set(config["fits"]) == {"both", "picture", "words"}
    assert config["calibration"]["jmc"][0] > 0


def test_temperature_and_energy_fit_decide_the_probabilities(embedder):
    calibrated = JointClassifier("jmc", embedder)(wall_image("red")).image
    embedder.config["fits"]["picture"] = [0.0, -1.0986]  # a quarter for every image
    embedder.config["temperatures"]["picture"] = 1e6  # all classes alike
    flat = JointClassifier("jmc", embedder)(wall_image("red")).image
    assert flat.in_distribution == pytest.approx(0.25, abs=1e-3)
    assert flat.best.probability == pytest.approx(0.25 / 4, abs=1e-3)
    conditional = [item.best.probability / item.in_distribution for item in (calibrated, flat)]
    assert conditional[0] > 0.5 > conditional[1]
    assert not flat.is_known
