"""The words of DeepIndex, the threshold for a good match, and their benchmark: commands on a few pictures."""

import numpy as np
import pytest
from PIL import Image

from shared.core import weights
from shared.core.calibration import ConfidenceBands, lowest_threshold
from shared.core.image_files import read_images
from shared.retrieval.benchmark import main
from shared.retrieval.data.instances import Query, RetrievalSet
from shared.retrieval.deepindex.vocabulary import Vocabulary
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.train import level_weights
from shared.retrieval.train import main as train
from shared.retrieval.training.confidence import answers
from shared.retrieval.training.threshold import best_answers


@pytest.fixture(scope="module")
def networks(lite_folder, second_folder):
    return [str(lite_folder), str(second_folder)]


@pytest.fixture(scope="module")
def head_folder(networks, photo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("head")
    options = ["--engine", "both", "--weights", *networks, "--sizes", "64", "--dims", "7", "--limit", "8"]
    return train(["whitening", "--photos", str(photo_folder), "--out", str(out), *options, "--kind", "pca"])


@pytest.fixture(scope="module")
def word_folder(networks, head_folder, photo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("words")
    options = ["--weights", *networks, "--head", str(head_folder), "--words", "6", "5", "--grid", "1", "2"]
    sizes = ["--dims", "16", "--bits", "16", "--signature-bits", "0"]
    return train(["words", "--photos", str(photo_folder), "--out", str(out), *options, *sizes])


@pytest.fixture
def scene_folder(photo_folder, tmp_path):
    """Three scenes of two photos each; the second is the first, a little darker."""
    for scene in range(3):
        picture = Image.open(photo_folder / f"{scene}.png")
        picture.save(tmp_path / f"1{scene:03}00.png")
        picture.point(lambda level: level * 0.9).save(tmp_path / f"1{scene:03}01.png")
    return tmp_path


def test_words_are_learned_and_found_again(word_folder):
    words = Vocabulary.load(word_folder)
    assert [book.words for book in words.codebooks.values()] == [6, 5]
    assert (list(words.codebooks), len(words.boxes), words.bits) == (["mid-lite", "high-v1"], 5, 32)
    config = weights.read_config(word_folder)
    assert (config["levels"], config["photos"], config["size"]) == (["mid-lite", "high-v1"], 8, 64)
    # nothing is lost in the file of half the size
    assert words.rounded().digest() == words.digest()
    with pytest.raises(weights.WeightsError, match="other weights"):
        Vocabulary.load(word_folder, network="another")
    assert Vocabulary.load(word_folder, network=config["network"]).digest() == words.digest()


def test_a_damaged_vocabulary_is_refused(word_folder, tmp_path):
    for file in word_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / weights.WEIGHTS).read_bytes())
    data[-1] ^= 1
    (tmp_path / weights.WEIGHTS).write_bytes(data)
    with pytest.raises(weights.WeightsError):
        Vocabulary.load(tmp_path)


def test_parts_of_a_vocabulary(word_folder):
    words = Vocabulary.load(word_folder)
    bare = words.only("mid-lite", codes=False)
    assert (list(bare.codebooks), bare.bits) == (["mid-lite"], 0)
    assert bare.codebooks["mid-lite"].without_codes().thresholds.shape == (6, 0)


@pytest.mark.parametrize("copies", [False, True])
def test_deepindex(networks, head_folder, word_folder, scene_folder, copies):
    options = ["--weights", ",".join(networks), "--head", str(head_folder), "--words", str(word_folder)]
    more = ["--copies", "--limit", "3"] if copies else ["--turns"]
    report = main(["deepindex", "--data", str(scene_folder), *options, "--assignments", "3", "3", *more])
    names = ["single, mid-lite", "single, high-v1", "multiple, words alone", "multiple"]
    reranked = ("float32", "queries expanded", "k-reciprocal neighbors", "diffusion")
    rows = [*(f"descriptor, {name}" for name in reranked), *names]
    assert [name for name in report.metrics if not name.endswith(", query turned")] == rows
    assert len(report.metrics) == (1 if copies else 2) * len(rows)
    assert report.items == 3
    assert report.metrics["descriptor, float32"]["bytes"] == 4 * 7
    for row in report.metrics.values():
        assert 0 <= row["mAP"] <= 1
        assert row["ms_per_query"] > 0
    assert report.metrics["multiple"]["bytes"] > report.metrics["multiple, words alone"]["bytes"]
    if not copies:
        assert report.metrics["multiple"]["mAP"] > 0.5


def test_deepindex_needs_its_weights(networks, head_folder, scene_folder, tmp_path):
    options = ["--data", str(scene_folder), "--weights", ",".join(networks), "--head", str(head_folder)]
    with pytest.raises(SystemExit, match="does not exist"):
        main(["deepindex", *options, "--words", str(tmp_path / "nothing")])


