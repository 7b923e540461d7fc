"""Recall in both directions, late fusion and calibration, on small cases."""

import numpy as np
import pytest

from shared.crossmodal.benchmarks.recall import first_relevant_ranks, recall_metrics
from shared.crossmodal.training.calibration import calibrate
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.evaluation import ranking

# Two images with two texts each; columns are texts.
SIMILARITY = np.array([[0.2, 0.5, 0.9, 0.1], [0.3, 0.1, 0.4, 0.0]])
IMAGE_INDEX = np.array([0, 0, 1, 1])


def test_an_image_needs_any_of_its_texts_and_a_text_its_image():
    i2t, t2i = first_relevant_ranks(SIMILARITY, IMAGE_INDEX)
    assert i2t.tolist() == [1, 0]  # image 0 ranks text 2 before its text 1
    assert t2i.tolist() == [1, 0, 1, 1]


def test_metrics_of_a_small_case():
    assert recall_metrics(SIMILARITY, IMAGE_INDEX) == {
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
    image_index = np.repeat(np.arange(7), 3)
    i2t, t2i = first_relevant_ranks(similarity, image_index)
    for image, row in enumerate(ranking.rank(similarity)):
        assert i2t[image] == ranking.positions(row, np.flatnonzero(image_index == image))[0]
    for text, row in enumerate(ranking.rank(similarity.T)):
        assert t2i[text] == ranking.positions(row, [image_index[text]])[0]


def test_recall_of_random_perfect_and_constant_scores():
    rng = np.random.default_rng(1)
    image_index = np.repeat(np.arange(200), 5)
    chance = recall_metrics(rng.random((200, 1000)), image_index)
    assert chance["t2i_R@10"] == pytest.approx(0.05, abs=0.02)
    assert chance["i2t_R@10"] == pytest.approx(0.05, abs=0.04)
    perfect = recall_metrics(np.eye(200)[:, image_index], image_index)
    assert perfect["R_sum"] == 6
    assert recall_metrics(np.zeros((200, 1000)), image_index)["t2i_R@1"] == 1 / 200


@pytest.mark.parametrize(
    ("image_index", "message"),
    [([0, 1], "4 texts"), ([0, 0, 0, 0], "each of 2"), ([0, 1, 2, 1], "each of 2")],
)
def test_an_image_index_that_does_not_fit_is_an_error(image_index, message):
    with pytest.raises(ValueError, match=message):
        first_relevant_ranks(SIMILARITY, np.array(image_index))


def test_fused_scores_are_a_weighted_mean():
    similarities = np.stack([SIMILARITY, -SIMILARITY])
    assert np.allclose(fuse(similarities), 0)
    assert np.allclose(fuse(similarities, [3, 1]), SIMILARITY / 2)
    for weights in ([1], [1, -1], [0, 0], [1, 1, 1]):
        with pytest.raises(ValueError, match="2 weights of 0 or more"):
            fuse(similarities, weights)


def test_adaptive_weights_drop_noise():
    rng = np.random.default_rng(2)
    image_index = np.repeat(np.arange(30), 5)
    truth = np.eye(30)[:, image_index]
    good = truth + rng.normal(0, 0.4, truth.shape)
    fair = truth + rng.normal(0, 0.8, truth.shape)
    noise = rng.normal(0, 3, truth.shape)
    scores = np.stack([good, fair, noise])
    weights = adaptive_weights(scores, image_index)
    assert sum(weights) == pytest.approx(1, abs=1e-5)
    assert weights[0] >= weights[1] >= weights[2] == 0
    fused = recall_metrics(fuse(scores, weights), image_index)["R_sum"]
    assert fused > recall_metrics(fuse(scores), image_index)["R_sum"]
    assert fused >= recall_metrics(good, image_index)["R_sum"]
    positive = adaptive_weights(scores, image_index, factors=(0.5, 2.0))
    assert positive[0] >= positive[1] >= positive[2] > 0


def test_images_with_the_same_texts_are_no_mismatched_pairs():
    """Three images of each of ten things, whose texts fit all three and no other image."""
    identities = np.repeat(np.arange(10), 3)
    image_index = np.arange(30)
    noise = np.random.default_rng(0).normal(0, 0.05, (30, 30))
    similarity = (identities[:, None] == identities[image_index]) * 0.8 + noise
    config = calibrate(similarity, image_index, identities)
    assert config["true_accepts"] == 1
    assert config["false_accepts"] <= 0.1
    # As mismatched pairs they would put the threshold among the matched ones.
    assert calibrate(similarity, image_index, image_index)["true_accepts"] < 0.5
    with pytest.raises(ValueError, match="all have the same texts"):
        calibrate(similarity, image_index, np.zeros(30, int))
