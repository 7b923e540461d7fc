"""Training of a joint space: stages, resumption, fine-tuning, and the start from trained weights."""

from itertools import count

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from shared.core import weights
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.train import main
from shared.crossmodal.training.feature_cache import region_features
from shared.crossmodal.training.joint_arguments import joint_parser
from shared.crossmodal.training.joint_training import JointTraining
from shared.crossmodal.training.objectives import WarmUp
from shared.crossmodal.training.student import Student, distillation_loss
from shared.crossmodal.training.teacher import TEACHER_DIM
from shared.crossmodal.training.validation import ValidationSet
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.training_options import SMALL

pytestmark = pytest.mark.usefixtures("one_core")

TUNING = ("--tune-steps", "2", "--tune-batch", "4", "--tune-size", "64")
TEXT_WEIGHT = "text.last.1.weight"


@pytest.fixture
def rising_scores(monkeypatch):
    """Scores that rise with every validation, so that a stage of few steps is never discarded."""
    scores = count()
    monkeypatch.setattr(ValidationSet, "__call__", lambda self, student: {"score": float(next(scores))})


@pytest.fixture
def length_teacher(monkeypatch):
    """Teacher whose vectors depend on the length of a text."""
    vectors = np.eye(TEACHER_DIM, dtype=np.float16)
    monkeypatch.setattr(
        "shared.crossmodal.training.inputs.teacher_vectors",
        lambda texts, path: vectors[[len(text) for text in texts]],
    )


@pytest.fixture(scope="module")
def tuned_folder(training_data, tmp_path_factory):
    """Weights of a joint space with a fine-tuned backbone, of which only the last layer was tuned."""
    options = [*SMALL, *TUNING, "--tune-from", "17", "--heads", "rrf", "--warm-steps", "3", "--steps", "0"]
    return main([*training_data, *options, "--out", str(tmp_path_factory.mktemp("tuned"))])


def tuned_text_weight(out):
    """Return the weight of the text encoder at the end of fine-tuning, before any average."""
    checkpoint = torch.load(out / "tune" / "checkpoint.pt", weights_only=True)
    return checkpoint["best_weights"][f"space.{TEXT_WEIGHT}"]


