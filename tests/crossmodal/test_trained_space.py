"""Joint space after a training on images of four colors: its scores, its configuration, its benchmark."""

import json
import shutil

import numpy as np
import pytest

from shared.core import weights
from shared.crossmodal import recalibrate
from shared.crossmodal.benchmark import main as benchmark
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE
from shared.crossmodal.engines import OFFLINE_ENGINES, load_joint_space
from shared.crossmodal.train import main
from shared.gallery.index import FINGERPRINT
from shared.networks.cfn import CFN
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.training_options import SMALL, STAGES

pytestmark = pytest.mark.usefixtures("one_core")

HEADS = ("rrf", "cyclematch", "itmeetsal")


@pytest.fixture(scope="module")
def trained(training_data, tmp_path_factory):
    """Weights of a joint space with all heads (`all`), and with RRF-Net alone (`rrf`)."""
    folders = {}
    for name, heads in (("all", HEADS), ("rrf", ["rrf"])):
        out = tmp_path_factory.mktemp(name)
        folders[name] = main([*training_data, "--heads", *heads, "--out", str(out), *SMALL, *STAGES])
    return folders


@pytest.fixture(scope="module")
def embedder(trained, recognition_folder):
    """Embedder with all heads."""
    return load_joint_space(folder=trained["all"], backbone_folder=recognition_folder)


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_images_match_the_texts_that_name_their_color(embedder, engine, color_folder):
    assert embedder.engines == ("ensemble", *HEADS)
    first, *images = (image.image() for image in read_flickr8k(color_folder, "test").images[:4])
    image_vectors = embedder.embed_images([first, *images], engine)
    text_vectors = embedder.embed_texts(
        ["a red wall", "greeen", "blue", "it is white"], engine
    )  # with a typo
    scores = image_vectors @ text_vectors.T
    assert sum(scores.argmax(1) == np.arange(4)) >= 3
    calibration = embedder.calibration(engine)
    probabilities = calibration.probability(scores)
    assert np.diag(probabilities).mean() > 0.5 > probabilities[~np.eye(4, dtype=bool)].mean()
    assert 0 < calibration.threshold < 1
    regions = embedder.embed_regions(first, engine)
    assert regions.shape == (49, image_vectors.shape[1])
    for vectors in (image_vectors, text_vectors, regions):
        assert np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_a_text_has_the_same_vector_in_every_batch(embedder, engine):
    batch = embedder.embed_texts(["", "🐶", "כלב", "x" * 5000, "word " * 500, "blue"], engine)
    assert np.isfinite(batch).all()
    assert np.allclose(batch[-1], embedder.embed_texts(["blue"], engine)[0], atol=1e-5)


def test_the_ensemble_is_the_weighted_mean_of_all_scores(embedder, color_folder):
    images = [image.image() for image in read_flickr8k(color_folder, "test").images[:3]]
    rows = embedder.describe(images)
    features = np.stack([row[IMAGE_FEATURE] for row in rows])
    scores = {
        engine: embedder.embed_features(features, engine) @ embedder.embed_texts(["red", "blue"], engine).T
        for engine in embedder.engines
    }
    head_weights = embedder.config["shares"]
    assert sum(head_weights) == pytest.approx(1, abs=1e-5)
    assert min(head_weights) > 0
    mean = np.average([scores[name] for name in HEADS], 0, head_weights)
    assert np.allclose(scores["ensemble"], mean, atol=1e-4)


def test_the_fingerprint_is_that_of_the_weights(embedder, trained, recognition_folder, color_folder):
    image = read_flickr8k(color_folder, "test").images[0].image()
    assert (embedder.describe([image])[0][FINGERPRINT] == embedder.model_fingerprint).all()
    rrf = load_joint_space(folder=trained["rrf"], backbone_folder=recognition_folder)
    assert rrf.engines == ("rrf",)
    assert rrf.model_fingerprint != embedder.model_fingerprint


def test_the_configuration_holds_fusion_weights_and_calibration(trained):
    config = weights.read_config(trained["all"])
    assert sum(config["scores"]) == pytest.approx(1, abs=1e-4)
    scales = weights.load(JointSpace, "x", folder=trained["all"]).score_scales
    assert scales.square().tolist() == pytest.approx(config["scores"], abs=1e-4)
    assert config["tuned"] is False
    for engine in OFFLINE_ENGINES:
        assert config["calibration"][engine][0] > 0  # the higher the score, the likelier a match
        assert 0 <= config["false_accepts"][engine] <= 0.1
        assert 0 <= config["true_accepts"][engine] <= 1


def test_recalibration_restores_fusion_weights_and_calibration(
    trained, recognition_folder, color_folder, tmp_path
):
    folder = shutil.copytree(trained["all"], tmp_path / "copy")
    before = weights.read_config(folder)
    weights.update_config(folder, shares=[1, 1, 1], calibration={}, threshold={})
    data = ["--data", f"flickr8k={color_folder}"]
    recognition = ["--recognition", str(recognition_folder)]
    fitted = recalibrate.main([*data, "--weights", str(folder), *recognition])
    assert {"shares", "calibration", "threshold"} <= set(fitted)
    assert fitted["shares"] == pytest.approx(before["shares"])
    assert weights.read_config(folder)["scores"] == before["scores"]
    for engine, curve in before["calibration"].items():
        assert fitted["calibration"][engine] == pytest.approx(curve, rel=0.02, abs=0.02)
    weights.check(folder)
    assert weights.read_config(folder)["shares"] == fitted["shares"]
    with pytest.raises(SystemExit):
        recalibrate.main([*data, "--weights", str(tmp_path / "nowhere")])


def test_weights_of_a_different_backbone_are_an_error(trained, tmp_path):
    backbone_folder = weights.save(CFN(classes=3, fusion="none"), tmp_path)
    with pytest.raises(weights.WeightsError, match="train it anew"):
        load_joint_space(folder=trained["rrf"], backbone_folder=backbone_folder)


def test_benchmark_of_images_and_sentences(trained, recognition_folder, color_folder, tmp_path):
    path = tmp_path / "report.json"
    options = ["flickr8k", "--data", str(color_folder), "--recognition", str(recognition_folder)]
    options += ["--json", str(path)]
    folders = [trained["all"], shutil.copytree(trained["rrf"], tmp_path / "other")]
    report = benchmark([*options, "--folders", *map(str, folders), "--mean"])
    engines = [*(f"weights: {name}" for name in OFFLINE_ENGINES), "other: rrf", "mean"]
    assert {*engines, "weights: cyclematch, average"} <= set(report.metrics)
    # Two images show each color, so that either may come first.
    for engine in engines:
        assert min(report.metrics[engine][key] for key in ("i2t_R@10", "t2i_R@5")) >= 0.75
        assert report.metrics[engine]["R_sum"] > 4
    written = json.loads(path.read_text())
    assert written["metrics"] == report.metrics
    assert written["published"] == {}  # published figures are of the whole test split
    limited = benchmark([*options, "--weights", str(trained["rrf"]), "--limit", "4"])
    assert (limited.items, limited.available) == (4, 8)
    assert list(limited.metrics) == ["rrf"]
    with pytest.raises(SystemExit):
        benchmark([*options, "--weights", str(tmp_path / "nothing")])
