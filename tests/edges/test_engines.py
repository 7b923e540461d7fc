"""Rows of the engine table."""

import numpy as np
import pytest
import torch
from huggingface_hub import metadata_load
from PIL import Image

from shared.core.engines import Engine, table
from shared.core.weights import ROOT
from shared.edges.backend import EdgeBackend
from shared.edges.detector import EdgeDetector
from shared.edges.engines import ENGINES
from shared.edges.network_backend import NetworkBackend

WITH_WEIGHTS = [engine for engine in ENGINES.values() if engine.weights]


class Brightness(EdgeBackend):
    """A new detector: the brightness of each pixel."""

    threshold = 0.25

    def edge_maps(self, image: Image.Image) -> torch.Tensor:
        gray = np.asarray(image.convert("L"), np.float32) / 255
        return torch.from_numpy(gray).expand(6, -1, -1)


def test_a_new_engine_is_a_class_and_a_row(monkeypatch):
    row = Engine(name="new", title="New", description="brightness", load=lambda **_: Brightness())
    monkeypatch.setattr(EdgeDetector, "ENGINES", table(*ENGINES.values(), row))
    edges = EdgeDetector.load("new")(Image.new("RGB", (30, 20), (51, 51, 51)))
    assert (edges.engine, edges.threshold, edges.size) == ("new", 0.25, (30, 20))
    np.testing.assert_allclose(edges.soft, 0.2)


@pytest.mark.parametrize("engine", WITH_WEIGHTS, ids=lambda engine: engine.name)
def test_rows_agree_with_weights_and_card(engine):
    card = metadata_load(ROOT / "weights" / engine.weights / "README.md")
    backend = engine.load(device="cpu")
    assert isinstance(backend, NetworkBackend)
    assert engine.licence == card["license"]
    assert engine.parameters == sum(weight.numel() for weight in backend.network.parameters())


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_menu_texts_fit_a_phone(engine):
    assert len(engine.title) <= 32
    assert len(engine.description) <= 80
