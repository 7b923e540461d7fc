"""Readers of paired images, label colors and batches."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.evaluation.segmentation import VOID
from shared.translation.data.pairs import read_pairs, resize_image, resized_arrays
from shared.translation.palettes import FACADES, STREETS
from shared.translation.tasks import TASKS
from shared.translation.training.gan_batches import paired_batch, unpaired_batch


def write(path, color, size=(32, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


@pytest.fixture
def streets(tmp_path):
    for index in range(1, 13):
        for split in ("train", "test"):
            write(tmp_path / f"{split}A/{index}.png", (128, 64, 128))
            write(tmp_path / f"{split}B/{index}.png", (index, 0, 0))
    (tmp_path / "testB/3.png").unlink()
    return tmp_path


def test_streets_pair_files_of_one_number_in_numeric_order(streets):
    pairs = [source() for source in read_pairs(TASKS["streets"], streets, "test")]
    assert [pair.name for pair in pairs] == ["1", "2", *map(str, range(4, 13))]
    assert pairs[-1].second.getpixel((0, 0)) == (12, 0, 0)


def test_held_out_pairs_are_not_trained_on(streets):
    names = {
        split: {source().name for source in read_pairs(TASKS["streets"], streets, split)}
        for split in ("train", "val")
    }
    assert len(names["train"]) == len(names["val"]) == 6
    assert not names["train"] & names["val"]


def test_facades_have_the_photo_on_the_left(tmp_path):
    image = Image.new("RGB", (40, 20), "red")
    image.paste((0, 48, 255), (20, 0, 40, 20))
    (tmp_path / "val").mkdir()
    image.save(tmp_path / "val/1.png")
    (source,) = read_pairs(TASKS["facades"], tmp_path, "val")
    pair = source()
    assert pair.first.size == pair.second.size == (20, 20)
    assert pair.first.getpixel((5, 5)) == (0, 48, 255)
    assert pair.second.getpixel((5, 5)) == (255, 0, 0)


def test_faces_hold_out_every_eleventh(tmp_path):
    for index in range(22):
        for kind in ("photos", "sketches"):
            write(tmp_path / kind / "train" / f"f-{index:03}.jpg", "white")
    counts = {split: len(read_pairs(TASKS["faces"], tmp_path, split)) for split in ("train", "val")}
    assert counts == {"train": 20, "val": 2}


def test_missing_data_and_unknown_splits_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no images"):
        read_pairs(TASKS["facades"], tmp_path, "test")
    with pytest.raises(ValueError, match="train, val, test"):
        read_pairs(TASKS["facades"], tmp_path, "dev")


def test_labels_are_resized_without_mixed_colors():
    drawing = Image.fromarray(FACADES.draw(np.arange(144).reshape(12, 12).astype(np.uint8) % 12)).resize(
        (96, 96), Image.Resampling.NEAREST
    )
    small = np.asarray(resize_image(drawing, 37, labels=True))
    assert np.array_equal(FACADES.draw(FACADES.nearest(small)), small)


def test_sizes_of_arrays(streets):
    arrays = resized_arrays(TASKS["streets"], read_pairs(TASKS["streets"], streets, "test")[:2], 20)
    assert [image.shape for pair in arrays for image in pair] == [(20, 20, 3)] * 4


@pytest.mark.parametrize("palette", [FACADES, STREETS])
def test_noise_of_a_lossy_file_does_not_change_the_class(palette):
    generator = np.random.default_rng(0)
    ids = generator.integers(len(palette.classes), size=(20, 20)).astype(np.uint8)
    noisy = palette.draw(ids).astype(int) + generator.integers(-5, 6, size=(20, 20, 3))
    assert np.array_equal(palette.nearest(noisy.clip(0, 255).astype(np.uint8)), ids)


def test_colors_without_a_class_do_not_count():
    black = np.zeros((1, 1, 3), dtype=np.uint8)
    assert STREETS.nearest(black, with_void=True).item() == VOID
    assert STREETS.nearest(black).item() < len(STREETS.classes)


def gradients(count, height=40, width=60):
    """Pairs of an image and itself, each pixel with a color of its own."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return [(image, image) for image in (np.stack([x, y, np.full_like(x, i)], 2) for i in range(count))]


def test_pairs_stay_aligned():
    x, y = paired_batch(gradients(5), batch=8, side=32, seed=3)
    assert x.shape == (8, 3, 32, 32)
    assert torch.equal(x, y)
    assert x.min() >= -1


def test_unpaired_batches_mix_images_and_repeat_with_their_seed():
    batches = [unpaired_batch(gradients(50), batch=8, side=32, seed=seed) for seed in (1, 1, 2)]
    x, y = batches[0]
    assert not torch.equal(x[:, 2], y[:, 2])
    assert torch.equal(x, batches[1][0])
    assert not torch.equal(x, batches[2][0])


def test_half_of_the_crops_are_mirrored():
    x, _ = paired_batch(gradients(1), batch=60, side=32, seed=0)
    mirrored = (x[:, 0, 0, 0] > x[:, 0, 0, -1]).float().mean()
    assert 0.3 < mirrored < 0.7
