"""Distillation: the loss, and views of the same crops for teacher and student."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from shared.core.image_files import read_images
from shared.recognition.training import distillation
from shared.recognition.training.distillation import (
    ViewSettings,
    corrupt,
    distillation_loss,
    random_crop_box,
    sample_views,
)


def test_loss_is_the_divergence_of_softened_outputs():
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * np.log(3.0), 0.0]])
    # At temperature 2 the teacher's probabilities are 3/4 and 1/4, the student's 1/2 and 1/2.
    divergence = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert distillation_loss(student, teacher).item() == pytest.approx(4 * divergence, rel=1e-5)
    loss = distillation_loss(torch.cat([student, teacher]), torch.cat([teacher, teacher]))
    assert loss.item() == pytest.approx(2 * divergence, rel=1e-5)


def test_gradient_points_to_the_teacher_at_every_temperature():
    torch.manual_seed(0)
    student, teacher = torch.randn(4, 10, requires_grad=True), torch.randn(4, 10)
    for temperature in (1.0, 2.0, 5.0):
        (gradient,) = torch.autograd.grad(distillation_loss(student, teacher, temperature), student)
        difference = (student / temperature).softmax(1) - (teacher / temperature).softmax(1)
        torch.testing.assert_close(gradient, difference * temperature / 4)


def test_boxes_have_the_drawn_area_and_aspect():
    rng = np.random.default_rng(0)
    lefts, areas = [], []
    for _ in range(500):
        left, top, right, bottom = random_crop_box((120, 100), rng, min_area=0.3)
        assert 0 <= left < right <= 120
        assert 0 <= top < bottom <= 100
        assert 3 / 4 - 1e-9 <= (right - left) / (bottom - top) <= 4 / 3 + 1e-9
        lefts.append(left)
        areas.append((right - left) * (bottom - top) / (120 * 100))
    assert min(areas) > 0.29
    assert max(areas) > 0.9
    assert max(lefts) > 30


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000)])
def test_boxes_in_long_images_are_cut_off_at_the_border(size):
    rng = np.random.default_rng(0)
    for _ in range(100):
        left, top, right, bottom = random_crop_box(size, rng, min_area=0.3)
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]


def test_corruption_returns_a_new_image_of_the_same_size():
    rng = np.random.default_rng(0)
    view = Image.fromarray(rng.integers(0, 255, (48, 32, 3), np.uint8))
    original, results = view.tobytes(), set()
    for _ in range(60):
        corrupted = corrupt(view, rng)
        assert (corrupted.size, corrupted.mode) == ((32, 48), "RGB")
        results.add(corrupted.tobytes())
    assert view.tobytes() == original
    assert len(results) > 50


@pytest.fixture
def images(image_folder):
    return read_images([image_folder])


def test_seed_determines_the_batch(images):
    settings = ViewSettings(batch=4, student_sizes=(32,), teacher_size=48)
    first, repeated, different = (sample_views(images, settings, seed) for seed in (5, 5, 6))
    assert first[0].shape == (4, 3, 32, 32)
    assert first[1].shape == (4, 3, 48, 48)
    assert all(torch.equal(a, b) for a, b in zip(first, repeated, strict=True))
    assert not torch.equal(first[1], different[1])
    for views in first:
        assert views.dtype == torch.float32
        assert views.min() >= 0
        assert views.max() <= 1


def test_size_is_drawn_for_a_whole_batch(images):
    settings = ViewSettings(batch=2, student_sizes=(16, 24, 32), teacher_size=20)
    sides = {sample_views(images, settings, seed)[0].shape[-1] for seed in range(20)}
    assert sides == {16, 24, 32}


@pytest.mark.parametrize("size", [48, 64, 96])
def test_teacher_and_student_receive_the_same_crops(size, images, monkeypatch):
    monkeypatch.setattr(distillation, "corrupt", lambda view, rng: view)
    student, teacher = sample_views(images, ViewSettings(8, (size,), 48), seed=0)
    if size == 48:
        assert torch.equal(student, teacher)
    student = F.interpolate(student, (48, 48), mode="bilinear", antialias=True)
    assert (student - teacher).abs().mean((1, 2, 3)).max() < 0.03
    assert (student - teacher.roll(1, 0)).abs().mean() > 0.2


def test_teacher_views_are_clean(images, monkeypatch):
    settings = ViewSettings(8, (48,), 48)
    student, clean = sample_views(images, settings, seed=3)
    assert not torch.equal(student, clean)
    monkeypatch.setattr(distillation, "corrupt", lambda view, rng: Image.new("RGB", view.size, "white"))
    white, teacher = sample_views(images, settings, seed=3)
    assert (white == 1).all()
    assert torch.equal(teacher[0], clean[0])


def test_a_fraction_of_the_student_views_is_clean(images):
    student, clean = sample_views(images, ViewSettings(40, (48,), 48, clean_probability=0.5), seed=3)
    identical = (student == clean).flatten(1).all(1)
    assert 10 < identical.sum() < 30
