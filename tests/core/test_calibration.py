import numpy as np
import pytest

from shared.core.calibration import fit_probability, lowest_threshold, probability


def test_probabilities_are_those_of_the_shares():
    """Where scores are normal with the same spread, the logistic curve is the true posterior."""
    rng = np.random.default_rng(0)
    right, wrong = rng.normal(1, 1, 40_000), rng.normal(-1, 1, 90_000)
    scale, offset = fit_probability(right, wrong)
    assert scale == pytest.approx(2, rel=0.03)
    assert offset == pytest.approx(0, abs=0.05)


def test_how_many_there_are_of_each_does_not_matter():
    rng = np.random.default_rng(1)
    right, wrong = rng.normal(0.5, 0.1, 100), rng.normal(0.1, 0.1, 100)
    assert fit_probability(right, np.tile(wrong, 9)) == pytest.approx(fit_probability(right, wrong), rel=0.01)


def test_groups_apart_and_groups_alike():
    scale, offset = fit_probability(np.array([0.9, 0.8]), np.array([0.1, 0.2]))
    assert np.isfinite([scale, offset]).all()
    assert probability(0.9, scale, offset) > 0.95
    same = np.full(3, 0.3)
    assert probability(same, *fit_probability(same, same)) == pytest.approx([0.5] * 3)
    with pytest.raises(ValueError, match="both kinds"):
        fit_probability(same, np.zeros(0))


def test_the_threshold_lets_no_more_wrong_scores_pass():
    wrong = np.random.default_rng(2).random(1000)
    least = lowest_threshold(wrong, 0.05)
    assert 0.03 < (wrong >= least).mean() <= 0.05
