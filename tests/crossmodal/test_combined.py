"""Two joint spaces that add up their scores."""

import numpy as np
import pytest

from shared.crossmodal.combine import combine, query_threshold
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.combined import CombinedEmbedder
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.train import main
from tests.crossmodal.training_options import SMALL, STAGES

pytestmark = pytest.mark.usefixtures("one_core")

TEXTS = ["a red wall", "greeen", "zyxwv", ""]


@pytest.fixture(scope="module")
def parts(training_data, recognition_folder, tmp_path_factory):
    """Two joint spaces from different seeds."""
    spaces = []
    for seed in ("1", "2"):
        out = str(tmp_path_factory.mktemp("part"))
        folder = main([*training_data, "--heads", "rrf", "--seed", seed, "--out", out, *SMALL, *STAGES])
        spaces.append(load_joint_space(folder=folder, backbone_folder=recognition_folder))
    return spaces


@pytest.fixture(scope="module")
def images(color_folder):
    return [image.image() for image in read_flickr8k(color_folder, "test").images[:3]]


def test_scores_are_the_weighted_mean(parts, images):
    combined = CombinedEmbedder(parts, [0.3, 0.7])
    assert combined.engines == ("rrf",)
    scores = combined.embed_images(images, "rrf") @ combined.embed_texts(TEXTS, "rrf").T
    single = [part.embed_images(images, "rrf") @ part.embed_texts(TEXTS, "rrf").T for part in parts]
    np.testing.assert_allclose(scores, 0.3 * single[0] + 0.7 * single[1], atol=1e-4)
    regions = combined.embed_regions(images[0], "rrf")
    assert regions.shape == (49, combined.embed_images(images, "rrf").shape[1])
    np.testing.assert_allclose(np.linalg.norm(regions, axis=1), 1, atol=1e-5)


def test_a_combination_is_known_by_both_weights(parts):
    fingerprint = int(CombinedEmbedder(parts, [0.5, 0.5]).model_fingerprint[0])
    assert fingerprint
    assert fingerprint not in {int(part.model_fingerprint[0]) for part in parts}


def test_words_are_unknown_if_both_lack_them(parts):
    assert CombinedEmbedder(parts, [0.5, 0.5]).unknown_words(TEXTS) == parts[0].unknown_words(TEXTS)
    assert "zyxwv" in parts[0].unknown_words(TEXTS)


def test_without_a_decoder_no_sentences_are_written(parts, images):
    assert CombinedEmbedder(parts, [0.5, 0.5]).write_sentences(images[0]) == ()


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [1.5, -0.5]])
def test_shares_are_checked(parts, shares):
    with pytest.raises(ValueError, match="weights of sum 1"):
        CombinedEmbedder(parts, shares)


def test_the_weight_and_the_threshold_are_fitted(parts, color_folder):
    data = read_flickr8k(color_folder, "dev")
    config = combine(parts, [data], shares=(0.0, 0.5, 1.0))
    assert config["partner_share"] in (0.0, 0.5, 1.0)
    scale, _ = config["combined"]["calibration"]["rrf"]
    assert scale > 0


def test_the_threshold_lets_a_tenth_of_false_alarms_pass():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.1, (50, 200))
    relevant = np.zeros_like(scores, dtype=bool)
    relevant[:, 0] = True
    scores[:, 0] += 0.6
    fitted = query_threshold([(scores, relevant)], 20, -5)
    assert 0.05 < fitted["false_accepts"] <= 0.1
    assert fitted["true_accepts"] > 0.9
    assert 0 < fitted["threshold"] < 1
