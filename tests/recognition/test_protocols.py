"""Recognition's benchmarks: each command on a few pictures, and the parts that can be checked by hand."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.recognition.benchmark import main
from shared.recognition.benchmarks import fusion
from shared.recognition.benchmarks.accuracy import scores
from shared.recognition.benchmarks.agreement import CONDITIONS
from shared.recognition.benchmarks.familiarity import spread
from shared.recognition.benchmarks.transfer import probe, split
from shared.recognition.data.caltech import PARTNERS
from shared.recognition.data.datasets import VOC_CLASSES
from shared.recognition.training.teacher import Teacher
from tests.predictors import lively


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory):
    names = sorted({name for names in PARTNERS.values() for name in names})
    labels = names + [f"class {number}" for number in range(1000 - len(names))]
    network = lively(CFN(prototypes=2))
    network.prototypes.normal_()
    return weights.save(network, tmp_path_factory.mktemp("cfn"), config={"labels": labels, "size": 64})


def test_an_unknown_benchmark_lists_all():
    with pytest.raises(SystemExit, match="benchmark agreement"):
        main(["nothing"])


def test_the_teacher_agrees_with_itself(photo_folder, teacher_file, tmp_path):
    teacher = Teacher(teacher_file)
    names = sorted({name for names in PARTNERS.values() for name in names})
    config = {"labels": names + [f"class {number}" for number in range(1000 - len(names))]}
    network = teacher.start(CFN(fusion="none"))
    folder = weights.save(network, tmp_path / "same", config=config, half=False)
    command = ["agreement", "--data", str(photo_folder), "--teacher", str(teacher_file)]
    report = main([*command, "--weights", str(folder), "--limit", "2"])
    assert report.items == 2
    assert report.metrics["cfn"] == report.metrics["teacher itself"]
    assert report.metrics["cfn"]["clean"] == 1
    assert report.metrics["cfn"].keys() == CONDITIONS.keys()
    assert report.command.startswith("python -m shared.recognition.benchmark agreement --data ")


def test_scores_of_answers():
    logits = torch.tensor([[9.0, 0, 0, 0, 0, 0, 0], [6, 5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5, 6]])
    right = torch.zeros(3, 7, dtype=torch.bool)
    right[0, 0] = right[1, 4] = right[2, 0] = True
    found = scores(logits, right, 1.0)
    assert found["top1"] == pytest.approx(1 / 3)
    assert found["top5"] == pytest.approx(2 / 3)
    assert found["ECE"] == found["ECE_without_temperature"]


def test_accuracy_and_familiarity(classifier_folder, photo_folder, teacher_file, tmp_path):
    for name in ("pizza", "ant"):
        for number in range(4):
            path = tmp_path / "caltech" / name / f"image_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (90 * number, 0, 0)).save(path)
    engine = ["--weights", str(classifier_folder)]
    report = main(["accuracy", "--data", str(tmp_path / "caltech"), "--first", "2", *engine])
    assert report.items == 2
    assert 0 <= report.metrics["cfn"]["top1"] <= report.metrics["cfn"]["top5"] <= 1
    sets = ["--data", str(photo_folder), "--others", str(tmp_path / "caltech"), "--names", "noise", "plain"]
    report = main(["familiarity", *sets, "--each", "2", "--teacher", str(teacher_file), *engine])
    assert report.items == 4
    assert report.metrics["noise"].keys() == {"norm", "distance", "alarm", "agreement"}
    agreements = [report.metrics[name]["agreement"] for name in ("noise", "plain")]
    foretold = any(0 < value < 1 for value in agreements) or agreements[0] != agreements[1]
    assert ("rank correlation with agreement" in report.metrics) == foretold


def test_photos_are_spread_over_the_set():
    assert spread(list(range(10)), 4) == [0, 3, 6, 9]
    assert spread([1, 2], 5) == [1, 2]


def test_splits_and_probes():
    targets = np.repeat([0, 1, 2], 10)
    train, test = split(targets, 4, 3, seed=0)
    assert not set(train) & set(test)
    assert np.bincount(targets[train]).tolist() == [4, 4, 4]
    assert np.bincount(targets[test]).tolist() == [3, 3, 3]
    x = np.eye(3)[targets] + np.random.default_rng(0).normal(0, 0.1, (30, 3))
    assert probe(x, targets, train, test) == 1
    assert probe(np.random.default_rng(0).normal(size=(30, 3)), targets, train, test) < 0.9


def test_transfer(classifier_folder, tmp_path):
    for color in ("red", "lime"):
        for number in range(4):
            path = tmp_path / color / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (40, 30 + number), color).save(path)
    sizes = ["--per-class", "2", "--most", "2", "--splits", "2"]
    command = ["transfer", "--data", str(tmp_path), "--engine", "cfn", *sizes]
    report = main([*command, "--weights", str(classifier_folder)])
    assert report.metrics["cfn, main feature"]["accuracy"] == 1
    assert report.metrics["cfn, fused feature"] == {"accuracy": 1.0, "deviation": 0.0}


@pytest.fixture
def masks(tmp_path):
    """Two photos with a person and a horse, and maps that are right in all but one row."""
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


def test_segmentation(masks, tmp_path):
    config = {"labels": VOC_CLASSES, "background": 0, "size": 64}
    folder = weights.save(lively(FCFN()), tmp_path / "fcfn", config=config)
    command = ["segmentation", "--data", str(masks), "--engine", "fcfn", "--weights", str(folder)]
    target = tmp_path / "report.json"
    report = main([*command, "--maps", str(masks / "maps"), "--json", str(target)])
    found = report.metrics["maps"]
    assert found["person"] == pytest.approx(19 / 20)
    assert found["background"] == pytest.approx(1600 / 1640)
    assert found["pixel_accuracy"] == pytest.approx(1 - 40 / 2400)
    assert json.loads(target.read_text())["benchmark"] == "segmentation"
    only = main([*command, "--maps", str(masks / "maps"), "--classes", "person", "horse"])
    assert only.metrics["maps"]["mIoU"] == pytest.approx(19 / 20)
    assert "background" not in only.metrics["maps"]
    with pytest.raises(SystemExit):
        main([*command, "--classes", "unicorn"])


def test_speed(classifier_folder, photo_folder):
    command = ["speed", "--data", str(photo_folder), "--engine", "cfn", "--limit", "2"]
    report = main([*command, "--weights", str(classifier_folder)])
    found = report.metrics["cfn"]
    assert found["images_per_second"] * found["ms_per_image"] == pytest.approx(1000)


@pytest.mark.parametrize("recipe", fusion.RECIPES)
def test_fusions_are_compared_and_runs_are_kept(recipe, tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 120), ("test", 20)):
        for name, color in (("a", 40), ("b", 200)):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for number in range(count // 2):
                pixels = rng.integers(color - 30, color + 30, (32, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    command = ["fusion", "--data", str(tmp_path), "--out", str(tmp_path / "runs"), "--recipe", recipe]
    options = ["--kinds", "none", "lc", "--seeds", "1", "--width", "0.05", "--epochs", "2"]
    report = main([*command, *options])
    assert report.metrics.keys() == {"plain", "locally connected"}
    assert report.items == 20
    kept = json.loads((tmp_path / "runs" / f"{recipe}-lc-0" / "result.json").read_text())
    assert kept["error"] == report.metrics["locally connected"]["error"]
    (tmp_path / "runs" / f"{recipe}-lc-0" / "result.json").write_text('{"error": 0.125}')
    again = main([*command, *options])
    assert again.metrics["locally connected"]["error"] == 0.125
    assert again.metrics["plain"] == report.metrics["plain"]


def test_published_factors_of_the_optimizer():
    network = fusion.CFNCifar(width=0.1)
    groups = fusion.optimizer_for(network, "published").param_groups
    rates = {name: group for (name, _), group in zip(network.named_parameters(), groups, strict=True)}
    assert rates["stage1.0.0.weight"]["lr"] == 0.1
    assert rates["stage1.0.0.bias"]["lr"] == 0.2
    assert rates["stage1.0.0.bias"]["weight_decay"] == 0
    assert rates["fusion.weight"]["lr"] == pytest.approx(0.01)
    assert rates["fusion.bias"]["lr"] == pytest.approx(0.02)


def test_augmented_pictures_are_moved_and_mirrored():
    x = torch.zeros(64, 3, 32, 32)
    x[:, :, 16, 10] = 1
    moved = fusion.augment(x, np.random.default_rng(0))
    places = {tuple(one[0].nonzero()[0].tolist()) for one in moved}
    assert moved.shape == x.shape
    assert len(places) > 20
    assert all(abs(row - 16) <= 4 and min(abs(column - 10), abs(column - 21)) <= 4 for row, column in places)