def test_an_interrupted_run_resumes_with_the_same_weights(training_data, tmp_path):
    steps = ["--warm-steps", "6", "--steps", "4", "--heads", "plain", "--validate-every", "2"]
    command = [*training_data, *SMALL, *steps, "--out", str(tmp_path)]
    path = main(command) / weights.WEIGHTS
    before = load_file(path)
    main(command)
    (tmp_path / "match" / "checkpoint.pt").unlink()
    main(command)
    after = load_file(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_stage_that_lowers_the_score_is_discarded(training_data, tmp_path):
    options = [*training_data, *SMALL, "--heads", "plain", "--out", str(tmp_path)]
    run = JointTraining(joint_parser().parse_args(options))
    warm_up = WarmUp()
    student = Student(JointSpace(**run.starting_point.settings))
    student = run.stage("good", student, warm_up, 60, 0.01)
    score = run.validation(student)["score"]
    student = run.stage("bad", student, lambda student, batch: -warm_up(student, batch), 30, 0.1)
    assert run.validation(student)["score"] == score


def test_the_backbone_is_tuned_from_a_block_on(
    training_data, color_folder, recognition_folder, tmp_path, rising_scores
):
    stages = ["--warm-steps", "3", "--steps", "0", *TUNING, "--tune-rate", "0.01", "--frozen-steps", "3"]
    data = ["--texts-per-image", "2", "--mirrored", "--views", "64", "64m"]
    options = [*SMALL, *stages, *data, "--tune-from", "3", "--heads", "itmeetsal"]
    folder = main([*training_data, *options, "--out", str(tmp_path)])
    embedder = load_joint_space(folder=folder)  # needs no recognition network
    start = load_backbone(recognition_folder).network
    blocks = zip(start.base.blocks, embedder.backbone.base.blocks, strict=True)
    for index, (before, after) in enumerate(blocks):
        unchanged = torch.equal(before.project.weight.half(), after.project.weight.half())
        assert unchanged == (index < 3)
        assert torch.allclose(before.project.weight, after.project.weight, atol=0.05)
    assert embedder.config["looks"] == [[64, False], [64, True]]
    # The frozen stage reads region features of the tuned backbone, not of the one at the start.
    cached = np.load(tmp_path / "frozen" / "dev.npy")
    images = [image.image() for image in read_flickr8k(color_folder, "dev").images]
    tuned, untuned = (region_features(backbone, images) for backbone in (embedder.backbone, start))
    assert np.abs(cached - tuned).mean() < 0.2 * np.abs(cached - untuned).mean()  # saved weights are rounded
    names = {path.name for path in (tmp_path / "frozen").glob("*.npy")}
    assert names >= {"train.npy", "train-mirrored.npy"}


def test_a_start_keeps_the_settings_of_its_weights(training_data, tuned_folder, length_teacher, tmp_path):
    options = ["--start", str(tuned_folder), "--width", "24", "--heads", "plain", *TUNING]
    run = JointTraining(joint_parser().parse_args([*training_data, *options, "--out", str(tmp_path)]))
    assert (run.starting_point.settings["width"], run.starting_point.settings["heads"]) == (16, ["rrf"])


def test_the_projection_to_the_teacher_is_fitted_to_a_start(
    training_data, tuned_folder, length_teacher, tmp_path
):
    """Weights leave this layer out."""
    options = ["--start", str(tuned_folder), "--distil", "1", *TUNING, "--out", str(tmp_path)]
    run = JointTraining(joint_parser().parse_args([*training_data, *options]))
    space, pairs = run.starting_point.space, run.pairs
    random, fitted = Student(space), run.fit_projection(Student(space))
    teacher = torch.from_numpy(pairs.teacher).float()
    with torch.no_grad():
        text = space.text(torch.from_numpy(pairs.tokenizer(pairs.data.texts)))
        assert distillation_loss(fitted, text, teacher) < 0.5 * distillation_loss(random, text, teacher)


def test_the_end_is_averaged_with_the_start_and_with_peers(
    training_data, tuned_folder, length_teacher, rising_scores, tmp_path, monkeypatch
):
    """Scores rise with every validation, so that the last mean of all is the best one."""
    monkeypatch.setattr("shared.crossmodal.training.joint_training.START_WEIGHTS", (0.0, 0.8))
    options = [*training_data, "--start", str(tuned_folder), "--distil", "1", *TUNING, "--tune-from", "17"]
    options += ["--tune-rate", "0.05"]  # large steps, so that means of different weights differ
    out = tmp_path / "alone"
    run = JointTraining(joint_parser().parse_args([*options, "--out", str(out)]))
    before = {name: value.clone() for name, value in run.starting_point.space.state_dict().items()}
    after = load_joint_space(folder=run.run()).network.state_dict()
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name].half(), after[name].half())]
    assert any(name.startswith("text.") for name in changed)
    assert not any(name.startswith("base.base.") for name in changed)  # all blocks are frozen
    assert not (out / "warm").exists()
    mean = torch.lerp(tuned_text_weight(out), before[TEXT_WEIGHT], 0.8)
    assert torch.allclose(after[TEXT_WEIGHT], mean, atol=1e-3)
    # The peer is the start itself, so that the mean with it is half of the start before 0.8 are added.
    out = tmp_path / "peers"
    folder = main([*options, "--seed", "1", "--peers", str(tuned_folder), "--out", str(out)])
    mean = torch.lerp(tuned_text_weight(out), before[TEXT_WEIGHT], 1 - (1 - 0.8) / 2)
    assert torch.allclose(load_file(folder / weights.WEIGHTS)[TEXT_WEIGHT].float(), mean, atol=1e-3)


def test_a_start_without_a_backbone_is_an_error(training_data, tmp_path):
    steps = ["--heads", "rrf", "--warm-steps", "3", "--steps", "0"]
    untuned = main([*training_data, *SMALL, *steps, "--out", str(tmp_path / "untuned")])
    with pytest.raises(SystemExit, match="backbone of their own"):
        main([*training_data, "--start", str(untuned), "--out", str(tmp_path / "no")])


@pytest.mark.parametrize(
    "options",
    [["--data", "voc=x"], ["--data", "flickr8k=x", "--heads", "jmc"]],
    ids=["data set", "head"],
)
def test_options_that_do_not_exist_are_an_error(options):
    with pytest.raises(SystemExit):
        main([*options, "--cache", "x", "--out", "x"])
