"""Retrieval's benchmarks and its training: each command on a few pictures."""

import csv
import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from shared.core import weights
from shared.retrieval.benchmark import main
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.train import found
from shared.retrieval.train import main as train

POOLED = [
    f"{pooling}, {level}" for level in ("mid", "high") for pooling in ("mac", "spoc", "crow", "gem", "rmac")
]


@pytest.fixture(scope="module")
def head_folder(network_folder, photo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("head")
    sizes = ["--sizes", "64", "--dims", "4", "--weights", str(network_folder)]
    return train(["whitening", "--photos", str(photo_folder), "--out", str(out), *sizes])


def test_a_whitening_is_trained(head_folder, network_folder, photo_folder):
    config = weights.read_config(head_folder)
    assert (config["sizes"], config["dims"], config["engine"]) == ([64], 4, "cfn")
    extractor = Extractor.load(folder=network_folder, head=head_folder, device="cpu")
    rows = extractor.batch([photo_folder / f"{number}.png" for number in range(8)])
    assert rows.shape == (8, 4)
    assert np.linalg.matrix_rank(rows, tol=0.05) == 4


def test_training_is_repeatable_and_can_do_without_pairs(network_folder, photo_folder, tmp_path):
    options = [
        "--photos",
        str(photo_folder),
        "--weights",
        str(network_folder),
        "--sizes",
        "64",
        "--dims",
        "3",
    ]
    folders = [
        train(["whitening", *options, "--out", str(tmp_path / name), "--kind", kind])
        for name, kind in (("a", "pairs"), ("b", "pairs"), ("c", "pca"))
    ]
    one, again, pca = (load_file(folder / weights.WEIGHTS)["projection"] for folder in folders)
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert (one - pca).abs().max() > 0.1


def test_pairs_that_find_each_other():
    pairs = np.eye(4)[[[0, 0], [1, 1], [2, 3], [3, 3]]]
    assert found(pairs) == 0.75


@pytest.fixture
def scene_folder(photo_folder, tmp_path):
    """Three scenes of two photos each; the second is the first, a little darker, and once turned."""
    for scene in range(3):
        picture = Image.open(photo_folder / f"{scene}.png")
        other = picture.point(lambda level: level * 0.9)
        picture.save(tmp_path / f"1{scene:03}00.png")
        (other.transpose(Image.Transpose.ROTATE_90) if scene == 2 else other).save(
            tmp_path / f"1{scene:03}01.png"
        )
    return tmp_path


def test_holidays(scene_folder, network_folder, head_folder, tmp_path):
    options = ["--weights", str(network_folder), "--head", str(head_folder), "--size", "64", "--turns"]
    report = main(["holidays", "--data", str(scene_folder), *options, "--json", str(tmp_path / "r.json")])
    heads = [*POOLED, "gem, mid and high", "retrieval-descriptor"]
    turned = [f"{name}, query turned" for name in heads]
    assert set(report.metrics) == {*heads, *turned, "color histogram"}
    assert report.items == 3
    assert report.metrics["color histogram"]["mAP"] == 1
    for name in ("gem, high", "gem, mid and high"):
        assert report.metrics[f"{name}, query turned"]["mAP"] >= report.metrics[name]["mAP"] > 0.5
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["published"] == {}  # what papers tell is of the whole set
    assert written["command"].startswith("python -m shared.retrieval.benchmark holidays --data ")
    few = main(["holidays", "--data", str(scene_folder), *options, "--limit", "2", "--only-trained"])
    assert few.items == 2
    assert set(few.metrics) == {"retrieval-descriptor", "retrieval-descriptor, query turned"}


def test_without_a_trained_descriptor(scene_folder, network_folder, tmp_path):
    options = ["--data", str(scene_folder), "--weights", str(network_folder), "--size", "64"]
    with pytest.raises(SystemExit, match="--untrained"):
        main(["holidays", *options, "--head", str(tmp_path / "nothing")])
    report = main(["holidays", *options, "--untrained"])
    assert "retrieval-descriptor" not in report.metrics
    with pytest.raises(SystemExit):
        main(["holidays", "--data", str(tmp_path / "empty"), "--untrained"])


def test_copies(photo_folder, network_folder, head_folder):
    options = ["--weights", str(network_folder), "--head", str(head_folder), "--size", "64"]
    report = main(["copies", "--data", str(photo_folder), *options, "--limit", "3"])
    assert (report.items, report.available) == (3, 8)
    for figures in report.metrics.values():
        assert figures["recall@1"] <= figures["mAP"] <= 1
    assert report.metrics["color histogram"]["mAP"] > 0.3
    assert main(["copies", "--data", str(photo_folder), *options, "--limit", "3"]).metrics == report.metrics


def test_ukbench(photo_folder, network_folder, tmp_path):
    for number in range(8):
        shutil.copy(photo_folder / f"{number // 4}.png", tmp_path / f"ukbench{number:05}.png")
    options = ["--weights", str(network_folder), "--size", "64", "--untrained"]
    report = main(["ukbench", "--data", str(tmp_path), *options])
    assert report.metrics["gem, high"] == {"mAP": 1.0, "N-S": 4.0}


def test_landmarks_search_with_the_box(photo_folder, network_folder, tmp_path):
    for number in range(4):
        Image.open(photo_folder / f"{number}.png").save(tmp_path / f"tower_00000{number}.jpg")
    # the box holds what photo 2 shows; what surrounds it there is photo 1
    framed = Image.open(photo_folder / "1.png").resize((240, 240))
    framed.paste(Image.open(photo_folder / "2.png"), (60, 60))
    framed.save(tmp_path / "tower_000009.jpg")
    lists = {"good": "tower_000002", "ok": "", "junk": "tower_000009"}
    for kind, text in (*lists.items(), ("query", "oxc1_tower_000009 60 60 180 150")):
        (tmp_path / f"tower_1_{kind}.txt").write_text(text)
    options = ["--weights", str(network_folder), "--size", "64", "--untrained", "--turns"]
    report = main(["landmarks", "--data", str(tmp_path), *options])
    assert report.metrics["gem, high"]["mAP"] == report.metrics["gem, high, query turned"]["mAP"] == 1
    assert report.metrics["color histogram"]["mAP"] == 1
    with pytest.raises(SystemExit):
        main(["landmarks", "--data", str(tmp_path), *options, "--difficulty", "hard"])


@pytest.fixture
def grocery_folder(photo_folder, tmp_path):
    """Three photos of three products; the clean pictures of the first and the last are mixed up."""
    rows = [("file", "class_id", "class", "split")]
    with zipfile.ZipFile(tmp_path / "images-0.zip", "w") as archive:
        for split in ("train", "test", "iconic"):
            for number in range(3):
                name = f"{split}/{number}.png"
                archive.write(photo_folder / f"{number}.png", name)
                shown = 2 - number if split == "iconic" else number
                rows.append((name, shown, f"class {shown}", split))
    for file, content in (
        ("labels.csv", rows),
        ("classes.csv", [("class_id", "class"), *((number, f"class {number}") for number in range(3))]),
    ):
        with (tmp_path / file).open("w", newline="") as stream:
            csv.writer(stream).writerows(content)
    return tmp_path


def test_grocery(grocery_folder, network_folder):
    options = ["--data", str(grocery_folder), "--weights", str(network_folder), "--size", "64", "--untrained"]
    report = main(["grocery", *options])
    expected = {"top1_iconic": pytest.approx(1 / 3), "top5_iconic": 1.0, "top1_nearest": 1.0}
    assert report.metrics["gem, high"] == expected
    few = main(["grocery", *options, "--limit", "2", "--iconic-only"])
    assert few.items == 2
    assert few.metrics["gem, high"] == {"top1_iconic": 0.5, "top5_iconic": 1.0}


def test_centered_descriptors(grocery_folder, network_folder, head_folder):
    options = ["--weights", str(network_folder), "--head", str(head_folder), "--only-trained"]
    for more in ([], ["--iconic-only"]):
        report = main(["grocery", "--data", str(grocery_folder), *options, *more])
        assert list(report.metrics) == ["retrieval-descriptor", "retrieval-descriptor, centered"]
        assert report.metrics["retrieval-descriptor, centered"]["top5_iconic"] == 1
        assert report.metrics["retrieval-descriptor, centered"].get("top1_nearest", 1) == 1


def test_heads_without_whitening_need_no_weights():
    assert DescriptorHead(["mid"]).dims == 576
    assert DescriptorHead(dims=7).dims == 7
