"""Recall in both directions and late fusion, on cases worked out by hand."""

import numpy as np
import pytest

from shared.crossmodal.benchmarks.recall import figures, first_relevant_ranks
from shared.crossmodal.training.calibration import calibrate
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.evaluation import ranking

# Two pictures with two texts each; columns are texts.
SIMILARITY = np.array([[0.2, 0.5, 0.9, 0.1], [0.3, 0.1, 0.4, 0.0]])
OWNERS = np.array([0, 0, 1, 1])


def test_a_picture_needs_one_of_its_texts_and_a_text_its_picture():
    i2t, t2i = first_relevant_ranks(SIMILARITY, OWNERS)
    assert i2t.tolist() == [1, 0]  # picture 0 sees text 2 first, then its own text 1
    assert t2i.tolist() == [1, 0, 1, 1]


def test_figures_of_a_case_by_hand():
    found = figures(SIMILARITY, OWNERS)
    assert found == {
        "i2t_R@1": 0.5,
        "i2t_R@5": 1.0,
        "i2t_R@10": 1.0,
        "i2t_median_rank": 1.5,
        "t2i_R@1": 0.25,
        "t2i_R@5": 1.0,
        "t2i_R@10": 1.0,
        "t2i_median_rank": 2.0,
        "R_sum": 4.75,
    }


def test_ranks_are_those_of_a_stable_sort():
    rng = np.random.default_rng(0)
    similarity = rng.integers(0, 6, (7, 21)) / 5  # many ties
    owners = np.repeat(np.arange(7), 3)
    i2t, t2i = first_relevant_ranks(similarity, owners)
    for picture, row in enumerate(ranking.rank(similarity)):
        assert i2t[picture] == ranking.positions(row, np.flatnonzero(owners == picture))[0]
    for text, row in enumerate(ranking.rank(similarity.T)):
        assert t2i[text] == ranking.positions(row, [owners[text]])[0]


def test_chance_and_perfection():
    rng = np.random.default_rng(1)
    owners = np.repeat(np.arange(200), 5)
    chance = figures(rng.random((200, 1000)), owners)
    assert chance["t2i_R@10"] == pytest.approx(0.05, abs=0.02)
    assert chance["i2t_R@10"] == pytest.approx(0.05, abs=0.04)
    perfect = figures(np.eye(200)[:, owners], owners)
    assert perfect["R_sum"] == 6
    assert figures(np.zeros((200, 1000)), owners)["t2i_R@1"] == 1 / 200  # no idea is no hit


@pytest.mark.parametrize(
    ("owners", "words"), [([0, 1], "4 texts"), ([0, 0, 0, 0], "each of 2"), ([0, 1, 2, 1], "each of 2")]
)
def test_wrong_owners_say_so(owners, words):
    with pytest.raises(ValueError, match=words):
        first_relevant_ranks(SIMILARITY, np.array(owners))


def test_fusion_weighs():
    two = np.stack([SIMILARITY, -SIMILARITY])
    assert np.allclose(fuse(two), 0)
    assert np.allclose(fuse(two, [3, 1]), SIMILARITY / 2)
    for wrong in ([1], [1, -1], [0, 0], [1, 1, 1]):
        with pytest.raises(ValueError, match="2 weights of 0 or more"):
            fuse(two, wrong)


def test_adaptive_weights_leave_out_what_only_disturbs():
    rng = np.random.default_rng(2)
    owners = np.repeat(np.arange(30), 5)
    truth = np.eye(30)[:, owners]
    good = truth + rng.normal(0, 0.4, truth.shape)
    fair = truth + rng.normal(0, 0.8, truth.shape)
    noise = rng.normal(0, 3, truth.shape)
    scores = np.stack([good, fair, noise])
    weights = adaptive_weights(scores, owners)
    assert sum(weights) == pytest.approx(1, abs=1e-5)
    assert weights[0] >= weights[1] >= weights[2] == 0
    fused = figures(fuse(scores, weights), owners)["R_sum"]
    assert fused > figures(fuse(scores), owners)["R_sum"]
    assert fused >= figures(good, owners)["R_sum"]
    kept = adaptive_weights(scores, owners, factors=(0.5, 2.0))
    assert kept[0] >= kept[1] >= kept[2] > 0


def test_what_a_text_describes_as_well_is_no_wrong_pair():
    """Three pictures of each of ten things: their texts fit all three, and nothing else."""
    identities = np.repeat(np.arange(10), 3)
    owners = np.arange(30)
    noise = np.random.default_rng(0).normal(0, 0.05, (30, 30))
    similarity = (identities[:, None] == identities[owners]) * 0.8 + noise
    found = calibrate(similarity, owners, identities)
    assert found["true_accepts"] == 1
    assert found["false_accepts"] <= 0.1
    # taken for wrong ones, they would put the threshold among the right ones
    assert calibrate(similarity, owners, owners)["true_accepts"] < 0.5
    with pytest.raises(ValueError, match="all have the same texts"):
        calibrate(similarity, owners, np.zeros(30, int))
