"""The benchmark of scale: made descriptors, and every figure of its table on a few of them."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from shared.retrieval.benchmark import main
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.data.synthetic import intrinsic_dimension, reduce, synthesise


def draw(count, dimension, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")


def test_made_descriptors_lie_around_real_ones():
    real = draw(20, 5) @ np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0][:5].astype("f4")
    made = synthesise(real, 500, seed=0)
    assert made.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
    assert np.linalg.svd(made, compute_uv=False)[5] < 1e-4  # never where real ones do not vary
    assert (made == synthesise(real, 500, seed=0)).all()
    assert not (made == synthesise(real, 500, seed=1)).any()
    same = synthesise(real, 500, seed=0, mixed=0, spread=0)
    np.testing.assert_allclose((same @ real.T).max(1), 1, atol=1e-6)
    for wider in ({"mixed": 3, "spread": 0}, {"mixed": 0, "spread": 0.3}):
        near = (synthesise(real, 500, seed=0, **wider) @ real.T).max(1).mean()
        assert 0.8 < near < 0.99


def test_mixtures_are_of_neighbours():
    real = np.eye(6, dtype="f4")[[0, 1, 2, 3]] + np.eye(6, dtype="f4")[[4, 4, 5, 5]]  # two pairs
    made = synthesise(real / np.sqrt(2), 300, seed=0, mixed=1, spread=0)
    first = made[made[:, 4] > 0]
    shares = first[:, :2] / first[:, 4:5]
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert (first[:, [2, 3, 5]] == 0).all()
    np.testing.assert_allclose(np.quantile(shares[:, 0], [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.15)


def test_noise_is_as_wide_as_real_ones_differ():
    real = draw(400, 3) * [5, 1, 0.2] + [100, 0, 0]  # so far out that length 1 changes nothing but the scale
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    made = synthesise(real, 20_000, seed=0, mixed=0, spread=1)
    spread = (made / made[:, :1])[:, 1:].std(0)
    np.testing.assert_allclose(spread, np.sqrt(2) * (real / real[:, :1])[:, 1:].std(0), rtol=0.05)


@pytest.mark.parametrize("dimension", [2, 8])
def test_the_dimension_of_a_cloud_is_found(dimension):
    cloud = np.ones((4000, 10), np.float32)
    cloud[:, :dimension] += 0.1 * np.random.default_rng(0).random((4000, dimension))
    cloud[:, dimension:] += 5  # far out, so that length 1 takes no direction away
    cloud /= np.linalg.norm(cloud, axis=1, keepdims=True)
    middle = cloud[(np.abs(cloud - np.median(cloud, 0)) < 0.6 * np.ptp(cloud, 0)).all(1)][:300]
    assert intrinsic_dimension(middle, cloud) == pytest.approx(dimension, rel=0.2)
    assert np.isnan(intrinsic_dimension(cloud[:5], cloud[:21]))


def test_long_descriptors_keep_their_principal_directions():
    real = draw(30, 4) @ np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0][:4]
    np.testing.assert_allclose(reduce(real, 4) @ reduce(real, 4).T, real @ real.T, atol=1e-6)
    np.testing.assert_allclose(reduce(real[:3], 6) @ reduce(real[:3], 6).T, real[:3] @ real[:3].T, atol=1e-6)
    assert (reduce(real, 9) == real / np.linalg.norm(real, axis=1, keepdims=True)).all()
    with pytest.raises(ValueError, match=r"at least 10 numbers, received \[30, 9\]"):
        reduce(real, 10)


def test_the_table_holds_every_figure(tmp_path):
    np.save(tmp_path / "real.npy", draw(40, 24))
    command = ["scale", "--data", str(tmp_path / "real.npy"), "--dimension", "16", "--queries", "20"]
    target = tmp_path / "report.json"
    sizes = ["--sizes", "300", "2500", "--kinds", "exact", "hnsw"]
    report = main([*command, *sizes, "--limit", "30", "--json", str(target)])
    assert report.metrics.pop("real descriptors")["intrinsic_dimension"] > 1
    assert list(report.metrics) == ["exact, 300", "hnsw, 300", "exact, 2,500", "hnsw, 2,500"]
    for name, figures in report.metrics.items():
        assert figures["recall@10"] == figures["plain_recall@10"]
        assert figures["recall@10"] == 1 if "exact" in name else figures["recall@10"] > 0.9
        assert figures["ratio"] == pytest.approx(figures["plain_ms_per_query"] / figures["ms_per_query"])
        for rate in ("ms_32_callers", "adds_per_s", "removes_per_s", "build_s"):
            assert figures[rate] > 0
    assert report.metrics["exact, 300"]["bytes_per_image"] == 16 * 4 + 8
    assert report.metrics["hnsw, 2,500"]["bytes_per_image"] > 16 * 4 + 8 + 4 + 32 * 4
    assert report.data == "mixtures of 30 real descriptors, 12 neighbours, spread 0.2"
    assert json.loads(target.read_text())["metrics"].items() >= report.metrics.items()
    assert report.command.startswith("python -m shared.retrieval.benchmark scale --data ")


@pytest.mark.parametrize("trained", [["--untrained"], []])
def test_real_descriptors_may_come_from_photos(trained, tmp_path):
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    command = ["scale", "--data", str(tmp_path), *trained, "--dimension", "8", "--queries", "3"]
    report = main([*command, "--sizes", "50", "--kinds", "exact"])
    assert report.data == "mixtures of 2 real descriptors, 12 neighbours, spread 0.2"
    assert report.metrics["real descriptors"] == {}
    assert report.metrics["exact, 50"]["recall@10"] == 1


def test_too_short_descriptors_end_the_program(tmp_path, capsys):
    np.save(tmp_path / "real.npy", draw(40, 8))
    with pytest.raises(SystemExit):
        main(["scale", "--data", str(tmp_path / "real.npy")])
    assert "at least 256 numbers, received [40, 8]" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_peak_memory_counts_what_was_given_back():
    memory = PeakMemory()
    np.ones(10_000_000)
    assert 75e6 < memory.growth() < 200e6
