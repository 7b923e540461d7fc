"""Words for scores: which one a score gets, and what goes into a configuration and comes out of it."""

import json

import pytest

from shared.core.confidence import ConfidenceBand, ConfidenceBands

GRADES = ConfidenceBands(
    (ConfidenceBand("the same", 0.7, 0.05, 0.5), ConfidenceBand("maybe", 0.5, 0.3, 0.8)), "alike", 8.0, -4.0
)


@pytest.mark.parametrize(
    ("score", "name"), [(1.0, "the same"), (0.7, "the same"), (0.69, "maybe"), (0.5, "maybe"), (-1, "alike")]
)
def test_every_score_has_a_word(score, name):
    assert GRADES.name(score) == name
    assert GRADES.names == ("the same", "maybe", "alike")


def test_the_probability_rises_with_the_score():
    found = [GRADES.probability(score) for score in (-1, 0, 0.5, 0.7, 1)]
    assert found == sorted(found)
    assert found[2] == pytest.approx(0.5)
    assert 0 < found[0] < found[-1] < 1


def test_grades_travel_in_a_configuration():
    config = json.loads(json.dumps({"threshold": 0.7, **GRADES.as_config()}))
    assert ConfidenceBands.from_config(config) == GRADES
    assert ConfidenceBands.from_config({"threshold": 0.7}) is None
