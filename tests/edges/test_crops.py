"""Random crops keep photo and labels together."""

import numpy as np
import torch

from shared.edges.training.crops import Example, Source, sample_batch


def example(soft=False):
    """White disc on black; the label marks the disc."""
    rows, columns = np.mgrid[:90, :120]
    disc = (rows - 45) ** 2 + (columns - 60) ** 2 < 30**2
    image = (disc[..., None] * np.array([255, 255, 255])).astype(np.uint8)
    return Example(image, (disc * (255 if soft else 1)).astype(np.uint8)[None], soft=soft)


def test_the_seed_decides_the_batch():
    sources = [Source([example(), example(soft=True)], 4)]
    first, again, other = (sample_batch(sources, size=32, seed=s) for s in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_labels_move_with_their_pixels():
    images, targets, soft = sample_batch([Source([example()], 16)], size=64, seed=0)
    assert images.shape == (16, 3, 64, 64)
    assert targets.shape == (16, 6, 64, 64)
    assert not soft.any()
    bright = images.mean(1) > 0.35
    agreement = (bright == (targets[:, 5] == 1)).float().mean()
    assert agreement > 0.97
    assert set(targets.unique().tolist()) <= {0.0, 1.0}


def test_sources_share_a_batch_and_soft_maps_stay_strengths():
    images, targets, soft = sample_batch(
        [Source([example()], 1), Source([example(soft=True)], 3)], size=48, seed=1
    )
    assert len(images) == 4
    assert soft.tolist() == [False, True, True, True]
    assert targets.min() >= 0
    assert targets.max() <= 1


def test_photos_smaller_than_the_crop_are_mirrored_out():
    tiny = Example(np.full((5, 7, 3), 200, np.uint8), np.ones((1, 5, 7), np.uint8))
    images, targets, _ = sample_batch([Source([tiny], 2)], size=64, seed=3)
    assert images.min() > 0
    assert (targets == 1).all()
