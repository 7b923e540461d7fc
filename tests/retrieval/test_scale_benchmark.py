"""Benchmarks of the vector index, of indexing and of memory."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from shared.core import weights
from shared.core.image_files import read_images
from shared.retrieval.benchmark import main
from shared.retrieval.benchmarks import indexing
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.whitening import l2_normalize
from tests.retrieval.samples import SIZE


def save_descriptors(path, dimension):
    descriptors = np.random.default_rng(0).normal(size=(40, dimension))
    np.save(path, l2_normalize(descriptors).astype("f4"))
    return str(path)


def test_scale_measures_every_index(tmp_path):
    data = save_descriptors(tmp_path / "real.npy", 24)
    target = tmp_path / "report.json"
    options = ["--dimension", "16", "--queries", "20", "--limit", "30", "--json", str(target)]
    sizes = ["--sizes", "300", "2500", "--index-types", "exact", "hnsw"]
    report = main(["scale", "--data", data, *options, *sizes])
    assert report.metrics.pop("real descriptors")["intrinsic_dimension"] > 1
    assert list(report.metrics) == ["exact, 300", "hnsw, 300", "exact, 2,500", "hnsw, 2,500"]
    for name, row in report.metrics.items():
        assert row["recall@10"] == row["plain_recall@10"]
        assert row["recall@10"] == 1 if "exact" in name else row["recall@10"] > 0.9
        assert row["ratio"] == pytest.approx(row["plain_ms_per_query"] / row["ms_per_query"])
        for metric in ("ms_32_callers", "adds_per_s", "removes_per_s", "build_s"):
            assert row[metric] > 0
    assert report.metrics["exact, 300"]["bytes_per_image"] == 16 * 4 + 8
    assert report.metrics["hnsw, 2,500"]["bytes_per_image"] > 16 * 4 + 8 + 4 + 32 * 4
    assert report.data == "mixtures of 30 real descriptors, 12 neighbours, spread 0.2"
    assert json.loads(target.read_text())["metrics"].items() >= report.metrics.items()
    assert report.command.startswith("python -m shared.retrieval.benchmark scale --data ")


@pytest.mark.parametrize("options", [["--untrained"], []])
def test_scale_may_describe_images(options, tmp_path):
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    options = [*options, "--dimension", "8", "--queries", "3", "--sizes", "50", "--index-types", "exact"]
    report = main(["scale", "--data", str(tmp_path), *options])
    assert report.data == "mixtures of 2 real descriptors, 12 neighbours, spread 0.2"
    assert report.metrics["real descriptors"] == {}
    assert report.metrics["exact, 50"]["recall@10"] == 1


def test_short_descriptors_are_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["scale", "--data", save_descriptors(tmp_path / "real.npy", 8)])
    assert "at least 256 numbers, received [40, 8]" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_peak_memory_counts_freed_memory():
    memory = PeakMemory()
    np.ones(10_000_000)
    assert 75e6 < memory.growth() < 200e6


def test_indexing_measures_usable_images(network_folder, image_folder, tmp_path, capsys):
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")
    describer = Describer(extractor)
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    files = read_images([image_folder, tmp_path / "bad.jpg"])
    metrics = indexing.measure(describer, files, repeat=2)
    assert metrics["photos"] == 16
    assert metrics["photos_per_second"] > 0
    assert metrics["cpu_ms"] > 0
    assert metrics["index_MB"] == pytest.approx(16 * 4 * 1856 / 1e6, rel=0.01)
    assert metrics.get("half_MB", 0) <= metrics.get("peak_MB", np.inf)
    assert "Skipped bad: " in capsys.readouterr().out
    with pytest.raises(ValueError, match="none of the photos"):
        indexing.measure(describer, files[-1:])


def test_the_command_of_indexing(network_folder, image_folder, tmp_path):
    config = {"network": weights.digest(network_folder)}
    head = weights.save(DescriptorHead(sizes=[SIZE]), tmp_path / "head", config=config)
    options = ["--weights", str(head), "--network", str(network_folder)]
    target = tmp_path / "report.json"
    report = main(["indexing", "--data", str(image_folder), *options, "--limit", "3", "--json", str(target)])
    assert report.metrics["photos"] == report.items == 3
    assert report.available == 8
    assert json.loads(target.read_text())["benchmark"] == "indexing"
    with pytest.raises(SystemExit):
        main(["indexing", "--data", str(tmp_path / "nowhere"), *options])


def test_a_stream_of_files_takes_constant_memory(image_folder, tmp_path):
    report = main(["stream", "--data", str(image_folder), "--files", "250"])
    metrics = report.metrics
    assert (metrics["described"], metrics["skipped"], report.items) == (248, 2, 250)
    assert metrics["files_per_second"] > 0
    if "peak_MB" in metrics:  # where the system tells
        assert metrics["tenth_MB"] <= metrics["half_MB"] <= metrics["peak_MB"]
        assert metrics["peak_MB"] - metrics["tenth_MB"] < 10
    with pytest.raises(SystemExit):
        main(["stream", "--data", str(tmp_path / "nowhere")])
