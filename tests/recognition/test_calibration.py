"""Calibration, and what is added to a classifier after its training."""

import argparse

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.networks.cfn import CFN
from shared.recognition.calibrate import finish, mix, spherical_means
from shared.recognition.classifier import Classifier
from shared.recognition.training.calibration import best_temperature, expected_calibration_error
from shared.recognition.training.teacher import Teacher
from tests.predictors import lively


def test_calibration_error_weighs_bins_by_their_pictures():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55])
    right = np.array([True, True, True, False, True])
    assert expected_calibration_error(confidence, right) == pytest.approx((4 * 0.2 + 0.45) / 5)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0


def test_the_temperature_undoes_overconfidence():
    torch.manual_seed(0)
    logits = torch.randn(4000, 5) * 2
    answers = torch.distributions.Categorical(logits=logits).sample()
    right = torch.nn.functional.one_hot(answers, 5).bool()
    assert best_temperature(logits * 2, right) == pytest.approx(2, abs=0.1)
    assert best_temperature(logits / 2, right) == pytest.approx(0.5, abs=0.03)


def test_prototypes_are_directions_of_clusters():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3, 8), 20, axis=0) * rng.uniform(1, 9, (60, 1)) + rng.normal(0, 0.01, (60, 8))
    means = spherical_means(groups, 3, seed=0)
    assert means.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sort((means @ np.eye(3, 8).T).max(1)), 1, atol=1e-2)


def test_a_mix_lies_between_teacher_and_pupil(teacher_file):
    teacher, network = Teacher(teacher_file), lively(CFN(), seed=3)
    sides = network.sides[0].weight.clone()
    expected = (teacher.head.weight + 3 * network.head.weight) / 4
    mix(network, teacher, 0.75)
    torch.testing.assert_close(network.head.weight, expected)
    assert torch.equal(network.sides[0].weight, sides)


def test_finishing_makes_weights_that_load(tmp_path, photo_folder, teacher_file):
    for name in ("pizza", "ant"):
        for number in range(2):
            path = tmp_path / "caltech" / name / f"image_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), "red").save(path)
    start = weights.save(lively(CFN(), seed=2), tmp_path / "start")
    options = argparse.Namespace(
        start=start,
        out=tmp_path / "out",
        teacher=teacher_file,
        share=0.5,
        photos=[photo_folder] * 4,
        labelled=tmp_path / "caltech",
        first=0,
        look=12,
        prototypes=3,
        alarms=0.1,
        familiar=None,
        seed=0,
    )
    finish(options)
    classifier = Classifier.load("cfn", folder=tmp_path / "out", device="cpu")
    assert len(set(classifier.labels)) == 1000
    assert 0.25 <= classifier.temperature <= 4
    assert classifier.network.prototypes.shape == (3, 1280)
    found = classifier(photo_folder / "0.png")
    assert found.ood_score < 0.5
