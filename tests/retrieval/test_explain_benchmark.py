"""The benchmark of explanations: masks, figures, command."""

import numpy as np
import pytest

from shared.core import weights
from shared.retrieval.benchmark import main
from shared.retrieval.benchmarks import explain
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.explanation.explanation import Explanation
from tests.retrieval.samples import SIZE, make_search, sample_image


def test_masks_are_deleted_and_shifted():
    heat = np.zeros((100, 130), np.float32)
    explanation = Explanation(sample_image(0), sample_image(1), (), heat, np.zeros_like(heat))
    assert not explain.region_mask(explanation).any()
    heat[:50, :50] = 1
    hottest = explain.heat_mask(explanation)
    assert hottest.sum() == round(0.2 * 24 * 24)
    assert hottest[:12, :9].sum() > 90
    assert explain.random_shift(hottest, np.random.default_rng(0)).sum() == hottest.sum()
    right_half = np.zeros((24, 24), bool)
    right_half[:, 12:] = True
    deleted = np.asarray(explain.delete_cells(sample_image(0), right_half))
    assert (deleted[:, :64] == np.asarray(sample_image(0))[:, :64]).all()
    assert (deleted[:, 66:] == deleted[0, 66]).all()


def test_figures_are_repeatable(network_folder):
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")
    search = make_search("exact", Describer(extractor))
    images = [sample_image(number) for number in range(4)]
    search.add(images)
    metrics = explain.measure(search, images, range(4), draws=2)
    assert set(metrics) == {"regions", "heat"}
    for row in metrics.values():
        assert row["pairs"] == 4
        assert 0 <= row["better"] <= 1
        assert 0 < row["drop"] < 2
        assert 0 < row["random_drop"] < 2
    assert metrics == explain.measure(search, images, range(4), draws=2)


def test_the_command(network_folder, tmp_path):
    config = {"network": weights.digest(network_folder)}
    head = weights.save(DescriptorHead(sizes=[SIZE]), tmp_path / "head", config=config)
    (tmp_path / "data").mkdir()
    for name, number in (("100000", 0), ("100001", 4), ("100100", 1), ("100101", 5)):
        sample_image(number).save(tmp_path / "data" / f"{name}.png")
    options = ["--weights", str(head), "--network", str(network_folder), "--engines", "exact", "histogram"]
    report = main(["explain", "--data", str(tmp_path / "data"), *options, "--draws", "1"])
    rows = {f"{engine}, {method}" for engine in ("exact", "histogram") for method in ("regions", "heat")}
    assert set(report.metrics) == rows
    assert report.items == 2
    with pytest.raises(SystemExit):
        main(["explain", "--data", str(tmp_path / "nowhere"), *options])
