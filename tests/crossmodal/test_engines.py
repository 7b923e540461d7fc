"""Rows of engines, and a new engine from the Hub as one class and one row."""

import inspect

import numpy as np
import pytest

from shared.core import weights
from shared.core.engines import Engine, table
from shared.core.front_matter import read_licence
from shared.crossmodal.embedders import loading
from shared.crossmodal.embedders.embedder import MatchCalibration
from shared.crossmodal.embedders.hub_embedder import HubEmbedder
from shared.crossmodal.engines import (
    CLASSIFIERS,
    ENGINES,
    ENSEMBLE,
    JOINT_WEIGHTS,
    OFFLINE_ENGINES,
    OPEN_WEIGHTS,
)
from shared.crossmodal.search import CrossModalSearch, Query
from shared.gallery.index import MismatchError
from shared.networks.cfn import CFN
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.color_embedder import ColorEmbedder, color_image


class HueEmbedder(HubEmbedder):
    """Model from the Hub: the mean color of an image."""

    def __init__(self):
        super().__init__("hue", fingerprint=5, on_cpu=True)
        self.colors = ColorEmbedder()

    @classmethod
    def load(cls, *, folder=None, device=None, allow_hub=False):
        return cls()

    def encode_images(self, images):
        return np.stack([row["picture"] for row in self.colors.describe(images)])

    def embed_regions(self, image, engine):
        return self.colors.embed_regions(image, engine)

    def embed_texts(self, texts, engine):
        return self.colors.embed_texts(texts, engine)

    def calibration(self, engine):
        return MatchCalibration(20, -12)


HUE = Engine("hue", "Colors", "A network of the Hub.", HueEmbedder.load, "someone/hue", from_hub=True)


@pytest.fixture
def gallery():
    """Gallery that another engine has filled."""
    offline = CrossModalSearch(ENSEMBLE, ColorEmbedder())
    offline.add([(name, color_image(name)) for name in ("red", "green", "blue")])
    return offline.gallery


def test_an_engine_from_the_hub_is_one_class_and_one_row(gallery, monkeypatch):
    monkeypatch.setattr(loading, "ENGINES", table(*ENGINES.values(), HUE))
    hue = CrossModalSearch.load("hue")
    results = hue("a red wall", gallery=gallery)
    assert (results.engine, results.hits[0].name, results.good_match) == ("hue", "red", None)
    assert hue.search_by_id(1, gallery=gallery).searched == 3
    assert hue(Query(image=color_image("blue")), gallery=gallery).hits[0].name == "blue"
    assert hue.explain("a red wall", 0, gallery).strongest_word.text == "red"
    assert hue.match(color_image("red"), "red").probability > 0.9
    assert hue.describer(color_image("red"), "a red wall\na blue wall").sentences[0].text == "a red wall"
    hue.add([color_image("white")])
    assert hue("white").hits[0].score == pytest.approx(1, abs=1e-2)
    with pytest.raises(MismatchError, match="other weights"):
        hue.add([color_image("white")], gallery)


@pytest.mark.parametrize("engine", [*ENGINES.values(), *CLASSIFIERS.values()], ids=lambda engine: engine.name)
def test_a_row_is_complete(engine):
    assert (engine.title, engine.description) == (engine.title.strip(), engine.description.strip())
    assert len(engine.title) <= 34  # as many as a menu shows on a phone
    assert engine.description.endswith(".")
    assert callable(engine.load)
    inspect.signature(engine.load).bind(folder=None, device=None, allow_hub=False)
    assert engine.licence
    if not engine.from_hub:
        assert engine.licence == read_licence(weights.find(engine.weights))


def count(*items):
    """Return the number of parameters of modules and of single parameters."""
    return sum(
        item.numel() if hasattr(item, "numel") else sum(part.numel() for part in item.parameters())
        for item in items
    )


def test_parameters_are_counted_by_engine():
    spaces = [weights.load(JointSpace, name) for name in (OPEN_WEIGHTS, JOINT_WEIGHTS)]
    recognition = weights.load(CFN, "recognition-lite")
    backbone = count(recognition.base, recognition.head, recognition.classifier)
    total = backbone + sum(map(count, spaces))
    assert ENGINES[ENSEMBLE].parameters == total
    for name in set(OFFLINE_ENGINES) & set(spaces[0].heads):
        unused = [
            part
            for space in spaces
            for head in space.heads
            if head != name
            for part in (space.heads[head], space.temperatures[head])
        ]
        assert ENGINES[name].parameters == total - count(*unused)
    products = weights.load(JointSpace, CLASSIFIERS["jmc"].weights)
    assert CLASSIFIERS["jmc"].parameters == count(products)
