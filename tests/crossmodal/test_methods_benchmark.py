"""Ablation of the theses' networks on frozen features."""

import numpy as np
import pytest

from shared.crossmodal.benchmark import main as benchmark
from shared.crossmodal.training.teacher import TEACHER_DIM
from tests.crossmodal.colors import COLORS

pytestmark = pytest.mark.usefixtures("one_core")


def color_vectors(texts, path):
    """Return the vector of each text, one element of which is 1 for each color that it names."""
    rows = [[float(color in text) for color in COLORS] for text in texts]
    return np.repeat(rows, TEACHER_DIM // len(COLORS), axis=1)


def test_variants_of_the_networks_are_compared(color_folder, recognition_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("shared.crossmodal.benchmarks.methods.teacher_vectors", color_vectors)
    rrf = [f"RRF-Net, T={recurrences}" for recurrences in (1, 2, 3, 4)]
    data = ["--data", str(color_folder), "--recognition", str(recognition_folder)]
    folders = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "runs")]
    training = ["--width", "16", "--hidden", "16", "--batch", "8", "--steps", "100", "--rate", "0.01"]
    command = ["methods", *data, *folders, *training, "--seeds", "2"]
    command += ["--variants", *rrf, "CycleMatch, dual", "ITMeetsAL"]
    report = benchmark(command)
    cyclematch = ["CycleMatch, dual, average", "CycleMatch, dual, adaptive"]
    assert set(report.metrics) == {*rrf, *cyclematch, "ITMeetsAL", "RRF-Net, T=1 to 4 together"}
    assert np.mean([row["R_sum"] for row in report.metrics.values()]) > 4  # of 6; by chance about 3.4
    assert all(row["R_sum_deviation"] >= 0 for row in report.metrics.values())
    assert 0 <= report.metrics["ITMeetsAL"]["entropy"] <= 0.6932  # ln 2
    assert 0 <= report.metrics["ITMeetsAL"]["discriminator"] <= 1
    repeated = benchmark(command)  # from the stored scores
    assert repeated.metrics == report.metrics
    assert repeated.seconds < report.seconds
    with pytest.raises(SystemExit):
        benchmark([*command, "--weights", "x"])
