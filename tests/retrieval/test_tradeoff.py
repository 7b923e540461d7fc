"""What engines cost is measured on a gallery, and how fast photos get into an index."""

import json

import numpy as np
import pytest

from shared.core import weights
from shared.core.image_files import read_images
from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.retrieval import tradeoff
from shared.retrieval.benchmark import BENCHMARKS, main
from shared.retrieval.benchmarks import indexing
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor, network_digest
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import ENGINES
from shared.retrieval.search import ImageSearch, MismatchError
from tests.retrieval.test_search import SIZE, learned, part


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")


@pytest.fixture(scope="module")
def describer(extractor):
    return Describer(extractor, learned(extractor), size=SIZE, settings={"assignments": (4, 4)})


@pytest.fixture(scope="module")
def filled(describer):
    search = ImageSearch("exact", describer)
    search.add([part(number) for number in range(15)])
    return search.gallery


def test_every_engine_has_its_row(describer, filled):
    rows = tradeoff.measure(filled, queries=5, size=300, describer=describer)
    assert [row.engine for row in rows] == list(ENGINES)
    for row in rows:
        assert 0 <= row.recall <= 1
        assert row.ms > 0
        assert row.bytes > 0
    by_name = {row.engine: row for row in rows}
    assert by_name["exact"].recall == 1
    assert by_name["exact"].bytes == pytest.approx(4 * 1856, rel=0.01)
    assert [by_name[name].count for name in ("exact", "ivf", "hnsw", "pq")] == [300] * 4
    assert by_name["histogram"].count == by_name["deepindex-single"].count == 15
    assert by_name["histogram"].recall > 10 / 14 - 0.2  # ten of fourteen others agree by chance


def test_a_gallery_is_never_cut(describer, filled):
    rows = tradeoff.measure(filled, queries=2, size=1, describer=describer)
    assert {row.count for row in rows} == {15}


def test_without_words_there_are_no_rows_of_deepindex(extractor):
    search = ImageSearch("exact", Describer(extractor))
    search.add([part(0), part(1)])
    rows = tradeoff.measure(search.gallery, queries=2, size=20, describer=search.describer)
    assert [row.engine for row in rows] == ["exact", "ivf", "hnsw", "pq", "histogram"]
    assert [row.recall for row in rows] == [1] * 5


def test_what_cannot_be_measured_says_so(describer, extractor, filled):
    with pytest.raises(ImageError, match="at least 2 pictures"):
        tradeoff.measure(Gallery(), describer=describer)
    other = DescriptorHead(sizes=[SIZE + 32])
    with pytest.raises(MismatchError, match="other weights"):
        tradeoff.measure(filled, describer=Describer(Extractor("cfn", extractor.network, other)))


def test_indexing_is_measured(describer, photo_folder, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    figures = indexing.measure(describer, read_images([photo_folder, tmp_path / "bad.jpg"]), repeat=2)
    assert figures["photos"] == 16
    assert figures["photos_per_second"] > 0
    assert figures["cpu_ms"] > 0
    assert figures["index_MB"] == pytest.approx(16 * 4 * 1856 / 1e6, rel=0.01)
    assert figures.get("half_MB", 0) <= figures.get("peak_MB", np.inf)
    assert "Skipped bad: " in capsys.readouterr().out
    with pytest.raises(ValueError, match="none of the photos"):
        indexing.measure(describer, read_images([tmp_path / "bad.jpg"]))


def test_indexing_from_the_command_line(network_folder, photo_folder, tmp_path):
    config = {"network": network_digest(network_folder)}
    head = weights.save(DescriptorHead(sizes=[SIZE]), tmp_path / "head", config=config)
    own = ["--weights", str(head), "--network", str(network_folder)]
    report = main(
        ["indexing", "--data", str(photo_folder), *own, "--limit", "3", "--json", str(tmp_path / "a.json")]
    )
    assert report.metrics["photos"] == report.items == 3
    assert report.available == 8
    assert json.loads((tmp_path / "a.json").read_text())["benchmark"] == "indexing"
    with pytest.raises(SystemExit):
        main(["indexing", "--data", str(tmp_path / "nowhere"), *own])


def test_memory_stays_flat_while_files_stream_by(photo_folder, tmp_path):
    target = tmp_path / "a.json"
    report = main(["stream", "--data", str(photo_folder), "--files", "250", "--json", str(target)])
    figures = report.metrics
    assert (figures["described"], figures["skipped"], report.items) == (248, 2, 250)
    assert figures["files_per_second"] > 0
    if "peak_MB" in figures:  # where the system tells
        assert figures["tenth_MB"] <= figures["half_MB"] <= figures["peak_MB"]
        assert figures["peak_MB"] - figures["tenth_MB"] < 10
    with pytest.raises(SystemExit):
        main(["stream", "--data", str(tmp_path / "nowhere")])


def test_explanations_from_the_command_line(network_folder, tmp_path, monkeypatch):
    config = {"network": network_digest(network_folder)}
    head = weights.save(DescriptorHead(sizes=[SIZE]), tmp_path / "head", config=config)
    (tmp_path / "data").mkdir()
    for name, number in (("100000", 0), ("100001", 4), ("100100", 1), ("100101", 5)):
        part(number).save(tmp_path / "data" / f"{name}.png")
    own = ["--weights", str(head), "--network", str(network_folder), "--engines", "exact", "histogram"]
    report = main(["explain", "--data", str(tmp_path / "data"), *own, "--draws", "1"])
    assert set(report.metrics) == {f"{e}, {m}" for e in ("exact", "histogram") for m in ("regions", "heat")}
    assert report.items == 2
    assert {"explain", "indexing"} <= set(BENCHMARKS)
