"""Figures of the verdicts of a description."""

import numpy as np
import pytest

from shared.crossmodal.benchmarks.describe import (
    choose_probability,
    describe_images,
    is_right,
    verdict_metrics,
)
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.sentences import LIKELY, POSSIBLE
from shared.crossmodal.text.words import word_stems
from tests.crossmodal.color_embedder import ColorEmbedder


def test_endings_do_not_matter():
    assert word_stems("Dogs are jumping") == word_stems("A dog jumped")
    assert word_stems("a bus, a red sea") == {"bus", "red", "sea"}


def test_a_sentence_is_right_if_people_used_its_words():
    captions = ["A brown dog runs.", "The puppy is on grass."]
    assert is_right("Two dogs run on the grass.", captions)
    assert not is_right("A cat sleeps on a sofa.", captions)


def test_each_image_has_one_verdict():
    probabilities = np.array([LIKELY, 0.9, POSSIBLE, 0.0])
    metrics = verdict_metrics(probabilities, np.array([True, False, True, False]))
    assert [row["share"] for row in metrics.values()] == [0.5, 0.25, 0.25]
    assert [row["precision"] for row in metrics.values()] == [0.5, 1, 0]
    assert [row["recall"] for row in metrics.values()] == [0.5, 0.5, 0]


def test_the_lowest_probability_keeps_the_precision():
    probabilities, right = np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])
    assert choose_probability(probabilities, right, 1.0) == pytest.approx(0.21)
    assert choose_probability(probabilities, right, 0.5) == pytest.approx(0.01)
    assert choose_probability(probabilities, np.zeros(4, bool), 1.0) == 1.0


def test_images_are_described_with_the_built_in_sentences(color_folder):
    data = read_flickr8k(color_folder, "dev")
    probabilities, right = describe_images(ColorEmbedder(), data)
    assert probabilities.shape == right.shape == (len(data.images),)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