def test_the_best_answers_with_and_without_the_own_group():
    data = RetrievalSet("", (), (Query(None, frozenset([1]), frozenset([0])),))
    wrong, right = best_answers(data, np.array([[1.0, 0.4, 0.3, 0.6]]))
    assert (wrong.tolist(), right.tolist()) == ([0.6], [0.4])


def test_a_threshold_lets_few_wrong_answers_pass():
    scores = np.random.default_rng(0).random(1000)
    for rate in (0.0, 0.05, 0.5):
        least = lowest_threshold(scores, rate)
        assert rate - 0.01 <= (scores >= least).mean() <= rate
        assert (scores >= least - 0.0011).mean() >= rate


def test_the_threshold_goes_into_the_configuration(networks, head_folder, scene_folder, tmp_path):
    for file in head_folder.iterdir():
        (tmp_path / "head" / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / "head" / file.name).write_bytes(file.read_bytes())
    options = ["--head", str(tmp_path / "head"), "--weights", *networks, "--rate", "0.34"]
    folder = train(["threshold", "--data", str(scene_folder), *options])
    config = weights.read_config(folder)
    assert config["threshold"] <= 1
    assert config["false_accepts"] <= 0.34
    assert config["true_accepts"] == 1
    Extractor.load("both", folder=networks, head=folder)  # the checksums are those of the new file


def test_grades_are_learned_and_measured(networks, head_folder, photo_folder, scene_folder, tmp_path):
    head = tmp_path / "head"
    head.mkdir()
    for file in head_folder.iterdir():
        (head / file.name).write_bytes(file.read_bytes())
    options = ["--head", str(head), "--weights", *networks]
    sources = [
        "--photos",
        str(photo_folder),
        str(scene_folder / "100000.png"),
        "--limit",
        "6",
        "--views",
        "3",
    ]
    with pytest.raises(ValueError, match="at least two photos"):
        train(["grades", *sources, *options])
    sources[2] = str(scene_folder)
    config = weights.read_config(train(["grades", *sources, *options]))
    assert len(config["probability"]) == 2
    assert config["probability_data"] == [photo_folder.name, scene_folder.name]
    assert ConfidenceBands.from_config(config) is None  # until it is measured how often they are wrong
    config = weights.read_config(train(["threshold", "--data", str(scene_folder), *options]))
    grades = ConfidenceBands.from_config(config)
    assert grades.names == ("very likely the same", "may be the same", "looks alike only")
    likely, maybe = grades.bands
    assert (likely.min_score, likely.false_accept_rate) == (config["threshold"], config["false_accepts"])
    assert maybe.min_score <= likely.min_score
    assert maybe.false_accept_rate >= likely.false_accept_rate
    assert maybe.true_accept_rate >= likely.true_accept_rate
    assert Extractor.load("both", folder=networks, head=head).head.dims == 7


def test_right_answers_are_views_and_wrong_ones_neighbors(networks, head_folder, photo_folder):
    extractor = Extractor.load("both", folder=networks, head=head_folder)
    photos = read_images([photo_folder])
    right, wrong = answers(extractor, photos, 3, 0)
    assert (right.shape, wrong.shape) == ((6,), (8,))
    rows = extractor.batch([photo.image() for photo in photos])
    near = rows @ rows.T - 2 * np.eye(8)
    np.testing.assert_allclose(wrong, near.max(1), atol=1e-5)
    assert right.max() < 1


def test_levels_with_shares_of_their_own(networks, photo_folder, tmp_path):
    plain = DescriptorHead(["mid-lite", "high-v1"], sizes=[64])
    weight = level_weights(plain, [1.0, 3.0])
    assert weight[-1] == pytest.approx(3 * weight[0])
    two = np.concatenate([np.eye(720)[0], np.eye(1024)[0]]) / np.sqrt(2)
    assert np.linalg.norm(two * weight) == pytest.approx(1)
    with pytest.raises(ValueError, match="a share above 0 for each of mid-lite, high-v1"):
        level_weights(plain, [1.0])
    # a level with hardly any share hardly counts
    options = ["--engine", "both", "--weights", *networks, "--sizes", "64", "--dims", "4", "--limit", "8"]
    levels = [
        "--levels",
        "mid-lite",
        "high-v1",
        "--kind",
        "pca",
        "--shrinkage",
        "1",
        "--shares",
        "1",
        "0.001",
    ]
    folder = train(["whitening", "--photos", str(photo_folder), "--out", str(tmp_path), *options, *levels])
    projection = weights.load(DescriptorHead, "", folder=folder).projection.abs()
    assert projection[:, 720:].max() < 0.05 * projection[:, :720].max()
