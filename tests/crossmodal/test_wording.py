"""Figures of the verdicts of a search by words."""

import numpy as np
import pytest

from shared.crossmodal.benchmarks.wording import search_things, verdict_metrics
from shared.crossmodal.embedders.embedder import POSSIBLE_PROBABILITY, MatchCalibration


def test_half_of_the_galleries_hold_the_thing():
    scores, right = search_things(np.eye(6), 3, 2, np.random.default_rng(0))
    assert len(scores) == len(right) == 6 * 4
    assert right.mean() == 0.5
    assert (scores[right] == 1).all()
    assert (scores[~right] == 0).all()


def test_each_search_has_one_verdict_and_right_hits_are_counted_under_theirs():
    calibration = MatchCalibration(scale=10.0, offset=-5.0, threshold=0.95, gallery_size=4)
    scores = np.array([0.9, 0.9, 0.7, 0.7, 0.1])  # even odds 0.98, 0.88 and 0.02
    metrics = verdict_metrics(scores, np.array([True, False, True, False, False]), calibration, 4)
    assert metrics["right"] == pytest.approx(0.4)
    assert [metrics[f"{name}_share"] for name in ("good", "possible", "none")] == pytest.approx(
        [0.4, 0.4, 0.2]
    )
    assert [metrics[f"{name}_right"] for name in ("good", "possible", "none")] == pytest.approx([0.5, 0.5, 0])
    assert metrics["none_of_right"] == 0


def test_a_possible_match_needs_no_more_than_a_good_one():
    low = MatchCalibration(1.0, 0.0, threshold=POSSIBLE_PROBABILITY / 2)
    assert low.possible_threshold == low.corrected_threshold
    assert MatchCalibration(1.0, 0.0).possible_threshold is None
