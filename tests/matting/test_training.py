import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import ImageFile
from shared.evaluation.timing import median_time
from shared.matting import benchmark, train
from shared.matting.benchmarks.overlap import compare, score
from shared.matting.data.ccp import read_ccp
from shared.matting.data.examples import TRUTH, Example, list_examples, store_example
from shared.matting.data.masks import MaskedPhoto, read_voc
from shared.matting.training.batches import ExamplePool, degrade, make_batch, paste
from shared.matting.training.labels import label, select
from shared.matting.training.network import matting_loss
from shared.matting.training.targets import certainty, combine
from shared.training.stages import parse_stages, side_of
from tests.matting.conftest import disc, mixed


def levels(alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(alpha * 255).astype(np.uint8))


@pytest.fixture
def example(tmp_path) -> Example:
    alpha = disc(120, 90, 30)
    image = mixed(alpha, (220, 40, 40), (30, 90, 60))
    return store_example(tmp_path / "examples", "disc", image, {TRUTH: levels(alpha)})


@pytest.fixture
def ccp(tmp_path):
    root = tmp_path / "ccp"
    (root / "photos").mkdir(parents=True)
    (root / "labels").mkdir()
    rows = [("1", "pixel", "train"), ("2", "pixel", "test"), ("3", "image", "train")]
    with (root / "photos.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([("id", "annotation", "split"), *rows])
    alpha = disc(64, 96, 20)
    for name, *_ in rows:
        mixed(alpha, (200, 150, 90), (60, 60, 60)).save(root / "photos" / f"{name}.webp")
        Image.fromarray((alpha > 0.5).astype(np.uint8) * 41).save(root / "labels" / f"{name}.png")
    return root


def test_examples_are_stored_once_and_listed(example):
    assert [item.path for item in list_examples(example.path.parent)] == [example.path]
    assert example.sources == {TRUTH}
    assert example.name == "examples/disc"
    before = example.path.read_bytes()
    store_example(example.path.parent, "disc", Image.new("RGB", (9, 9)), {"u2netp": Image.new("L", (8, 8))})
    assert example.path.read_bytes() == before
    assert Example(example.path).sources == {TRUTH, "u2netp"}
    assert example.mask(TRUTH, (60, 45)).shape == (45, 60)


def test_folder_without_examples_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no examples"):
        list_examples(tmp_path)


def test_true_masks_beat_teachers():
    truth, teacher = np.eye(8, dtype=np.float32), np.ones((8, 8), np.float32)
    target, weight = combine({"u2netp": teacher, TRUTH: truth})
    assert np.array_equal(target, truth)
    assert (weight == 1).all()


def test_teachers_that_disagree_teach_nothing():
    left, right = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.float32)
    left[:, :8], right[:, 12:] = 1, 1
    assert combine({"u2netp": left, "isnet": right}) is None
    assert combine({"u2netp": left, "isnet": left}) is not None


def test_unsure_pixels_weigh_little():
    mask = disc(60, 60, 20)
    mask[30, 50:54] = 0.5
    target, weight = combine({"u2netp": mask})
    assert weight[30, 30] > 0.9
    assert weight[30, 51] < 0.2
    assert target[30, 30] == 1


def test_photo_without_a_subject_is_background_of_little_weight():
    target, weight = combine({"u2netp": np.full((9, 9), 0.1, np.float32)})
    assert target.max() == 0
    assert 0 < weight.max() < 0.5


def test_certainty_is_none_for_all_or_nothing():
    assert certainty(np.ones((9, 9))) == certainty(np.zeros((9, 9))) == 0


def test_batches_repeat_and_are_in_range(example):
    pool = ExamplePool([[example], [example]], [1, 2])
    batches = [make_batch(pool, 4, 48, np.random.default_rng(3)) for _ in range(2)]
    for first, second in zip(*batches, strict=True):
        assert np.array_equal(first, second)
        assert first.dtype == np.float32
        assert 0 <= first.min() <= first.max() <= 1
    images, targets, weights = batches[0]
    assert images.shape == (4, 3, 48, 48)
    assert targets.shape == weights.shape == (4, 1, 48, 48)
    assert targets.max((1, 2, 3)).min() > 0.5  # every crop keeps the subject


def test_crops_of_image_and_target_agree(example):
    pool = ExamplePool([[example]], [1])
    rng = np.random.default_rng(0)
    for _ in range(5):
        sample = pool.draw(64, rng)
        red = np.asarray(sample.image, float)[..., 0] > 125
        assert (red == (sample.target > 0.5)).mean() > 0.97


def test_pasted_subject_lies_on_the_other_photo(example):
    rng = np.random.default_rng(0)
    pool = ExamplePool([[example]], [1])
    subject = pool.draw(64, rng)
    scene = pool.draw(64, rng)
    pasted = paste(subject, scene, rng)
    inside = subject.target > 0.9
    assert np.array_equal(np.asarray(pasted.image)[inside], np.asarray(subject.image)[inside])
    assert (pasted.target[inside] > 0.9).all()


