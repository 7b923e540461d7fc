"""The BSDS500 benchmark: hand-made cases, its command, and the example of the original benchmark."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from shared.edges.benchmark import main
from shared.edges.benchmarks import large
from shared.edges.benchmarks.boundaries import THRESHOLDS, EngineMaps, StoredMaps, count_map, line_scores
from shared.edges.detector import EdgeDetector
from shared.evaluation.boundaries import (
    BoundaryCounts,
    average_precision,
    best_per_image,
    best_threshold,
    boundary_scores,
    f_measure,
)
from shared.training.bsds import read_bsds

NAMES = ("100", "200", "300")


def squares(shift: int = 0, shape: tuple[int, int] = (60, 90)) -> np.ndarray:
    """The outline of a square, one pixel wide, as bool [H, W]."""
    mask = np.zeros(shape, bool)
    mask[15 + shift : 45 + shift, 20:60] = True
    mask[16 + shift : 44 + shift, 21:59] = False
    return mask


def soften(mask: np.ndarray) -> np.ndarray:
    soft = gaussian_filter(mask.astype(np.float32), 1.5)
    return soft / soft.max()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Three images with two annotators each, in the layout of BSDS500, and maps of a good detector."""
    folder = tmp_path / "bsds"
    for part in ("images/test", "boundaries/test", "good", "empty"):
        (folder / part).mkdir(parents=True)
    index = {}
    for number, name in enumerate(NAMES):
        truth = np.concatenate([squares(number), squares(number)])
        Image.fromarray(truth).save(folder / f"boundaries/test/{name}.png")
        pixels = np.full((60, 90, 3), 40, np.uint8)
        pixels[15 + number : 45 + number, 20:60] = 220
        Image.fromarray(pixels).save(folder / f"images/test/{name}.jpg", quality=95)
        soft = np.rint(255 * soften(squares(number))).astype(np.uint8)
        Image.fromarray(soft).save(folder / f"good/{name}.png")
        Image.fromarray(np.zeros_like(soft)).save(folder / f"empty/{name}.png")
        index[name] = {"split": "test", "height": 60, "width": 90, "annotators": 2}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_thresholds_are_those_of_the_benchmark():
    np.testing.assert_allclose(THRESHOLDS, np.arange(1, 100) / 100)


def test_a_perfect_map_scores_one():
    truth = squares()
    counts = count_map(truth.astype(np.float32), truth[None], suppression=False, thinning=False)
    assert counts.matched_truth.tolist() == counts.prediction.tolist() == [truth.sum()] * 99
    assert best_threshold(counts, THRESHOLDS)["F"] == 1


def test_thick_lines_cost_precision_without_thinning_only():
    truth = squares()
    soft = soften(truth)
    standard = count_map(soft, truth[None])
    crisp = count_map(soft, truth[None], suppression=False, thinning=False)
    assert best_threshold(standard, THRESHOLDS)["F"] > 0.95
    assert (crisp.prediction == [(soft >= t).sum() for t in THRESHOLDS]).all()
    assert crisp.recall[20] == 1
    assert crisp.precision[20] == pytest.approx(truth.sum() / (soft >= THRESHOLDS[20]).sum())


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(9, 60\).*\(60, 9\)"):
        count_map(np.zeros((9, 60)), np.zeros((2, 60, 9), bool))


def test_command_scores_folders_of_maps(pack, tmp_path, capsys):
    path = tmp_path / "report.json"
    maps = ["--maps", str(pack / "good"), str(pack / "empty")]
    main(["--data", str(pack), *maps, "--limit", "2", "--workers", "1", "--json", str(path)])
    report = json.loads(path.read_text())
    assert (report["benchmark"], report["data"], report["split"]) == ("boundaries", "BSDS500", "test")
    assert (report["items"], report["available"]) == (2, 3)
    assert report["published"]["RDS"]["ODS"] == 0.7916
    assert report["command"].startswith("python -m shared.edges.benchmark --data bsds --maps good empty")
    good = report["metrics"]["good"]
    assert (good["ODS"], good["OIS"]) == pytest.approx((0.962, 0.962), abs=0.002)
    assert good["AP"] > 0.85
    assert report["metrics"]["empty"] == {"ODS": 0, "OIS": 0, "AP": 0, "threshold": 0.01}
    assert "the first 2 of 3 items" in capsys.readouterr().out


def test_crisp_command(pack, capsys):
    report = main(
        ["--data", str(pack), "--maps", str(pack / "good"), "--limit", "1", "--workers", "1", "--crisp"]
    )
    assert report.benchmark == "crisp boundaries"
    sample = read_bsds(pack, "test")[0]
    soft = np.asarray(Image.open(pack / "good/100.png"), float) / 255
    counts = count_map(soft, sample.boundaries(), suppression=False, thinning=False)
    assert report.metrics["good"] == boundary_scores(BoundaryCounts.stack([counts]), THRESHOLDS)
    assert "DiffusionEdge" in capsys.readouterr().out


@pytest.mark.parametrize("lines", [False, True])
def test_maps_of_an_engine(pack, lines):
    sample, threads = read_bsds(pack, "test")[0], torch.get_num_threads()
    try:
        soft = EngineMaps("canny", lines=lines).open()(sample)
    finally:
        torch.set_num_threads(threads)
    edges = EdgeDetector.load("canny")(sample.image())
    np.testing.assert_array_equal(soft, edges.lines if lines else edges.soft)


def test_stored_maps(pack):
    sample = read_bsds(pack, "test")[1]
    soft = StoredMaps(pack / "good").open()(sample)
    np.testing.assert_allclose(soft, soften(squares(1)), atol=1 / 255)


