"""Views of photos: the same part for teacher and pupil, and only the pupil's is spoiled."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from shared.recognition.training import views
from shared.recognition.training.views import random_part, sample_views, spoil
from shared.training.datasets import read_images


def test_parts_lie_in_the_picture_and_keep_their_size_and_shape():
    rng = np.random.default_rng(0)
    lefts, shares = [], []
    for _ in range(500):
        left, top, right, bottom = random_part((120, 100), rng, least=0.3)
        assert 0 <= left < right <= 120
        assert 0 <= top < bottom <= 100
        assert 3 / 4 - 1e-9 <= (right - left) / (bottom - top) <= 4 / 3 + 1e-9
        lefts.append(left)
        shares.append((right - left) * (bottom - top) / (120 * 100))
    assert min(shares) > 0.29
    assert max(shares) > 0.9
    assert max(lefts) > 30


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000)])
def test_parts_of_long_pictures_are_cut_at_their_borders(size):
    rng = np.random.default_rng(0)
    for _ in range(100):
        left, top, right, bottom = random_part(size, rng, least=0.3)
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]


def test_spoiling_keeps_size_and_mode_and_leaves_the_original():
    rng = np.random.default_rng(0)
    view = Image.fromarray(rng.integers(0, 255, (48, 32, 3), np.uint8))
    before, seen = view.tobytes(), set()
    for _ in range(60):
        spoiled = spoil(view, rng)
        assert (spoiled.size, spoiled.mode) == ((32, 48), "RGB")
        seen.add(spoiled.tobytes())
    assert view.tobytes() == before
    assert len(seen) > 50


def test_the_seed_decides_the_batch(photo_folder):
    photos = read_images([photo_folder])
    first, again, other = (
        sample_views(photos, batch=4, sizes=(32,), teacher_size=48, seed=seed) for seed in (5, 5, 6)
    )
    assert first[0].shape == (4, 3, 32, 32)
    assert first[1].shape == (4, 3, 48, 48)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    for part in first:
        assert part.dtype == torch.float32
        assert part.min() >= 0
        assert part.max() <= 1


def test_every_size_is_drawn_for_a_whole_batch(photo_folder):
    photos = read_images([photo_folder])
    sides = {
        sample_views(photos, batch=2, sizes=(16, 24, 32), teacher_size=20, seed=seed)[0].shape[-1]
        for seed in range(20)
    }
    assert sides == {16, 24, 32}


@pytest.mark.parametrize("size", [48, 64, 96])
def test_teacher_and_pupil_see_the_same_part(size, photo_folder, monkeypatch):
    monkeypatch.setattr(views, "spoil", lambda view, rng: view)
    photos = read_images([photo_folder])
    pupil, teacher = sample_views(photos, batch=8, sizes=(size,), teacher_size=48, seed=0)
    if size == 48:
        assert torch.equal(pupil, teacher)
    pupil = F.interpolate(pupil, (48, 48), mode="bilinear", antialias=True)
    apart = (pupil - teacher).abs().mean((1, 2, 3))
    assert apart.max() < 0.03
    assert (pupil - teacher.roll(1, 0)).abs().mean() > 0.2


def test_the_teacher_sees_clean_views(photo_folder, monkeypatch):
    photos = read_images([photo_folder])
    pupil, clean = sample_views(photos, batch=8, sizes=(48,), teacher_size=48, seed=3)
    assert not torch.equal(pupil, clean)
    monkeypatch.setattr(views, "spoil", lambda view, rng: Image.new("RGB", view.size, "white"))
    white, teacher = sample_views(photos, batch=8, sizes=(48,), teacher_size=48, seed=3)
    assert (white == 1).all()
    assert torch.equal(teacher[0], clean[0])


def test_a_share_of_the_pupil_s_views_stays_clean(photo_folder):
    photos = read_images([photo_folder])
    pupil, clean = sample_views(photos, batch=40, sizes=(48,), teacher_size=48, seed=3, clean_share=0.5)
    same = (pupil == clean).flatten(1).all(1)
    assert 10 < same.sum() < 30
