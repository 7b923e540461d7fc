"""Engines: their rows are correct, and a new engine is one class and one row."""

import numpy as np
import pytest
import torch

from shared.core import weights
from shared.core.engines import Engine, table
from shared.core.front_matter import read_licence
from shared.core.images import ImageError
from shared.recognition import classifier as classifier_module
from shared.recognition import segmenter as segmenter_module
from shared.recognition.backends import (
    ClassifierBackend,
    ClassifierOutput,
    SegmenterBackend,
    SegmenterOutput,
)
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from shared.recognition.explanation import explain
from shared.recognition.segmenter import Segmenter
from tests.predictors import astronaut

ENGINES = [row for row in (*CLASSIFIERS.values(), *SEGMENTERS.values()) if not row.from_hub]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_parameters_are_those_of_the_network(engine):
    network = engine.load(device="cpu").network
    assert sum(parameter.numel() for parameter in network.parameters()) == engine.parameters


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_licence_is_that_of_the_weights(engine):
    assert engine.licence == read_licence(weights.find(engine.weights))


def test_each_engine_has_its_weights():
    names = {engine.weights for engine in ENGINES}
    assert len(names) == len(ENGINES) - 1  # the plain network is a part of the one with fusion
    assert all(name.startswith("recognition-") for name in names)


def test_the_plain_network_is_the_fused_one_without_its_fusion():
    fused, plain = (CLASSIFIERS[name].load(device="cpu").network for name in ("lite", "plain"))
    assert plain.fusion is None
    for name, value in plain.state_dict().items():
        if name != "prototypes":
            assert torch.equal(value, fused.state_dict()[name]), name


class BrightnessClassifier(ClassifierBackend):
    """Backend without a network, from one brightness to another."""

    labels = ("dark", "bright")
    ood_threshold = 0.5

    def predict(self, images):
        brightness = np.array([np.asarray(image).mean() / 255 for image in images], np.float32)
        probabilities = np.stack([1 - brightness, brightness], 1)
        return ClassifierOutput(probabilities, brightness[:, None], ood_scores=brightness)


class BrightnessSegmenter(SegmenterBackend):
    """Backend without a network, pixel by pixel."""

    labels = ("dark", "bright")
    background = 0

    def predict(self, image):
        ids = (np.asarray(image.convert("L")) > 127).astype(np.uint8)
        return SegmenterOutput(ids, np.ones(ids.shape, np.float16))


def test_new_classifier_is_one_class_and_one_row(monkeypatch):
    calls = []

    def load(**options):
        calls.append(options)
        return BrightnessClassifier()

    row = Engine("brightness", "Brightness", "tells day from night", load=load)
    monkeypatch.setattr(classifier_module.Classifier, "ENGINES", table(*CLASSIFIERS.values(), row))
    classifier = Classifier.load("brightness", device="cpu", allow_hub=True)
    assert calls == [{"folder": None, "device": "cpu", "allow_hub": True}]
    white, black = classifier.batch([np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)], top_k=2)
    assert [prediction.label for prediction in white.predictions] == ["bright", "dark"]
    assert [prediction.label for prediction in black.predictions] == ["dark", "bright"]
    assert (white.engine, white.out_of_distribution, black.out_of_distribution) == ("brightness", True, False)
    assert classifier.find_class("Bright") == 1
    with pytest.raises(ImageError, match="engine brightness cannot explain its answers"):
        explain(classifier, astronaut(8, 8))


def test_new_segmenter_is_one_class_and_one_row(monkeypatch):
    row = Engine("brightness", "Brightness", "tells light from shade", load=lambda **_: BrightnessSegmenter())
    monkeypatch.setattr(segmenter_module.Segmenter, "ENGINES", table(*SEGMENTERS.values(), row))
    image = np.zeros((4, 8), np.uint8)
    image[:, 6:] = 255
    result = Segmenter.load("brightness")(image)
    (region,) = result.regions
    assert (region.label, region.area_fraction, region.box) == ("bright", 0.25, (6, 0, 8, 4))
    assert (result.engine, result.size) == ("brightness", (8, 4))