def test_lines_command(pack):
    report = main(["--data", str(pack), "--engine", "canny", "--lines", "--limit", "1", "--workers", "1"])
    assert (report.benchmark, report.published) == ("lines", {})
    sample = read_bsds(pack, "test")[0]
    lines = EdgeDetector.load("canny")(sample.image()).lines
    counts = count_map(lines.astype(float), sample.boundaries(), suppression=False, thinning=False)
    scores = line_scores(BoundaryCounts.stack([counts]))
    assert report.metrics["canny"] == scores
    assert 0.5 < scores["F"] == f_measure(scores["recall"], scores["precision"])


def test_lines_are_matched_without_thinning():
    """A line two pixels wide costs half the precision, and no recall."""
    truth = squares()
    double = truth | np.roll(truth, 1, axis=1)
    counts = count_map(double.astype(np.float32), truth[None], suppression=False, thinning=False)
    scores = line_scores(BoundaryCounts.stack([counts]))
    assert scores["recall"] == 1
    assert scores["precision"] == truth.sum() / double.sum()


def test_speed_command(pack):
    report = main(["--data", str(pack), "--engine", "canny", "--speed"])
    assert report.benchmark == "speed"
    figures = report.metrics["canny"]
    assert figures["images_per_second"] == pytest.approx(1000 / figures["ms_per_image"])
    assert 0 < figures["ms_per_image"] < 1000 * report.seconds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--engine NAME or --maps DIR"),
        (["--engine", "rds", "hed", "--weights", "w"], "exactly one --engine"),
        (["--engine", "canny", "--crisp", "--speed"], "neither --maps nor --crisp"),
        (["--engine", "canny", "--crisp", "--lines"], "none of --maps, --crisp and --speed"),
        (["--maps", "nowhere"], "nowhere/100.png is missing"),
        (["--maps", "nowhere", "--split", "train"], "no split 'train'"),
    ],
)
def test_mistakes_are_explained(pack, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["--data", str(pack), "--workers", "1", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.skipif("IMAGE_SPACES_BSDS500" not in os.environ, reason="IMAGE_SPACES_BSDS500 names no folder")
def test_example_of_the_original_benchmark():
    """Five contour maps at five thresholds, thinned but not suppressed."""
    root = Path(os.environ["IMAGE_SPACES_BSDS500"])
    example = root / "benchmark_example"
    thresholds = np.linspace(1 / 6, 1 - 1 / 6, 5)
    samples = [s for s in read_bsds(root, "test") if s.id in {"2018", "3063", "5096", "6046", "8068"}]
    samples.sort(key=lambda sample: int(sample.id))
    image_counts = []
    for sample in samples:
        soft = np.asarray(Image.open(example / "contours" / f"{sample.id}.png"), float) / 255
        image_counts.append(count_map(soft, sample.boundaries(), suppression=False, thresholds=thresholds))
    counts = BoundaryCounts.stack(image_counts)
    pooled = counts.pooled()

    best, ois = best_threshold(pooled, thresholds), best_per_image(counts)
    summary = [*best.values(), *ois.values(), average_precision(pooled)]
    # We match about 20 of 69,505 true pixels more than the original, at every threshold.
    np.testing.assert_allclose(summary, np.loadtxt(example / "expected/eval_bdry.txt"), atol=0.001)

    _, recall, precision, _ = np.loadtxt(example / "expected/eval_bdry_thr.txt").T
    np.testing.assert_allclose(pooled.recall, recall, atol=0.001)
    np.testing.assert_allclose(pooled.precision, precision, atol=0.001)

    scores = [[*best_threshold(counts, thresholds).values()] for counts in image_counts]
    np.testing.assert_allclose(scores, np.loadtxt(example / "expected/eval_bdry_img.txt")[:, 1:], atol=0.002)


def test_large_photos_are_timed(tmp_path, monkeypatch):
    Image.effect_noise((90, 60), 80).convert("RGB").save(tmp_path / "photo.jpg")
    with Image.open(io.BytesIO(large.mosaic([tmp_path / "photo.jpg"], (1300, 500)))) as photo:
        assert photo.size == (1300, 500)
        assert np.asarray(photo)[:, -1].std() > 5  # photos reach the border
    monkeypatch.setattr(large, "SIZES", {"small": (640, 400)})
    arguments = ["large", "--data", str(tmp_path), "--engine", "canny", "--runs", "1"]
    report = main([*arguments, "--json", str(tmp_path / "report.json")])
    figures = report.as_dict()["metrics"]["small"]
    assert set(figures) == {"first_seconds", "full_seconds", "svg_seconds", "svg_MB", "peak_MB"}
    assert all(value > 0 for value in figures.values())
    assert report.command.startswith("python -m shared.edges.benchmark large --data ")
    with pytest.raises(SystemExit):
        main(["large", "--data", str(tmp_path / "nothing")])


def test_the_command_reads_uded(pack, tmp_path, capsys):
    uded = tmp_path / "UDED"
    (uded / "imgs").mkdir(parents=True)
    (uded / "gt").mkdir()
    for number, name in enumerate(NAMES):
        Image.open(pack / f"images/test/{name}.jpg").save(uded / f"imgs/{name}.png")
        Image.fromarray(squares(number)).save(uded / f"gt/{name}.png")
    report = main(["--data", str(uded), "--maps", str(pack / "good"), "--workers", "1"])
    assert (report.data, report.items, report.published) == ("UDED", 3, {})
    assert report.metrics["good"]["ODS"] > 0.95
    (uded / "gt" / f"{NAMES[0]}.png").unlink()
    with pytest.raises(SystemExit):
        main(["--data", str(uded), "--maps", str(pack / "good")])
    assert "UDED has a map of each image" in capsys.readouterr().err
