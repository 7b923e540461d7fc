"""Random crops: image and labels stay aligned."""

import numpy as np
import torch

from shared.edges.training.crops import Example, ExampleSource, sample_batch


def example(soft=False):
    """A white disc on black, labelled as such."""
    rows, columns = np.mgrid[:90, :120]
    disc = (rows - 45) ** 2 + (columns - 60) ** 2 < 30**2
    image = (disc[..., None] * np.array([255, 255, 255])).astype(np.uint8)
    return Example(image, (disc * (255 if soft else 1)).astype(np.uint8)[None], soft=soft)


def test_the_seed_decides_the_batch():
    sources = [ExampleSource([example(), example(soft=True)], 4)]
    first, repeated, different = (sample_batch(sources, size=32, seed=s) for s in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first, repeated, strict=True))
    assert not torch.equal(first[0], different[0])


def test_labels_move_with_their_pixels():
    images, targets, soft = sample_batch([ExampleSource([example()], 16)], size=64, seed=0)
    assert images.shape == (16, 3, 64, 64)
    assert targets.shape == (16, 6, 64, 64)
    assert not soft.any()
    bright = images.mean(1) > 0.35
    agreement = (bright == (targets[:, 5] == 1)).float().mean()
    assert agreement > 0.97
    assert set(targets.unique().tolist()) <= {0.0, 1.0}


def test_a_batch_mixes_labels_and_strengths():
    images, targets, soft = sample_batch(
        [ExampleSource([example()], 1), ExampleSource([example(soft=True)], 3)], size=48, seed=1
    )
    assert len(images) == 4
    assert soft.tolist() == [False, True, True, True]
    assert targets.min() >= 0
    assert targets.max() <= 1


def test_images_smaller_than_the_crop_are_mirrored():
    tiny = Example(np.full((5, 7, 3), 200, np.uint8), np.ones((1, 5, 7), np.uint8))
    images, targets, _ = sample_batch([ExampleSource([tiny], 2)], size=64, seed=3)
    assert images.min() > 0
    assert (targets == 1).all()
