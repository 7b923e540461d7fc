"""The teacher, and the pupil that starts from it."""

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


def test_the_teacher_has_a_thousand_classes_and_no_background(teacher, teacher_file, views):
    given = load_file(teacher_file)
    assert torch.equal(teacher.classifier.weight, given["classifier.weight"][1:].float())
    assert torch.equal(teacher.classifier.bias, given["classifier.bias"][1:].float())
    with torch.inference_mode():
        answers = teacher(views)
    assert answers.shape == (2, 1000)
    assert answers.isfinite().all()
    assert not torch.allclose(answers[0], answers[1])


def test_the_teacher_does_not_learn(teacher):
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.dtype == torch.float32 for parameter in teacher.parameters())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_pupil_starts_with_the_teachers_answers(fusion, teacher, views):
    """With side branches of weight 0 they agree to the last bit."""
    network = teacher.start(CFN(fusion=fusion)).eval()
    with torch.inference_mode():
        expected = teacher(views)
        if fusion in ("lc", "conv"):
            network.fusion.weight[1:] = 0
        for side in network.sides if fusion == "sum" else ():
            side.weight.zero_()
            side.bias.zero_()
        assert torch.equal(network(views), expected)


def test_a_pupil_has_weights_of_its_own(teacher):
    network = teacher.start(CFN())
    before = teacher.classifier.weight.clone()
    with torch.no_grad():
        network.classifier.weight.zero_()
    assert torch.equal(teacher.classifier.weight, before)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_pupil_with_other_classes_is_refused(teacher):
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        teacher.start(CFN(classes=10))


def test_a_file_without_the_teachers_layers_says_which(teacher_file, tmp_path):
    given = load_file(teacher_file)
    del given["head.bias"]
    save_file(given, tmp_path / "headless.safetensors")
    with pytest.raises(KeyError, match=r"head\.bias"):
        Teacher(tmp_path / "headless.safetensors")
