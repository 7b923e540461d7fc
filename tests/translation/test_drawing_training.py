import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import ImageFile
from shared.networks.drawing import DrawingNetwork
from shared.translation.data.drawing_examples import drawing_batch, drawing_examples, make_example
from shared.translation.data.drawing_pairs import SIDE, damage, drawing_pairs, pair_batch
from shared.translation.data.drawing_targets import outlines, smooth_tone, strokes
from shared.translation.drawing.lines import DrawingMapper
from shared.translation.training.drawing import drawing_loss, list_photos
from shared.translation.training.drawing_coloring import coloring_loss, split_color


def soft_step(image: Image.Image) -> np.ndarray:
    """Return edges that are strong along the middle column."""
    x = np.arange(image.width) - image.width / 2
    return np.broadcast_to(np.exp(-(x**2) / 8), (image.height, image.width)).astype(np.float32)


@pytest.fixture
def photo(tmp_path) -> ImageFile:
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[:, 50:] = (200, 120, 60)
    path = tmp_path / "photos" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    return ImageFile(path)


def test_outlines_are_thin_lines_on_ridges():
    drawn = outlines(soft_step(Image.new("RGB", (100, 80))))
    assert drawn[40, 50] > 0.9
    assert drawn[40, :44].max() == 0
    assert 1 <= (drawn[40] > 0.5).sum() <= 5


def test_weak_and_short_edges_are_left_out():
    assert outlines(np.full((40, 40), 0.05, np.float32)).max() == 0


def test_strokes_mark_dark_lines_and_no_light_ones():
    gray = np.full((60, 60), 0.6, np.float32)
    gray[20:22], gray[40:42] = 0.2, 1.0
    drawn = strokes(gray)
    assert drawn[20:22, 10:50].min() > 0.3
    assert drawn[40:42, 10:50].max() == 0
    assert drawn[52:].max() == 0


def test_tone_keeps_steps_and_smooths_noise():
    rng = np.random.default_rng(0)
    step = np.where(np.arange(80) < 40, 0.3, 0.8)[None].repeat(60, 0)
    tone = smooth_tone((step + rng.normal(0, 0.03, step.shape)).astype(np.float32))
    assert tone[:, 5:30].std() < 0.012
    assert tone[:, 46:].mean() - tone[:, :34].mean() > 0.42


def test_examples_are_stored_and_read(photo, tmp_path):
    first = drawing_examples([photo], soft_step, tmp_path / "examples")
    second = drawing_examples([photo], None, tmp_path / "examples")
    assert np.array_equal(first[0].maps, second[0].maps)
    assert first[0].maps.shape == (3, 80, 100)


def test_batches_repeat_and_fit_small_photos(photo):
    example = make_example(photo.image(), soft_step)
    batches = [drawing_batch([example], 3, 96, np.random.default_rng(5)) for _ in range(2)]
    for first, second in zip(*batches, strict=True):
        assert np.array_equal(first, second)
        assert first.shape == (3, 3, 96, 96)
        assert first.dtype == np.float32
        assert 0 <= first.min() <= first.max() <= 1


def test_loss_is_least_for_the_right_maps():
    maps = torch.rand(2, 3, 16, 16).round()
    right, wrong = (maps * 2 - 1) * 9, (1 - 2 * maps) * 9
    assert drawing_loss(right, maps) < 0.01 < 5 < drawing_loss(wrong, maps)


def test_folder_without_photos_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no images"):
        list_photos([tmp_path], 3)


def test_pairs_are_stored_and_batched(photo, tmp_path):
    mapper = DrawingMapper(DrawingNetwork().eval())
    pairs = drawing_pairs([photo], mapper, tmp_path / "pairs", 5)
    assert len(pairs) == 1
    assert pairs[0].drawings.shape == (2, SIDE, SIDE)
    again = drawing_pairs([photo], mapper, tmp_path / "pairs", 5)
    assert np.array_equal(pairs[0].drawings, again[0].drawings)
    drawings, photos = pair_batch(pairs, 4, 64, np.random.default_rng(0))
    assert drawings.shape == (4, 1, 64, 64)
    assert photos.shape == (4, 3, 64, 64)
    assert min(drawings.min(), photos.min()) >= 0
    assert max(drawings.max(), photos.max()) <= 1


def test_damage_stays_in_range():
    rng = np.random.default_rng(0)
    drawing = rng.random((40, 40)).astype(np.float32)
    for _ in range(20):
        damaged = damage(drawing, rng)
        assert damaged.shape == drawing.shape
        assert 0 <= damaged.min() <= damaged.max() <= 1


def test_color_is_what_lightness_leaves():
    image = torch.rand(1, 3, 4, 4)
    lightness, color = split_color(image)
    assert torch.allclose(lightness + color, image)
    assert split_color(torch.full((1, 3, 2, 2), 0.4))[1].abs().max() < 1e-6


def test_missing_vivid_colors_cost_more():
    vivid, pale = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    vivid[:, 0], pale[:, 0] = 1.0, 0.6
    losses = [coloring_loss(split_color(image)[0].expand(-1, 3, -1, -1), image) for image in (vivid, pale)]
    assert losses[0] > 10 * losses[1] > 0
    assert coloring_loss(vivid, vivid) == 0
