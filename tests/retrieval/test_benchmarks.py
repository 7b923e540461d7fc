"""The benchmarks of descriptors and of DeepIndex: each command on a few images."""

import csv
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from shared.core.calibration import ConfidenceBand, ConfidenceBands
from shared.retrieval.benchmark import BENCHMARKS, main
from shared.retrieval.benchmarks.wording import wording_metrics
from shared.retrieval.train import main as train
from shared.retrieval.training.wording import BELOW, LIKELY, POSSIBLE, SIMILAR, Searches

LEVELS, POOLINGS = ("mid", "high"), ("mac", "spoc", "crow", "gem", "rmac")
UNTRAINED = [*(f"{pooling}, {level}" for level in LEVELS for pooling in POOLINGS), "gem, mid and high"]


@pytest.fixture(scope="module")
def head_folder(network_folder, image_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("head")
    options = ["--sizes", "64", "--dims", "4", "--weights", str(network_folder)]
    return train(["whitening", "--photos", str(image_folder), "--out", str(out), *options])


@pytest.fixture
def scene_folder(image_folder, tmp_path):
    """Three scenes of two images each; the second is the first, slightly darker, and once rotated."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for scene in range(3):
        image = Image.open(image_folder / f"{scene}.png")
        darker = image.point(lambda level: level * 0.9)
        image.save(folder / f"1{scene:03}00.png")
        darker = darker.transpose(Image.Transpose.ROTATE_90) if scene == 2 else darker
        darker.save(folder / f"1{scene:03}01.png")
    return folder


def test_every_benchmark_has_a_command():
    for name, benchmark in BENCHMARKS.items():
        with pytest.raises(SystemExit) as exit_info:
            main([name, "--help"])
        assert exit_info.value.code == 0
        assert benchmark.description


def cfn_weights(folder):
    """Return the arguments for the weights of a single backbone in a folder."""
    return ["--engine", "cfn", "--weights", str(folder)]


def test_holidays(scene_folder, network_folder, head_folder, tmp_path):
    options = [
        "--data",
        str(scene_folder),
        *cfn_weights(network_folder),
        "--head",
        str(head_folder),
    ]
    options += ["--size", "64", "--rotations"]
    report = main(["holidays", *options, "--json", str(tmp_path / "report.json")])
    heads = [*UNTRAINED, "retrieval-descriptor"]
    rotated = [f"{name}, query turned" for name in heads]
    assert set(report.metrics) == {*heads, *rotated, "color histogram"}
    assert report.items == 3
    assert report.metrics["color histogram"]["mAP"] == 1
    for name in ("gem, high", "gem, mid and high"):
        assert report.metrics[f"{name}, query turned"]["mAP"] >= report.metrics[name]["mAP"] > 0.5
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["published"] == {}  # papers measure the whole set
    assert written["command"].startswith("python -m shared.retrieval.benchmark holidays --data ")
    limited = main(["holidays", *options, "--limit", "2", "--only-trained"])
    assert limited.items == 2
    assert set(limited.metrics) == {"retrieval-descriptor", "retrieval-descriptor, query turned"}


def test_each_hit_is_counted_under_its_wording():
    bands = (
        ConfidenceBand(LIKELY, 0.8, 0, 0),
        ConfidenceBand(POSSIBLE, 0.6, 0, 0),
        ConfidenceBand(SIMILAR, 0.4, 0, 0),
    )
    same = Searches(np.array([[0.9, 0.7, 0.65, 0.1]]), np.array([[True, True, False, False]]))
    kinds = Searches(np.array([[0.9, 0.5, 0.45, 0.1]]), np.array([[True, False, False, True]]))
    metrics = wording_metrics(same, kinds, ConfidenceBands(bands, BELOW, 1.0, 0.0))
    assert metrics == {
        LIKELY: {"precision": 1, "recall": 0.5},
        POSSIBLE: {"precision": 0.5, "recall": 1},
        SIMILAR: {"precision": 0, "recall": 0.5},
        BELOW: {"precision": 1, "recall": 1},
    }


def test_a_trained_descriptor_may_be_left_out(scene_folder, network_folder, tmp_path):
    options = [
        "--data",
        str(scene_folder),
        *cfn_weights(network_folder),
        "--size",
        "64",
    ]
    with pytest.raises(SystemExit, match="--untrained"):
        main(["holidays", *options, "--head", str(tmp_path / "nothing")])
    report = main(["holidays", *options, "--untrained"])
    assert set(report.metrics) == {*UNTRAINED, "color histogram"}
    with pytest.raises(SystemExit):
        main(["holidays", "--data", str(tmp_path / "empty"), "--untrained"])


def test_copies(image_folder, network_folder, head_folder):
    options = [
        *cfn_weights(network_folder),
        "--head",
        str(head_folder),
        "--size",
        "64",
    ]
    command = ["copies", "--data", str(image_folder), *options, "--limit", "3"]
    report = main(command)
    assert (report.items, report.available) == (3, 8)
    for row in report.metrics.values():
        assert row["recall@1"] <= row["mAP"] <= 1
    assert report.metrics["color histogram"]["mAP"] > 0.3
    assert main(command).metrics == report.metrics


def test_ukbench(image_folder, network_folder, tmp_path):
    for number in range(8):
        shutil.copy(image_folder / f"{number // 4}.png", tmp_path / f"ukbench{number:05}.png")
    options = [*cfn_weights(network_folder), "--size", "64", "--untrained"]
    report = main(["ukbench", "--data", str(tmp_path), *options])
    assert report.metrics["gem, high"] == {"mAP": 1.0, "N-S": 4.0}


def test_landmarks_search_with_the_box(image_folder, network_folder, tmp_path):
    for number in range(4):
        Image.open(image_folder / f"{number}.png").save(tmp_path / f"tower_00000{number}.jpg")
    # the box holds image 2, and its surroundings are image 1
    query = Image.open(image_folder / "1.png").resize((240, 240))
    query.paste(Image.open(image_folder / "2.png"), (60, 60))
    query.save(tmp_path / "tower_000009.jpg")
    lists = {"good": "tower_000002", "ok": "", "junk": "tower_000009"}
    lists["query"] = "oxc1_tower_000009 60 60 180 150"
    for name, text in lists.items():
        (tmp_path / f"tower_1_{name}.txt").write_text(text)
    options = [
        *cfn_weights(network_folder),
        "--size",
        "64",
        "--untrained",
        "--rotations",
    ]
    report = main(["landmarks", "--data", str(tmp_path), *options])
    assert report.metrics["gem, high"]["mAP"] == report.metrics["gem, high, query turned"]["mAP"] == 1
    assert report.metrics["color histogram"]["mAP"] == 1
    with pytest.raises(SystemExit):
        main(["landmarks", "--data", str(tmp_path), *options, "--difficulty", "hard"])


@pytest.fixture
def grocery_folder(image_folder, tmp_path):
    """Three images of three products; the clean images of the first and the last are swapped."""
    rows = [("file", "class_id", "class", "split")]
    with zipfile.ZipFile(tmp_path / "images-0.zip", "w") as archive:
        for split in ("train", "test", "iconic"):
            for number in range(3):
                name = f"{split}/{number}.png"
                archive.write(image_folder / f"{number}.png", name)
                label = 2 - number if split == "iconic" else number
                rows.append((name, label, f"class {label}", split))
    classes = [("class_id", "class"), *((number, f"class {number}") for number in range(3))]
    for file, content in (("labels.csv", rows), ("classes.csv", classes)):
        with (tmp_path / file).open("w", newline="") as stream:
            csv.writer(stream).writerows(content)
    return tmp_path


def test_grocery(grocery_folder, network_folder):
    options = [
        "--data",
        str(grocery_folder),
        *cfn_weights(network_folder),
        "--size",
        "64",
        "--untrained",
    ]
    report = main(["grocery", *options])
    expected = {"top1_iconic": pytest.approx(1 / 3), "top5_iconic": 1.0, "top1_nearest": 1.0}
    assert report.metrics["gem, high"] == expected
    limited = main(["grocery", *options, "--limit", "2", "--iconic-only"])
    assert limited.items == 2
    assert limited.metrics["gem, high"] == {"top1_iconic": 0.5, "top5_iconic": 1.0}


@pytest.mark.parametrize("options", [[], ["--iconic-only"]])
def test_descriptors_of_groceries_are_centered(options, grocery_folder, network_folder, head_folder):
    weights = [
        *cfn_weights(network_folder),
        "--head",
        str(head_folder),
        "--only-trained",
    ]
    report = main(["grocery", "--data", str(grocery_folder), *weights, *options])
    assert list(report.metrics) == ["retrieval-descriptor", "retrieval-descriptor, centered"]
    assert report.metrics["retrieval-descriptor, centered"]["top5_iconic"] == 1
    assert report.metrics["retrieval-descriptor, centered"].get("top1_nearest", 1) == 1


@pytest.fixture(scope="module")
def deepindex_options(lite_folder, mobilenet_folder, image_folder, tmp_path_factory):
    """Options with a head and a vocabulary of the untrained ensemble."""
    folders = [str(lite_folder), str(mobilenet_folder)]
    head, words = tmp_path_factory.mktemp("ensemble head"), tmp_path_factory.mktemp("words")
    images = ["--photos", str(image_folder), "--weights", *folders, "--limit", "8"]
    sizes = ["--sizes", "64", "--dims", "7", "--kind", "pca"]
    train(["whitening", "--engine", "both", *images, *sizes, "--out", str(head)])
    settings = ["--words", "6", "5", "--grid", "1", "2", "--dims", "16", "--bits", "16"]
    train(["words", *images, "--head", str(head), *settings, "--signature-bits", "0", "--out", str(words)])
    return ["--weights", ",".join(folders), "--head", str(head), "--words", str(words)]


@pytest.mark.parametrize("copies", [False, True])
def test_deepindex(deepindex_options, scene_folder, copies):
    options = ["--copies", "--limit", "3"] if copies else ["--rotations"]
    command = ["deepindex", "--data", str(scene_folder), *deepindex_options, "--assignments", "3", "3"]
    report = main([*command, *options])
    reranked = ("float32", "queries expanded", "k-reciprocal neighbors", "diffusion")
    indexes = ["single, mid-lite", "single, high-v1", "multiple, words alone", "multiple"]
    rows = [*(f"descriptor, {name}" for name in reranked), *indexes]
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


def test_deepindex_needs_its_weights(deepindex_options, scene_folder, tmp_path):
    options = [*deepindex_options[:-1], str(tmp_path / "nothing")]
    with pytest.raises(SystemExit, match="does not exist"):
        main(["deepindex", "--data", str(scene_folder), *options])
    with pytest.raises(SystemExit):
        main(["deepindex", "--data", str(scene_folder), *deepindex_options, "--copies", "--rotations"])
