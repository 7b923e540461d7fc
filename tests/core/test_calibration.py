"""Calibration: match probabilities, thresholds and confidence bands."""

import json

import numpy as np
import pytest

from shared.core.calibration import (
    ConfidenceBand,
    ConfidenceBands,
    fit_probability,
    lowest_threshold,
    probability,
)

BANDS = ConfidenceBands(
    (ConfidenceBand("the same", 0.7, 0.05, 0.5), ConfidenceBand("maybe", 0.5, 0.3, 0.8)), "similar", 8.0, -4.0
)


def test_probability_of_normal_scores_is_the_posterior():
    """For normal groups of equal deviation the logistic curve is the true posterior."""
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, 40_000), rng.normal(-1, 1, 90_000)
    scale, offset = fit_probability(positives, negatives)
    assert scale == pytest.approx(2, rel=0.03)
    assert offset == pytest.approx(0, abs=0.05)


def test_group_sizes_do_not_matter():
    rng = np.random.default_rng(1)
    positives, negatives = rng.normal(0.5, 0.1, 100), rng.normal(0.1, 0.1, 100)
    expected = fit_probability(positives, negatives)
    assert fit_probability(positives, np.tile(negatives, 9)) == pytest.approx(expected, rel=0.01)


def test_separate_identical_and_empty_groups():
    scale, offset = fit_probability(np.array([0.9, 0.8]), np.array([0.1, 0.2]))
    assert np.isfinite([scale, offset]).all()
    assert probability(0.9, scale, offset) > 0.95
    same = np.full(3, 0.3)
    assert probability(same, *fit_probability(same, same)) == pytest.approx([0.5] * 3)
    with pytest.raises(ValueError, match="both kinds"):
        fit_probability(same, np.zeros(0))


def test_threshold_keeps_the_error_rate():
    negatives = np.random.default_rng(2).random(1000)
    threshold = lowest_threshold(negatives, 0.05)
    assert 0.03 < (negatives >= threshold).mean() <= 0.05


@pytest.mark.parametrize(
    ("score", "name"),
    [(1.0, "the same"), (0.7, "the same"), (0.69, "maybe"), (0.5, "maybe"), (-1, "similar")],
)
def test_every_score_falls_into_a_band(score, name):
    assert BANDS.name(score) == name
    assert BANDS.names == ("the same", "maybe", "similar")


def test_probability_rises_with_the_score():
    probabilities = [BANDS.probability(score) for score in (-1, 0, 0.5, 0.7, 1)]
    assert probabilities == sorted(probabilities)
    assert probabilities[2] == pytest.approx(0.5)
    assert 0 < probabilities[0] < probabilities[-1] < 1


def test_bands_survive_a_configuration():
    config = json.loads(json.dumps({"threshold": 0.7, **BANDS.as_config()}))
    assert config["grades"]["steps"][0] == {
        "name": "the same",
        "least": 0.7,
        "false_accepts": 0.05,
        "true_accepts": 0.5,
        "precision": None,
    }
    assert ConfidenceBands.from_config(config) == BANDS
    assert ConfidenceBands.from_config({"threshold": 0.7}) is None
