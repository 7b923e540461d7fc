"""Figures of doubts that predict errors."""

import numpy as np
import pytest
from PIL import Image

from shared.core.image_files import read_images
from shared.recognition.benchmarks.doubt import doubt_metrics, sample_folders


def test_a_predictor_that_tells_right_from_wrong_has_all_the_area():
    right = np.array([True, True, False, False])
    metrics = doubt_metrics(right, np.array([0.9, 0.3, 0.2, 0.1]), np.array([0.5, 0.1, 0.1, 0.5]))
    assert (metrics["right"], metrics["auc_probability"], metrics["auc_distance"]) == (0.5, 1, 0.5)
    assert metrics["doubted"] == 0.75
    assert metrics["doubted_wrong"] == pytest.approx(2 / 3)
    assert (metrics["wrong_doubted"], metrics["right_doubted"]) == (1, 0.5)


def test_some_images_of_each_folder(tmp_path):
    for name, count in (("a", 5), ("b", 1)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("RGB", (4, 4)).save(tmp_path / name / f"{number}.png")
    sample = sample_folders(read_images([tmp_path]), 2)
    assert [(image.folder, image.path.stem) for image in sample] == [("a", "0"), ("a", "4"), ("b", "0")]
