"""SegFormer as a parser, on a tiny random network of its class: classes, sizes, download, and errors."""

import re

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load, save
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.utils import logging

from shared.core.diffusion import repositories
from shared.core.tiling import working_size
from shared.core.weights import WeightsError
from shared.restyle.engines import PARSERS
from shared.restyle.parsing.classes import ATR_LABELS, NAMES, class_index, classes_of_atr
from shared.restyle.parsing.parser import MAX_SIDE, WORKING_SIDE
from shared.restyle.parsing.segformer import SegformerParser
from tests.core import tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401

ROW = PARSERS["segformer"]


def save_network(folder, labels):
    """Save a tiny network in the layout of the Hub."""
    torch.manual_seed(0)
    logging.disable_progress_bar()
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 4, 8, 8],
        num_attention_heads=[1, 1, 2, 2],
        mlp_ratios=[1, 1, 1, 1],
        decoder_hidden_size=8,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_network(tmp_path_factory.mktemp("segformer"), ATR_LABELS)


@pytest.fixture(scope="module")
def parser(folder):
    return ROW.load(folder=folder, device="cpu")


class Labels(torch.nn.Module):
    """Network whose label is the same everywhere."""

    def __init__(self, number):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()), requires_grad=False)
        self.number = number

    def forward(self, pixel_values):
        logits = torch.zeros(len(pixel_values), len(ATR_LABELS), 8, 8)
        logits[:, self.number] = 20 * self.scale
        return type("Output", (), {"logits": logits})


def test_the_row_says_the_licence_and_the_commit():
    assert ROW.from_hub
    assert re.fullmatch(r"[0-9a-f]{40}", ROW.revision)
    assert ROW.licence == "other"
    assert "research only" in ROW.description
    assert next(iter(PARSERS)) == "outfit"


@pytest.mark.parametrize(("label", "name"), ATR_LABELS.items())
def test_every_label_becomes_its_class(label, name):
    outfit = SegformerParser(Labels(list(ATR_LABELS).index(label)))(Image.new("RGB", (64, 48)))
    assert (outfit.labels == class_index(name)).all()
    assert outfit.probabilities[class_index(name)].min() > 0.99


def test_no_label_is_a_jacket_or_a_sock():
    missing = {NAMES[index] for index in range(len(NAMES))} - {NAMES[index] for index in classes_of_atr()}
    assert missing == {"outerwear", "legwear"}


@pytest.mark.parametrize("size", [(1, 1), (300, 2), (640, 480)])
def test_probabilities_of_images_of_any_size(parser, size):
    outfit = parser(Image.linear_gradient("L").resize(size).convert("RGB"))
    width, height = working_size(size, WORKING_SIDE, MAX_SIDE)
    assert outfit.probabilities.shape == (len(NAMES), height, width)
    assert outfit.probabilities.dtype == np.float32
    np.testing.assert_allclose(outfit.probabilities.sum(0), 1, atol=1e-5)
    assert outfit.mask("top").size == size


def test_the_image_decides(parser):
    gradient = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    first, second = (parser.probabilities(image) for image in (gradient, gradient.rotate(90)))
    assert not np.array_equal(first, second)


@pytest.fixture
def repository(folder, tmp_path, monkeypatch):
    """Return the repository on a local Hub, with a second set of weights that is not fetched."""
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        files = tiny_pipelines.files_of(folder) | {"pytorch_model.bin": b"a pickle", "handler.py": b"code"}
        repository = server.add(ROW.weights, files)
        repository.revision = ROW.revision
        repository.server = server
        yield repository


def sentence():
    """Return the sentence of the error that loading must raise."""
    with pytest.raises(WeightsError) as caught:
        ROW.load(device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_network_is_downloaded_once(repository, monkeypatch):
    assert ROW.load(device="cpu")(Image.new("RGB", (64, 64))).labels.shape == (288, 288)
    fetched = "\n".join(repository.server.requests)
    assert "model.safetensors" in fetched
    assert ".bin" not in fetched
    assert ".py" not in fetched
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    ROW.load(device="cpu")


def test_without_a_network(repository, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    missing = f"{ROW.weights} is not on this machine and 127.0.0.1 cannot be reached"
    assert sentence() == f"{missing}: check the network."


def test_a_missing_package(repository, monkeypatch):
    monkeypatch.setattr(repositories.importlib.util, "find_spec", lambda name: None)
    assert "pip install image-spaces[hub]" in sentence()


def test_weights_that_lack_a_part(repository):
    tensors = load(repository.files["model.safetensors"])
    del tensors["decode_head.classifier.weight"]
    repository.files["model.safetensors"] = save(tensors, {"format": "pt"})
    assert "is no SegformerForSemanticSegmentation, or only a part of it" in sentence()


def test_other_labels(tmp_path):
    other = save_network(tmp_path / "other", ("wall", "floor"))
    with pytest.raises(WeightsError, match="2 labels in place of 18"):
        ROW.load(folder=other, device="cpu")
