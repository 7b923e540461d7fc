"""The commands of the training, on a few images."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from shared.core import weights
from shared.core.calibration import ConfidenceBands
from shared.core.image_files import read_images
from shared.retrieval.deepindex.vocabulary import Vocabulary
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.train import main as train
from shared.retrieval.training.confidence import sample_scores
from shared.retrieval.training.whitening import expand_level_weights, pair_recall
from shared.retrieval.training.wording import (
    BELOW,
    LIKELY,
    POSSIBLE,
    SIMILAR,
    STEP,
    LabelledDescriptors,
    Searches,
    choose_score,
    simulate_searches,
)


@pytest.fixture(scope="module")
def networks(lite_folder, mobilenet_folder):
    return [str(lite_folder), str(mobilenet_folder)]


@pytest.fixture(scope="module")
def head_folder(networks, image_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("head")
    options = ["--engine", "both", "--weights", *networks, "--sizes", "64", "--dims", "7", "--limit", "8"]
    return train(["whitening", "--photos", str(image_folder), "--out", str(out), *options, "--kind", "pca"])


@pytest.fixture
def head_copy(head_folder, tmp_path):
    """A copy of the trained head, whose configuration may be changed."""
    return shutil.copytree(head_folder, tmp_path / "head")


@pytest.fixture(scope="module")
def word_folder(networks, head_folder, image_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("words")
    options = ["--weights", *networks, "--head", str(head_folder), "--words", "6", "5", "--grid", "1", "2"]
    sizes = ["--dims", "16", "--bits", "16", "--signature-bits", "0"]
    return train(["words", "--photos", str(image_folder), "--out", str(out), *options, *sizes])


@pytest.fixture
def scene_folder(image_folder, tmp_path):
    """Three scenes of two images each; the second is the first, slightly darker."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for scene in range(3):
        image = Image.open(image_folder / f"{scene}.png")
        image.save(folder / f"1{scene:03}00.png")
        image.point(lambda level: level * 0.9).save(folder / f"1{scene:03}01.png")
    return folder


@pytest.fixture
def class_folder(tmp_path):
    """Three classes with three images of one color each, in several shades."""
    for number, color in enumerate(("red", "lime", "blue")):
        folder = tmp_path / "classes" / color
        folder.mkdir(parents=True)
        for shade in range(3):
            size = 80 + 10 * shade, 60 + 20 * number
            Image.new("RGB", size, color).save(folder / f"{shade}.png")
    return tmp_path / "classes"


def test_a_whitening_belongs_to_its_backbone(network_folder, image_folder, tmp_path):
    options = ["--sizes", "64", "--dims", "4", "--weights", str(network_folder)]
    folder = train(["whitening", "--photos", str(image_folder), "--out", str(tmp_path), *options])
    config = weights.read_config(folder)
    assert (config["sizes"], config["dims"], config["engine"]) == ([64], 4, "cfn")
    extractor = Extractor.load(folder=network_folder, head=folder, device="cpu")
    rows = extractor.batch([image_folder / f"{number}.png" for number in range(8)])
    assert rows.shape == (8, 4)
    assert np.linalg.matrix_rank(rows, tol=0.05) == 4


def test_whitening_is_repeatable_and_depends_on_its_kind(network_folder, image_folder, tmp_path):
    images = ["--photos", str(image_folder), "--weights", str(network_folder)]
    command = ["whitening", *images, "--sizes", "64", "--dims", "3"]
    folders = [
        train([*command, "--out", str(tmp_path / name), "--kind", kind])
        for name, kind in (("a", "pairs"), ("b", "pairs"), ("c", "pca"))
    ]
    pairs, repeated, pca = (load_file(folder / weights.WEIGHTS)["projection"] for folder in folders)
    torch.testing.assert_close(pairs, repeated, rtol=0, atol=0)
    assert (pairs - pca).abs().max() > 0.1


def test_pair_recall_counts_views_that_find_their_image():
    assert pair_recall(np.eye(4)[[[0, 0], [1, 1], [2, 3], [3, 3]]]) == 0.75


def test_levels_may_have_weights(networks, image_folder, tmp_path):
    head = DescriptorHead(["mid-lite", "high-v1"], sizes=[64])
    factors = expand_level_weights(head, [1.0, 3.0])
    assert factors[-1] == pytest.approx(3 * factors[0])
    vector = np.concatenate([np.eye(720)[0], np.eye(1024)[0]]) / np.sqrt(2)
    assert np.linalg.norm(vector * factors) == pytest.approx(1)
    with pytest.raises(ValueError, match="a weight above 0 for each of mid-lite, high-v1"):
        expand_level_weights(head, [1.0])
    options = ["--engine", "both", "--weights", *networks, "--sizes", "64", "--dims", "4", "--limit", "8"]
    options += ["--levels", "mid-lite", "high-v1", "--level-weights", "1", "0.001"]
    options += ["--kind", "pca", "--shrinkage", "1"]
    folder = train(["whitening", "--photos", str(image_folder), "--out", str(tmp_path), *options])
    projection = weights.load(DescriptorHead, "", folder=folder).projection.abs()
    assert projection[:, 720:].max() < 0.05 * projection[:, :720].max()


