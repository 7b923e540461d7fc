"""Two joint spaces that add up their scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shared.core.calibration import probability
from shared.crossmodal.combine import calibrate_queries, combine, draw_references, query_threshold
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.combined import CombinedEmbedder
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, MatchCalibration
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.likelihood import TextLikelihood
from shared.crossmodal.train import main
from shared.networks.crossmodal.captions import CaptionDecoder
from tests.crossmodal.colors import COLORS
from tests.crossmodal.training_options import SMALL, STAGES
from tests.predictors import with_random_weights

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


def test_the_weight_is_chosen_and_the_sum_calibrated(parts, color_folder):
    data = read_flickr8k(color_folder, "dev")
    config = combine(parts, [data], shares=(0.0, 0.5, 1.0))
    assert config["partner_share"] in (0.0, 0.5, 1.0)
    scale, _ = config["combined"]["calibration"]["rrf"]
    assert scale > 0


@pytest.fixture(scope="module")
def things(color_folder):
    """Images of things by name, which are their colors."""
    data = read_flickr8k(color_folder, "dev")
    names = tuple(COLORS)
    return replace(data, classes=np.arange(len(data.images)), class_names=names)


@pytest.fixture(scope="module")
def decoder(parts, things):
    """Decoder with random weights, and what it attends to in references."""
    regions, channels = parts[0].region_rows(things.images[0].image()).shape
    torch.manual_seed(2)
    words = ["a", *COLORS, "wall"]
    network = CaptionDecoder(words, channels=channels, regions=regions, width=16, layers=1, hidden=16)
    network = with_random_weights(network).eval()
    return network, draw_references(parts[0], network, [things], count=3)


def test_evidence_is_part_of_one_engine_and_of_the_fingerprint(parts, decoder, images):
    parts[0].config = {"evidence": {"rrf": 2.0}}
    combined = CombinedEmbedder(parts, [0.5, 0.5], likelihood=TextLikelihood(*decoder, fingerprint=5))
    plain = CombinedEmbedder(parts, [0.5, 0.5])
    assert int(combined.model_fingerprint[0]) == int(plain.model_fingerprint[0]) ^ 5
    features = np.stack([row[IMAGE_FEATURE] for row in combined.describe(images)])
    without = np.stack([row[IMAGE_FEATURE] for row in plain.describe(images)])
    np.testing.assert_array_equal(features[:, : without.shape[1]], without)
    np.testing.assert_array_equal(
        combined.embed_features(features, "rrf"), plain.embed_features(without, "rrf")
    )
    rows = features[:, without.shape[1] :]
    expected = 2 * TextLikelihood(*decoder).evidence("a red wall", rows)
    np.testing.assert_allclose(combined.evidence("a red wall", features, "rrf"), expected, atol=1e-6)
    assert combined.has_evidence("rrf")
    assert not plain.has_evidence("rrf")
    assert not plain.evidence("a red wall", without, "rrf").any()


def test_queries_are_calibrated_with_evidence(parts, decoder, things):
    parts[0].config = {"evidence": {"rrf": 1.0}}
    combined = CombinedEmbedder(parts, [0.5, 0.5], likelihood=TextLikelihood(*decoder))
    config = calibrate_queries(combined, [things], shares=(0.0, 0.1))
    assert config["evidence"]["rrf"] in (0.0, 0.1)
    assert set(config["queries"]) >= {"calibration", "threshold", "size_exponent"}
    parts[0].config = config
    assert CombinedEmbedder(parts, [0.5, 0.5]).query_calibration("rrf").scale > 0
    with pytest.raises(ValueError, match="scores of both kinds"):
        calibrate_queries(combined, [replace(things, classes=None)])


def random_scores(images):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.1, (50, images))
    relevant = np.zeros_like(scores, dtype=bool)
    relevant[:, 0] = True
    scores[:, 0] += 0.6
    return scores, relevant


def test_the_threshold_lets_a_tenth_of_false_alarms_pass():
    fitted = query_threshold([random_scores(80)], 20, -5)
    assert 0.05 < fitted["false_accepts"] <= 0.1
    assert fitted["true_accepts"] > 0.9
    assert 0 < fitted["threshold"] < 1
    assert fitted["size_exponent"] == 1  # no larger gallery could be tried


def test_false_alarms_stay_a_tenth_in_larger_galleries():
    scores, relevant = random_scores(500)
    fitted = query_threshold([(scores, relevant)], 20, -5)
    assert 0 < fitted["size_exponent"] < 1
    calibration = MatchCalibration(
        20, -5, threshold=fitted["threshold"], size_exponent=fitted["size_exponent"]
    )
    for size in (24, 100, 400):
        alarms = calibration.probability(scores[:, 1 : size + 1].max(1), size)
        assert (alarms >= calibration.corrected_threshold).mean() <= 0.2


def test_the_threshold_holds_in_each_set():
    easy, hard = random_scores(80), random_scores(80)
    hard[0][:, 1:] += 0.2
    fitted = query_threshold([easy, hard], 20, -5)
    alarms = np.array([probability(hard[0][:, 1:25].max(1), 20, -5)]) >= fitted["threshold"]
    assert alarms.mean() <= 0.2
    assert fitted["threshold"] > query_threshold([easy], 20, -5)["threshold"]
