"""Scores of the benchmarks of learned translations, by hand."""

import numpy as np
import pytest
from PIL import Image

from shared.evaluation.features import cosine_distance, kernel_distance
from shared.translation.benchmarks.faces import gradient_features, rank1, similarity
from shared.translation.benchmarks.label_scores import class_scores, score_labels
from shared.translation.benchmarks.systems import main as compare_systems
from shared.translation.benchmarks.systems import mean_and_deviation
from shared.translation.data.pairs import Pair
from shared.translation.palettes import FACADES
from shared.translation.training.paired_segmenter import sample_batch


def labels(seed=0):
    return Image.fromarray(
        FACADES.draw(np.random.default_rng(seed).integers(12, size=(16, 16)).astype(np.uint8))
    )


def test_true_drawings_score_one_and_constant_ones_the_share_of_their_class():
    pairs = [Pair("1", labels(1), labels(1)), Pair("2", labels(2), labels(2))]
    perfect = score_labels(pairs, FACADES, lambda image: image)
    assert set(perfect.values()) == {1.0}
    walls = score_labels(pairs, FACADES, lambda image: Image.new("RGB", image.size, FACADES.classes["wall"]))
    share = np.mean([FACADES.nearest(np.asarray(pair.first)) == 1 for pair in pairs])
    assert walls["labels_pixel_accuracy"] == pytest.approx(share)
    assert walls["labels_class_accuracy"] == pytest.approx(1 / 12)


def test_classes_that_never_occur_do_not_count():
    scores = class_scores(np.array([[2, 0, 0], [0, 2, 0], [0, 0, 0]]))
    assert scores == {"pixel_accuracy": 1.0, "class_accuracy": 1.0, "mIoU": 1.0}


def test_distances_of_features():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 20)), generator.normal(size=(60, 20))
    assert cosine_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert cosine_distance(x, -x) == pytest.approx(2)
    assert abs(kernel_distance(x, y)) < 0.2
    assert kernel_distance(x, y + 1) > 1


def test_means_and_deviations_over_seeds():
    means, deviations = mean_and_deviation([{"mIoU": 0.1}, {"mIoU": 0.2}, {"mIoU": 0.3}])
    assert means == {"mIoU": pytest.approx(0.2)}
    assert deviations == {"mIoU": pytest.approx(0.1)}


def test_a_comparison_names_the_runs_without_weights(tmp_path, capsys):
    (tmp_path / "facades-long-0" / "weights").mkdir(parents=True)
    arguments = ["--data", str(tmp_path), "--set", "facades", "--runs", str(tmp_path), "--seeds"]
    with pytest.raises(SystemExit):
        compare_systems([*arguments, "0", "1"])
    text = capsys.readouterr().err
    assert "facades-cyclegan-0" in text
    assert "facades-long-0" not in text
    with pytest.raises(SystemExit):
        compare_systems([*arguments, "0"])
    assert "at least two seeds" in capsys.readouterr().err


def test_similarity_falls_with_noise():
    image = Image.effect_noise((64, 64), 60)
    noisy = Image.blend(image, Image.effect_noise((64, 64), 60), 0.5)
    assert similarity(image, image) == pytest.approx(1)
    assert similarity(image, noisy) < 0.9


def test_the_nearest_sketch_is_that_of_the_same_image():
    images = [Image.effect_noise((64, 80), 60) for _ in range(5)]
    features = np.stack([gradient_features(image) for image in images])
    blurred = np.stack([gradient_features(image.resize((60, 76)).resize((64, 80))) for image in images])
    assert rank1(blurred, features) == 1
    assert rank1(blurred, features[::-1]) == pytest.approx(0.2)


def test_crops_of_the_segmenter_stay_aligned():
    ids = np.arange(48 * 48).reshape(48, 48).astype(np.uint8) % 12
    ids = np.kron(ids[:6, :6], np.ones((8, 8), dtype=np.uint8))
    photo = np.repeat(ids[:, :, None] * 20, 3, 2)
    x, y = sample_batch([(photo, ids)], batch=4, size=32, seed=0)
    assert x.shape == (4, 3, 32, 32)
    assert y.shape == (4, 32, 32)
    for image, target in zip(x, y, strict=True):
        correlation = np.corrcoef(image[0].ravel(), target.ravel())[0, 1]
        assert correlation > 0.8
