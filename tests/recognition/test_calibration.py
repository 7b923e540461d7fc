"""Calibration: metrics, temperature, and the command that calibrates a trained classifier."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.networks.cfn import CFN
from shared.recognition import calibrate
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS
from shared.recognition.training.calibration import expected_calibration_error, fit_temperature
from shared.recognition.training.teacher import Teacher
from tests.predictors import with_random_weights


def test_calibration_error_weights_bins_by_their_size():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55])
    correct = np.array([True, True, True, False, True])
    assert expected_calibration_error(confidence, correct) == pytest.approx((4 * 0.2 + 0.45) / 5)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0


def test_temperature_undoes_overconfidence():
    torch.manual_seed(0)
    logits = torch.randn(4000, 5) * 2
    targets = torch.distributions.Categorical(logits=logits).sample()
    correct = torch.nn.functional.one_hot(targets, 5).bool()
    assert fit_temperature(logits * 2, correct) == pytest.approx(2, abs=0.1)
    assert fit_temperature(logits / 2, correct) == pytest.approx(0.5, abs=0.03)


def test_prototypes_are_directions_of_clusters():
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.eye(3, 8), 20, axis=0) * rng.uniform(1, 9, (60, 1)) + rng.normal(0, 0.01, (60, 8))
    means = calibrate.spherical_k_means(clusters, 3, seed=0)
    assert means.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sort((means @ np.eye(3, 8).T).max(1)), 1, atol=1e-2)


def test_average_of_teacher_and_student(teacher_file):
    teacher, network = Teacher(teacher_file), with_random_weights(CFN(), seed=3)
    sides = network.sides[0].weight.clone()
    expected = (teacher.head.weight + 3 * network.head.weight) / 4
    calibrate.average_with_teacher(network, teacher, 0.75)
    torch.testing.assert_close(network.head.weight, expected)
    assert torch.equal(network.sides[0].weight, sides)


def test_command_writes_weights_that_load(tmp_path, image_folder, teacher_file):
    for name in ("pizza", "ant"):
        for index in range(2):
            path = tmp_path / "caltech" / name / f"image_{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), "red").save(path)
    start = weights.save(with_random_weights(CFN(), seed=2), tmp_path / "start")
    paths = ["--weights", start, "--out", tmp_path / "out", "--teacher", teacher_file]
    data = ["--images", *[image_folder] * 4, "--labelled", tmp_path / "caltech", "--skip-per-class", 0]
    numbers = ["--max-images", 12, "--prototypes", 3, "--false-alarms", 0.1]
    arguments = calibrate.build_parser().parse_args([str(word) for word in [*paths, *data, *numbers]])
    calibrate.calibrate(arguments)
    classifier = Classifier.load("cfn", folder=tmp_path / "out", device="cpu")
    assert len(set(classifier.labels)) == 1000
    assert 0.25 <= classifier.backend.temperature <= 4
    assert classifier.backend.network.prototypes.shape == (3, CFN.FEATURE_CHANNELS)
    assert 0 <= classifier.backend.ood_threshold < 0.5
    assert classifier(image_folder / "0.png").ood_score < 0.5


def test_temperatures_with_and_without_fusion_from_named_photos(tmp_path, image_folder):
    for name in ("pizza", "ant", "holiday"):
        Image.new("RGB", (40, 40), "red").save(tmp_path / f"{name}.png")
    network = with_random_weights(CFN(trunk="efficientnet_lite0"), seed=2)
    start = weights.save(network, tmp_path / "start", quantized=True)
    words = ["--weights", start, "--out", tmp_path / "out", "--images", *[image_folder] * 4, "--quantized"]
    numbers = ["--named", tmp_path, "--max-images", 12, "--prototypes", 3, "--size", 64]
    arguments = calibrate.build_parser().parse_args([str(word) for word in [*words, *numbers]])
    calibrate.calibrate(arguments)
    config = weights.read_config(tmp_path / "out")
    assert (config["trunk"], config["size"]) == ("efficientnet_lite0", 64)
    assert all(0.25 <= config[key] <= 4 for key in ("temperature", "plain_temperature"))
    fused, plain = (
        CLASSIFIERS[name].load(folder=tmp_path / "out", device="cpu") for name in ("lite", "plain")
    )
    assert (fused.temperature, plain.temperature) == (config["temperature"], config["plain_temperature"])
    before = network.state_dict()["base.stem.weight"]
    torch.testing.assert_close(fused.network.base.stem.weight, before, rtol=0.02, atol=0.02)
    assert torch.equal(fused.network.head.weight, plain.network.head.weight)
