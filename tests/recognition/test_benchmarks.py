"""Recognition's benchmarks: each command on a few images, and their parts on values made by hand."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.networks.cfn import CFN, CFNCifar
from shared.networks.fcfn import FCFN
from shared.recognition.benchmark import BENCHMARKS, main
from shared.recognition.benchmarks import fusion
from shared.recognition.benchmarks.accuracy import score_logits
from shared.recognition.benchmarks.agreement import CONDITIONS
from shared.recognition.benchmarks.ood import sample_evenly
from shared.recognition.benchmarks.transfer import probe, split_classes
from shared.recognition.data.caltech import IMAGENET_CLASSES
from shared.recognition.data.datasets import VOC_CLASSES
from shared.recognition.training.teacher import Teacher
from tests.predictors import with_random_weights

CALTECH_LABELS = sorted({name for names in IMAGENET_CLASSES.values() for name in names})
LABELS = CALTECH_LABELS + [f"class {index}" for index in range(1000 - len(CALTECH_LABELS))]


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory):
    network = with_random_weights(CFN(prototypes=2))
    network.prototypes.normal_()
    return weights.save(network, tmp_path_factory.mktemp("cfn"), config={"labels": LABELS, "size": 64})


def test_unknown_benchmark_lists_all():
    with pytest.raises(SystemExit, match="benchmark agreement"):
        main(["nothing"])


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_has_a_command_of_its_name(name, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert f"shared.recognition.benchmark {name}" in capsys.readouterr().out


def test_teacher_agrees_with_itself(image_folder, teacher_file, tmp_path):
    network = Teacher(teacher_file).initialize(CFN(fusion="none"))
    folder = weights.save(network, tmp_path / "same", config={"labels": LABELS}, half=False)
    command = ["agreement", "--data", str(image_folder), "--teacher", str(teacher_file)]
    report = main([*command, "--weights", str(folder), "--limit", "2"])
    assert report.items == 2
    assert report.metrics["cfn"] == report.metrics["teacher itself"]
    assert report.metrics["cfn"]["clean"] == 1
    assert report.metrics["cfn"].keys() == CONDITIONS.keys()
    assert report.command.startswith("python -m shared.recognition.benchmark agreement --data ")


def test_scores_of_logits():
    logits = torch.tensor([[9.0, 0, 0, 0, 0, 0, 0], [6, 5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5, 6]])
    correct = torch.zeros(3, 7, dtype=torch.bool)
    correct[0, 0] = correct[1, 4] = correct[2, 0] = True
    metrics = score_logits(logits, correct, 1.0)
    assert metrics["top1"] == pytest.approx(1 / 3)
    assert metrics["top5"] == pytest.approx(2 / 3)
    assert metrics["ECE"] == metrics["ECE_without_temperature"]


def test_accuracy_and_out_of_distribution_scores(classifier_folder, image_folder, teacher_file, tmp_path):
    for name in ("pizza", "ant"):
        for index in range(4):
            path = tmp_path / "caltech" / name / f"image_{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (90 * index, 0, 0)).save(path)
    engine = ["--weights", str(classifier_folder)]
    report = main(["accuracy", "--data", str(tmp_path / "caltech"), "--skip-per-class", "2", *engine])
    assert report.items == 2
    assert 0 <= report.metrics["lite"]["top1"] <= report.metrics["lite"]["top5"] <= 1
    sets = ["--data", str(image_folder), "--more-data", str(tmp_path / "caltech"), "--per-set", "2"]
    options = ["--names", "noise", "plain", "--teacher", str(teacher_file)]
    report = main(["ood", *sets, *options, *engine])
    assert report.items == 4
    assert report.metrics["noise"].keys() == {"norm", "distance", "alarm", "agreement"}
    agreements = [report.metrics[name]["agreement"] for name in ("noise", "plain")]
    varied = any(0 < value < 1 for value in agreements) or agreements[0] != agreements[1]
    assert ("rank correlation with agreement" in report.metrics) == varied


def test_photos_of_imagenet(classifier_folder, tmp_path):
    from shared.recognition.benchmarks.imagenet import main

    for name in ("n01440764_1", "n02510455_2", "holiday"):
        Image.new("RGB", (40, 30), "red").save(tmp_path / f"{name}.png")
    report = main(["--data", str(tmp_path), "--engine", "cfn", "--weights", str(classifier_folder)])
    assert report.items == 2
    assert {"top1", "top5", "ECE", "NLL"} <= report.metrics["cfn"].keys()
    (tmp_path / "other").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "other" / "a.png")
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path / "other")])


def test_samples_are_spread_over_the_set():
    assert sample_evenly(list(range(10)), 4) == [0, 3, 6, 9]
    assert sample_evenly([1, 2], 5) == [1, 2]


def test_splits_and_probes():
    targets = np.repeat([0, 1, 2], 10)
    train, test = split_classes(targets, 4, 3, seed=0)
    assert not set(train) & set(test)
    assert np.bincount(targets[train]).tolist() == [4, 4, 4]
    assert np.bincount(targets[test]).tolist() == [3, 3, 3]
    rng = np.random.default_rng(0)
    features = np.eye(3)[targets] + rng.normal(0, 0.1, (30, 3))
    assert probe(features, targets, train, test) == 1
    assert probe(rng.normal(size=(30, 3)), targets, train, test) < 0.9


def test_probe_averages_over_the_classes():
    """Four images of one class count as much as a single image of another."""
    targets = np.array([0, 1, 0, 0, 0, 0, 1])
    features = np.array([[1, 0.1], [0.1, 1], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    assert probe(features, targets, np.array([0, 1]), np.arange(2, 7)) == pytest.approx((3 / 4 + 1) / 2)


def test_transfer(classifier_folder, tmp_path):
    for color in ("red", "lime"):
        for index in range(4):
            path = tmp_path / color / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (40, 30 + index), color).save(path)
    sizes = ["--train-per-class", "2", "--test-per-class", "2", "--splits", "2"]
    command = ["transfer", "--data", str(tmp_path), "--engine", "cfn", *sizes]
    report = main([*command, "--weights", str(classifier_folder)])
    assert report.metrics["cfn, main feature"]["accuracy"] == 1
    assert report.metrics["cfn, fused feature"] == {"accuracy": 1.0, "deviation": 0.0}


@pytest.fixture
def segmentation_set(tmp_path):
    """Two images with a person and a horse, and class maps that are wrong in one row."""
    ids = np.zeros((40, 60), np.uint8)
    ids[10:30, 10:30], ids[10:30, 30:50] = VOC_CLASSES.index("person"), VOC_CLASSES.index("horse")
    wrong = ids.copy()
    wrong[10] = 0
    for name in "ab":
        for folder, content in (("labels/val", ids), ("maps", wrong)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(tmp_path / folder / f"{name}.png")
        (tmp_path / "images/val").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), "grey").save(tmp_path / "images/val" / f"{name}.jpg")
    return tmp_path


def test_segmentation(segmentation_set, tmp_path):
    config = {"labels": VOC_CLASSES, "background": 0, "size": 64}
    folder = weights.save(with_random_weights(FCFN()), tmp_path / "fcfn", config=config)
    command = ["segmentation", "--data", str(segmentation_set), "--engine", "fcfn", "--weights", str(folder)]
    maps, path = ["--maps", str(segmentation_set / "maps")], tmp_path / "report.json"
    report = main([*command, *maps, "--json", str(path)])
    metrics = report.metrics["maps"]
    assert metrics["person"] == pytest.approx(19 / 20)
    assert metrics["background"] == pytest.approx(1600 / 1640)
    assert metrics["pixel_accuracy"] == pytest.approx(1 - 40 / 2400)
    assert json.loads(path.read_text())["benchmark"] == "segmentation"
    part = main([*command, *maps, "--classes", "person", "horse"])
    assert part.metrics["maps"]["mIoU"] == pytest.approx(19 / 20)
    assert "background" not in part.metrics["maps"]
    with pytest.raises(SystemExit):
        main([*command, "--classes", "unicorn"])


def test_speed(classifier_folder, image_folder):
    command = ["speed", "--data", str(image_folder), "--engine", "cfn", "--limit", "2"]
    metrics = main([*command, "--weights", str(classifier_folder)]).metrics["cfn"]
    assert metrics["images_per_second"] * metrics["ms_per_image"] == pytest.approx(1000)


@pytest.mark.parametrize("recipe", fusion.RECIPES)
def test_comparison_of_fusions_reads_results_of_earlier_runs(recipe, tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 120), ("test", 20)):
        for name, color in (("a", 40), ("b", 200)):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for index in range(count // 2):
                pixels = rng.integers(color - 30, color + 30, (32, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    command = ["fusion", "--data", str(tmp_path), "--out", str(tmp_path / "runs"), "--recipe", recipe]
    options = ["--kinds", "none", "lc", "--seeds", "1", "--width", "0.05", "--epochs", "2"]
    report = main([*command, *options])
    assert report.metrics.keys() == {"plain", "locally connected"}
    assert report.items == 20
    path = tmp_path / "runs" / f"{recipe}-lc-0" / "result.json"
    assert json.loads(path.read_text())["error"] == report.metrics["locally connected"]["error"]
    path.write_text('{"error": 0.125}')
    resumed = main([*command, *options])
    assert resumed.metrics["locally connected"]["error"] == 0.125
    assert resumed.metrics["plain"] == report.metrics["plain"]


def test_optimizer_has_the_published_factors():
    network = CFNCifar(width=0.1)
    groups = fusion.build_optimizer(network, "published").param_groups
    rates = {name: group for (name, _), group in zip(network.named_parameters(), groups, strict=True)}
    assert rates["stage1.0.0.weight"]["lr"] == 0.1
    assert rates["stage1.0.0.bias"]["lr"] == 0.2
    assert rates["stage1.0.0.bias"]["weight_decay"] == 0
    assert rates["fusion.weight"]["lr"] == pytest.approx(0.01)
    assert rates["fusion.bias"]["lr"] == pytest.approx(0.02)


def test_augmented_images_are_shifted_and_mirrored():
    images = torch.zeros(64, 3, 32, 32)
    images[:, :, 16, 10] = 1
    augmented = fusion.augment(images, np.random.default_rng(0))
    positions = {tuple(image[0].nonzero()[0].tolist()) for image in augmented}
    assert augmented.shape == images.shape
    assert len(positions) > 20
    assert all(
        abs(row - 16) <= 4 and min(abs(column - 10), abs(column - 21)) <= 4 for row, column in positions
    )
