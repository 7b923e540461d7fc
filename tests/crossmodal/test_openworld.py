"""Queries of the open-world benchmark and the photos that are right for them."""

import numpy as np

from shared.crossmodal.benchmarks.openworld import (
    OpenQuery,
    hit_rates,
    read_queries,
    relevance,
    verdict_rates,
)
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.embedders.embedder import MatchCalibration


def test_queries_are_distinct_and_of_known_kinds():
    queries = read_queries()
    assert len(queries) >= 140
    assert len({query.text for query in queries}) == len(queries)
    assert {query.kind for query in queries} == {"noun", "attribute", "action", "scene"}
    assert all(query.groups and all(query.groups) for query in queries)


def test_two_captions_must_mention_all_groups():
    texts = ("A red bus.", "One bus, in red", "a bus", "A red car", "a red bus", "a bus")
    data = CaptionedImages("test", (None, None), texts, np.array([0, 0, 0, 1, 1, 1]))
    query = OpenQuery("a red bus", "attribute", (frozenset({"bus"}), frozenset({"red"})))
    assert relevance([query], data).tolist() == [[True, False]]


def test_queries_without_a_right_photo_do_not_count():
    scores = np.array([[3.0, 2, 1], [1, 2, 3], [1, 2, 3]])
    relevant = np.array([[True, False, False], [True, False, False], [False, False, False]])
    assert hit_rates(scores, relevant) == {"R@1": 0.5, "R@5": 1.0}


def test_verdicts_need_a_high_score_and_alarms_come_without_the_right_photo():
    calibration = MatchCalibration(20, -10, threshold=0.9, gallery_size=4)
    scores = np.array([[0.9, 0.1, 0.1, 0.1], [0.55, 0.1, 0.1, 0.1], [0.1, 0.9, 0.1, 0.1]])
    relevant = np.zeros_like(scores, dtype=bool)
    relevant[:, 0] = True
    assert verdict_rates(scores, relevant, calibration, 4) == {
        "R@1": 2 / 3,
        "good, right": 0.5,
        "false alarms": 1 / 3,
    }
