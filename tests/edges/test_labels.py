"""Label maps: consensus, relaxation, borders of regions."""

import numpy as np
import pytest

from shared.edges.training.labels import (
    EDGE,
    NO_EDGE,
    RELAXED,
    canny_relaxed,
    consensus,
    region_borders,
    relax,
    soft_relaxed,
)


def lines(*columns, width=40, height=20):
    maps = np.zeros((len(columns), height, width), bool)
    for annotator, column in enumerate(columns):
        maps[annotator, :, column] = True
    return maps


def test_consensus_joins_lines_that_lie_one_pixel_apart():
    truth = consensus(lines(10, 11, 12), votes=3, radius=1)
    assert (truth[:, 11] == EDGE).all()
    assert (truth[:, :9] == NO_EDGE).all()


def test_lines_of_a_minority_are_relaxed():
    truth = consensus(lines(10, 10, 10, 30), votes=3, radius=1)
    assert (truth[:, 10] == EDGE).all()
    assert (truth[:, 30] == RELAXED).all()
    assert set(np.unique(truth[:, 20])) == {NO_EDGE}


def test_consensus_of_fewer_annotators_than_votes_needs_all_of_them():
    assert (consensus(lines(10, 10), votes=3)[:, 10] == EDGE).all()
    assert (consensus(lines(10, 30), votes=3)[:, 10] == RELAXED).all()


def test_consensus_refuses_a_single_map():
    with pytest.raises(ValueError, match=r"\(20, 40\)"):
        consensus(lines(10)[0])


def test_relaxing_never_touches_an_edge():
    labels = np.array([[0, 1, 2, 0]], np.uint8)
    assert relax(labels, np.ones((1, 4), bool)).tolist() == [[2, 1, 2, 2]]
    assert relax(labels, np.zeros((1, 4), bool)).tolist() == labels.tolist()


def test_canny_relaxes_fewer_pixels_the_deeper_the_output():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (80, 80, 3)).astype(np.uint8)
    image[:, 40:] //= 4
    truth = np.zeros((80, 80), np.uint8)
    out = canny_relaxed(truth, image)
    relaxed = (out == RELAXED).sum((1, 2))
    assert out.shape == (6, 80, 80)
    assert (np.diff(relaxed[:5].astype(int)) < 0).all()
    assert (out[5] == truth).all()


def test_soft_detector_relaxes_fewer_pixels_the_deeper_the_output():
    soft = np.linspace(0, 1, 100, dtype=np.float32)[None].repeat(10, 0)
    out = soft_relaxed(np.zeros((10, 100), np.uint8), soft)
    relaxed = (out == RELAXED).sum((1, 2))
    # Levels 0.5, 1, 1.5 times the mean of 0.5; twice the mean is the maximum, 2.5 times is above it.
    assert relaxed.tolist() == [760, 510, 260, 20, 0, 0]


def test_soft_map_must_have_the_shape_of_the_labels():
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(2, 4\)"):
        soft_relaxed(np.zeros((2, 4), np.uint8), np.zeros((3, 4), np.float32))


def test_region_borders_run_through_the_middle_of_the_void_rim():
    classes = np.zeros((5, 20), np.uint8)
    classes[:, 12:] = 15
    classes[:, 8:12] = 255
    out = region_borders(classes, radius=0)
    assert (out[:4, 9] == EDGE).all()
    assert (out[:4, 8] == RELAXED).all()
    assert (out[:4, :8] == NO_EDGE).all()
    assert (out[:4, 12:] == NO_EDGE).all()


def test_an_image_without_classes_is_relaxed():
    assert (region_borders(np.full((3, 3), 255, np.uint8)) == RELAXED).all()
