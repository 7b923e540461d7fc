"""Scores of ranked lists, by hand."""

import numpy as np
import pytest

from shared.evaluation.ranking import (
    average_precision,
    mean_average_precision,
    n_s_score,
    positions,
    rank,
    recall_at,
)


def test_the_most_similar_comes_first_and_equals_keep_their_order():
    assert rank([[0.1, 0.5, 0.5, 0.9], [1, 1, 1, 1]]).tolist() == [[3, 1, 2, 0], [0, 1, 2, 3]]


def test_junk_is_as_if_it_were_not_there():
    ranking = [9, 4, 8, 2, 7]
    assert positions(ranking, {4, 7}).tolist() == [1, 4]
    assert positions(ranking, {4, 7}, {9, 2}).tolist() == [0, 2]
    assert positions(ranking, {4, 7}, {4}).tolist() == [3]
    assert positions([], {4}).tolist() == []


@pytest.mark.parametrize(
    ("hit_positions", "relevant", "plain", "trapezoid"),
    [
        ([0, 1, 2], 3, 1.0, 1.0),
        ([1], 1, 1 / 2, (0 + 1 / 2) / 2),
        ([0, 3], 2, (1 + 2 / 4) / 2, (1 + (1 / 3 + 2 / 4) / 2) / 2),
        ([0], 2, 1 / 2, 1 / 2),  # the second item was not retrieved
        ([2, 3, 4], 3, (1 / 3 + 2 / 4 + 3 / 5) / 3, (1 / 6 + 5 / 12 + 11 / 20) / 3),
        ([], 4, 0.0, 0.0),
    ],
)
def test_average_precision(hit_positions, relevant, plain, trapezoid):
    assert average_precision(np.array(hit_positions, int), relevant) == pytest.approx(plain)
    assert average_precision(hit_positions, relevant, trapezoid=True) == pytest.approx(trapezoid)


def test_queries_without_relevant_items_are_an_error():
    with pytest.raises(ValueError, match="without relevant items"):
        average_precision(np.array([], int), 0)
    with pytest.raises(ValueError, match="no query"):
        mean_average_precision([[0, 1]], [{0}], [{0}])


def test_mean_average_precision_leaves_out_queries_without_relevant_items():
    rankings = [[0, 1, 2], [2, 1, 0], [1, 0, 2]]
    relevant, junk = [{1, 2}, {0}, {2}], [{0}, set(), {2}]
    assert mean_average_precision(rankings, relevant, junk) == pytest.approx((1 + 1 / 3) / 2)
    assert mean_average_precision(rankings, relevant) == pytest.approx(
        ((1 / 2 + 2 / 3) / 2 + 1 / 3 + 1 / 3) / 3
    )
    trapezoids = mean_average_precision(rankings, relevant, junk, trapezoid=True)
    assert trapezoids == pytest.approx((1 + 1 / 6) / 2)


def test_recall_counts_queries_with_a_hit():
    rankings, relevant = [[3, 1, 2], [1, 2, 3]], [{2}, {3}]
    assert [recall_at(rankings, relevant, k) for k in (1, 2, 3)] == [0, 0, 1]
    assert recall_at(rankings, relevant, 2, junk=[{3}, ()]) == 0.5


def test_n_s_is_four_where_every_group_comes_first():
    groups = [set(range(4))] * 4 + [set(range(4, 8))] * 4
    similarity = np.array([[item in group for item in range(8)] for group in groups], float)
    assert n_s_score(list(rank(similarity)), groups) == 4
    assert n_s_score(list(rank(-similarity)), groups) == 0
    assert n_s_score(list(rank(np.zeros((8, 8)))), groups) == 2  # all lists are 0, 1, 2, 3, ...
