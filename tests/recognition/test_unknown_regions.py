"""Regions of none of the classes: the segmenter's doubt, and a classifier that contradicts."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from shared.recognition import unknown_regions
from shared.recognition.benchmarks.unknown import measure_known, measure_others, true_regions
from shared.recognition.data.datasets import VOC_CLASSES
from shared.recognition.segmentation import Segmentation
from shared.recognition.unknown_regions import reject_unknown
from shared.recognition.vocabulary.class_names import class_names, imagenet_names, segment_name

NAMES = class_names(imagenet_names())
LABELS = tuple(map(segment_name, VOC_CLASSES))
DOG, PERSON = LABELS.index("dog"), LABELS.index("person")


class FakeClassifier:
    """Classifier with given probabilities for every image."""

    names = NAMES

    def __init__(self, **probabilities):
        self.sizes = []
        self.probabilities = np.full(1000, 1e-6, np.float32)
        for name, probability in probabilities.items():
            self.probabilities[[entry.name for entry in NAMES].index(name.replace("_", " "))] = probability

    def batch(self, images, top_k):
        self.sizes += [image.size for image in images]
        return [SimpleNamespace(probabilities=self.probabilities) for _ in images]


def segmentation(entropy=0.2, energy=15.0, class_id=DOG, labels=LABELS):
    """A region of a quarter of the image."""
    ids = np.zeros((40, 60), np.uint8)
    ids[:20, :30] = class_id
    values = [np.full(len(labels), value, np.float32) for value in (entropy, energy)]
    image, confidence = Image.new("RGB", (60, 40)), np.full(ids.shape, 0.9, np.float16)
    return Segmentation(image, ids, confidence, labels, 0, "fcfn", entropy=values[0], energy=values[1])


def labels_of(result):
    return [region.label for region in result.regions]


def test_every_class_of_the_segmenter_has_support():
    assert unknown_regions.SUPPORT.keys() == set(LABELS[1:])
    for label in unknown_regions.SUPPORT:
        assert unknown_regions._supporting(NAMES, label).any(), label


def test_sure_regions_remain():
    classifier = FakeClassifier(pug=0.9)
    result = segmentation()
    assert reject_unknown(result, classifier) is result
    assert classifier.sizes == [(31, 26)]  # a square around the region, cut off at the borders


def test_doubtful_regions_are_something_else():
    result = reject_unknown(segmentation(entropy=1.5, energy=9), FakeClassifier(pug=0.3))
    assert labels_of(result) == ["something else (not among the 20 kinds)"]
    assert result.unknown == 21
    assert result.palette()[21].tolist() == [150, 150, 150]


def test_a_sure_classifier_contradicts_animals_alone():
    panda = FakeClassifier(giant_panda=0.99)
    assert labels_of(reject_unknown(segmentation(), panda)) == ["something else (not among the 20 kinds)"]
    person = segmentation(class_id=PERSON)
    assert labels_of(reject_unknown(person, panda)) == ["person"]


def test_other_segmenters_and_empty_images_are_left_alone():
    streets = segmentation(entropy=3, labels=("sky", *LABELS[1:-1], "road"))
    empty = segmentation(class_id=0)
    for result in (streets, empty):
        assert reject_unknown(result, FakeClassifier()) is result


def test_without_the_segmenters_doubt_the_classifier_decides():
    result = segmentation()
    result = Segmentation(result.image, result.ids, result.confidence, LABELS, 0, "other")
    assert labels_of(reject_unknown(result, FakeClassifier(pug=0.1))) == ["dog"]
    assert labels_of(reject_unknown(result, FakeClassifier(giant_panda=0.99))) != ["dog"]


def test_true_regions_have_their_class_in_most_labelled_pixels():
    result = segmentation()
    truth = np.full((40, 60), 255, np.uint8)
    assert true_regions(result, truth) == set()
    truth[:20, :12], truth[:20, 12:20] = DOG, 0
    assert true_regions(result, truth) == {DOG}
    truth[:20, 10:25] = PERSON
    assert true_regions(result, truth) == set()


def test_benchmark_counts_regions_and_claims():
    result = segmentation()
    truth = np.where(result.ids == DOG, DOG, 0).astype(np.uint8)
    image = SimpleNamespace(image=lambda: result.image)
    dataset = SimpleNamespace(images=[image], ids=lambda _: truth)
    run = lambda _: result  # noqa: E731
    pug, panda = FakeClassifier(pug=0.9), FakeClassifier(giant_panda=0.99)
    assert measure_known(run, pug, dataset) == [(1, 0)]
    assert measure_known(run, panda, dataset) == [(1, 1)]
    assert measure_others(run, pug, [image]) == [(True, True)]
    assert measure_others(run, panda, [image]) == [(True, False)]


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (59, 39, 60, 40), (0, 0, 60, 40)])
def test_surroundings_lie_in_the_image(box):
    left, top, right, bottom = unknown_regions._surroundings(box, (60, 40))
    assert 0 <= left < right <= 60
    assert 0 <= top < bottom <= 40