def test_degraded_photos_stay_in_range():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
    for _ in range(30):
        values = degrade(image, rng)
        assert values.shape == (3, 32, 32)
        assert values.dtype == np.float32
        assert 0 <= values.min() <= values.max() <= 1


def test_loss_is_least_for_the_right_mask_and_ignores_weightless_pixels():
    target = torch.rand(2, 1, 16, 16).round()
    right, wrong = (target * 2 - 1) * 9, (1 - 2 * target) * 9
    whole = torch.ones_like(target)
    assert matting_loss(right, target, whole) < 0.01
    assert matting_loss(wrong, target, whole) > 5
    assert matting_loss(wrong, target, torch.zeros_like(target)) == 0


def test_stages_follow_each_other():
    stages = parse_stages("3:192,2:256")
    assert [side_of(step, stages) for step in range(7)] == [192, 192, 192, 256, 256, 256, 256]


class SquareTeacher:
    """Finds a square in the middle of every image."""

    calls = 0

    def __call__(self, image: Image.Image) -> Image.Image:
        self.calls += 1
        mask = np.zeros((320, 320), np.uint8)
        mask[80:240, 80:240] = 255
        return Image.fromarray(mask)


def test_labels_are_made_once(tmp_path):
    (tmp_path / "set").mkdir()
    path = tmp_path / "set" / "Photo 1.png"
    Image.new("RGB", (64, 48), "red").save(path)
    first, second = SquareTeacher(), SquareTeacher()
    for ask_second in (False, True, True):
        label(ImageFile(path), {"u2netp": first, "isnet": second}, ask_second, tmp_path / "out")
    assert (first.calls, second.calls) == (1, 1)
    (example,) = list_examples(tmp_path / "out")
    assert example.path.stem == "set-photo-1"
    assert example.sources == {"u2netp", "isnet"}


def test_selection_is_random_and_repeats(tmp_path):
    files = [ImageFile(tmp_path / f"{number}.jpg") for number in range(20)]
    first = select(files, 5, seed=1)
    assert first == select(files, 9, seed=1)[:5]
    assert first != files[:5]


def test_ccp_reader_takes_labelled_photos_of_a_split(ccp):
    (photo,) = read_ccp(ccp, "train")
    assert photo.image().size == (64, 96)
    assert set(np.unique(photo.mask())) == {0, 1}
    with pytest.raises(ValueError, match="no split"):
        read_ccp(ccp, "val")
    with pytest.raises(FileNotFoundError, match=r"photos\.tsv"):
        read_ccp(ccp / "labels", "train")


def test_void_pixels_do_not_count(tmp_path):
    labels = np.array([[0, 12, 255]], np.uint8)
    Image.fromarray(labels).save(tmp_path / "labels.png")
    assert MaskedPhoto(tmp_path / "photo.jpg", tmp_path / "labels.png").mask().tolist() == [[0, 1, 255]]
    with pytest.raises(FileNotFoundError):
        read_voc(tmp_path, "val")


def test_truths_become_examples(ccp, tmp_path):
    train.main(["truths", "--data", str(ccp), "--out", str(tmp_path / "examples")])
    (example,) = list_examples(tmp_path / "examples")
    assert example.sources == {TRUTH}
    assert example.mask(TRUTH, (64, 96))[48, 32] == 1


def test_comparison_scores_a_perfect_and_an_empty_mask():
    truth = np.zeros((10, 10), np.uint8)
    truth[2:6, 2:6] = 1
    assert compare(truth.astype(np.float32), truth) == {"IoU": 1.0, "MAE": 0.0}
    assert compare(np.zeros((10, 10)), truth)["IoU"] == 0
    assert compare(np.zeros((10, 10)), np.zeros((10, 10), np.uint8)) == {"IoU": 1.0, "MAE": 0.0}


def test_overlap_benchmark_writes_a_report(ccp, tmp_path, monkeypatch, untrained):
    monkeypatch.setattr(
        "shared.matting.benchmarks.overlap.SubjectMatting.load", lambda *args, **options: untrained
    )
    path = tmp_path / "report.json"
    benchmark.main(["overlap", "--data", str(ccp), "--set", "ccp", "--json", str(path)])
    report = json.loads(path.read_text())
    assert report["items"] == 1
    assert set(report["metrics"]["ours"]) == {"IoU", "median_IoU", "MAE"}


def test_score_takes_the_mean_over_photos(ccp):
    photos = read_ccp(ccp, "test")
    metrics = score(photos, {"all": lambda image: np.ones((96, 64), np.float32)})
    share = (photos[0].mask() == 1).mean()
    assert metrics["all"]["IoU"] == pytest.approx(share)


def test_median_time_is_not_negative():
    assert min(median_time(lambda: sum(range(100)))) >= 0


@pytest.mark.parametrize("command", [train.main, benchmark.main])
def test_unknown_names_list_the_known_ones(command):
    with pytest.raises(SystemExit, match="matting"):
        command(["paint"])