def test_words_are_loaded_as_they_were_saved(word_folder, tmp_path):
    vocabulary = Vocabulary.load(word_folder)
    assert [codebook.size for codebook in vocabulary.codebooks.values()] == [6, 5]
    assert list(vocabulary.codebooks) == ["mid-lite", "high-v1"]
    assert (len(vocabulary.boxes), vocabulary.bits, vocabulary.size) == (5, 32, 64)
    assert vocabulary.settings.assignments == (16, 16)
    config = weights.read_config(word_folder)
    assert (config["levels"], config["photos"], config["size"]) == (["mid-lite", "high-v1"], 8, 64)
    # nothing is lost in the file of half the size
    assert vocabulary.rounded().digest() == vocabulary.digest()
    with pytest.raises(weights.WeightsError, match="other weights"):
        Vocabulary.load(word_folder, network="another")
    assert Vocabulary.load(word_folder, network=config["network"]).digest() == vocabulary.digest()
    again = vocabulary.save(tmp_path / "again", engine="both")
    assert Vocabulary.load(again).digest() == vocabulary.digest()
    assert weights.read_config(again)["settings"] == config["settings"]


def test_a_damaged_vocabulary_is_an_error(word_folder, tmp_path):
    folder = shutil.copytree(word_folder, tmp_path / "words")
    data = bytearray((folder / weights.WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / weights.WEIGHTS).write_bytes(data)
    with pytest.raises(weights.WeightsError):
        Vocabulary.load(folder)


def test_weights_of_a_network_are_no_vocabulary(network_folder):
    with pytest.raises(weights.WeightsError, match="holds no vocabulary"):
        Vocabulary.load(network_folder)


def test_parts_of_a_vocabulary(word_folder):
    part = Vocabulary.load(word_folder).select("mid-lite", codes=False)
    assert (list(part.codebooks), part.bits) == (["mid-lite"], 0)
    assert part.codebooks["mid-lite"].thresholds.shape == (6, 0)


def grouped(groups, size=4, spread=0.3):
    """Descriptors of groups around random directions."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(groups, 16)), size, axis=0) + spread * rng.normal(
        size=(groups * size, 16)
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return LabelledDescriptors(rows.astype(np.float32), np.repeat(np.arange(groups), size))


def test_every_second_gallery_holds_a_right_image():
    searches = simulate_searches(grouped(10), 0, size=7, repeats=2)
    assert searches.scores.shape == searches.right.shape == (5 * 4 * 4, 7)
    assert searches.right.sum(1).tolist() == [0, 1] * 40
    with pytest.raises(ValueError, match="at least two images"):
        simulate_searches(grouped(4, size=1), 0)


def test_precision_and_recall_of_a_range_of_scores():
    searches = Searches(np.array([[0.9, 0.5], [0.6, 0.1]]), np.array([[True, False], [False, False]]))
    assert (searches.precision(0.5), searches.precision(0.5, 0.8)) == (pytest.approx(1 / 3), 0)
    assert (searches.recall(0.5), searches.recall(0.5, 0.8)) == (1, 0)
    assert (searches.false_accept_rate(0.6), searches.false_accept_rate(0.7)) == (1, 0)
    assert np.isnan(searches.precision(0.95))


def test_the_lowest_score_keeps_the_precision():
    rng = np.random.default_rng(0)
    scores = rng.random((200, 50))
    searches = Searches(scores, rng.random(scores.shape) < scores)  # right as often as the score says
    low = choose_score(searches, 0.9)
    assert low == pytest.approx(0.8, abs=0.05)
    assert searches.precision(low) >= 0.9 > searches.precision(low - 3 * STEP)
    assert choose_score(searches, 0.5, low) == pytest.approx(1 - low, abs=0.05)
    assert choose_score(Searches(searches.scores, searches.right & False), 0.9) == 1


def test_wordings_are_chosen_and_measured_after_the_confidence(
    networks, head_copy, image_folder, scene_folder, class_folder
):
    options = ["--head", str(head_copy), "--weights", *networks]
    data = ["--data", str(scene_folder), "--classes", str(class_folder)]
    with pytest.raises(ValueError, match="`confidence` comes first"):
        train(["wording", *data, *options])
    sources = ["--photos", str(image_folder), "--limit", "6", "--views", "3"]
    train(["confidence", *sources, *options])
    config = weights.read_config(train(["wording", *data, *options]))
    bands = ConfidenceBands.from_config(config)
    assert bands.names == (LIKELY, POSSIBLE, SIMILAR, BELOW)
    scores = [band.min_score for band in bands.bands]
    assert scores == sorted(scores, reverse=True)
    assert config["threshold"] == scores[0]
    assert config["threshold_data"] == [scene_folder.name, class_folder.name]
    Extractor.load("both", folder=networks, head=head_copy)  # the checksums are those of the new file

    assert Extractor.load("both", folder=networks, head=head_copy).head.dims == 7


def test_mismatches_are_nearest_neighbors(networks, head_folder, image_folder):
    extractor = Extractor.load("both", folder=networks, head=head_folder)
    images = read_images([image_folder])
    matches, mismatches = sample_scores(extractor, images, 3, 0)
    assert (matches.shape, mismatches.shape) == ((6,), (8,))
    rows = extractor.batch([image.image() for image in images])
    np.testing.assert_allclose(mismatches, (rows @ rows.T - 2 * np.eye(8)).max(1), atol=1e-5)
    assert matches.max() < 1
