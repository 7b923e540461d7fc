"""The teacher, and the student that starts with its weights."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.networks.cfn import CFN
from shared.networks.layers import FUSIONS
from shared.recognition.training.teacher import Teacher


@pytest.fixture(scope="module")
def teacher(teacher_file):
    return Teacher(teacher_file)


@pytest.fixture(scope="module")
def views():
    torch.manual_seed(0)
    return torch.rand(2, 3, 224, 224)


def test_teacher_has_a_thousand_classes_and_no_background(teacher, teacher_file, views):
    tensors = load_file(teacher_file)
    assert torch.equal(teacher.classifier.weight, tensors["classifier.weight"][1:].float())
    assert torch.equal(teacher.classifier.bias, tensors["classifier.bias"][1:].float())
    with torch.inference_mode():
        logits = teacher(views)
    assert logits.shape == (2, 1000)
    assert logits.isfinite().all()
    assert not torch.allclose(logits[0], logits[1])


def test_teacher_is_frozen(teacher):
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.dtype == torch.float32 for parameter in teacher.parameters())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_student_starts_with_the_teachers_outputs(fusion, teacher, views):
    """With side branches of weight 0 they agree to the last bit."""
    student = teacher.initialize(CFN(fusion=fusion)).eval()
    with torch.inference_mode():
        expected = teacher(views)
        if fusion in ("lc", "conv"):
            student.fusion.weight[1:] = 0
        for side in student.sides if fusion == "sum" else ():
            side.weight.zero_()
            side.bias.zero_()
        assert torch.equal(student(views), expected)


def test_student_has_weights_of_its_own(teacher):
    student = teacher.initialize(CFN())
    before = teacher.classifier.weight.clone()
    with torch.no_grad():
        student.classifier.weight.zero_()
    assert torch.equal(teacher.classifier.weight, before)
    assert all(parameter.requires_grad for parameter in student.parameters())


def test_student_with_different_classes_is_refused(teacher):
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        teacher.initialize(CFN(classes=10))


def test_file_without_a_layer_is_refused_by_name(teacher_file, tmp_path):
    tensors = load_file(teacher_file)
    del tensors["head.bias"]
    save_file(tensors, tmp_path / "headless.safetensors")
    with pytest.raises(KeyError, match=r"head\.bias"):
        Teacher(tmp_path / "headless.safetensors")
