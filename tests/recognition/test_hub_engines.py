"""Engines of recognition from the Hub: tiny networks of their classes, with random weights."""

import re
import threading
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load, save
from transformers import Dinov2ForImageClassification, EomtForUniversalSegmentation, EomtImageProcessor

from shared.core.calls import controlled_call
from shared.core.errors import InputError, StoppedError
from shared.core.hub_networks import network as network_module
from shared.core.hub_networks.pixels import network_pixels
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.recognition.classifier import Classifier
from shared.recognition.engines import (
    CLASSIFIERS,
    DINOV2,
    EOMT,
    FINDERS,
    OFFLINE_CLASSIFIERS,
    OFFLINE_SEGMENTERS,
    SEGMENTERS,
    SIGLIP,
)
from shared.recognition.explanation import explain
from shared.recognition.hub.dinov2 import view_box
from shared.recognition.hub.eomt import MAX_SQUARES
from shared.recognition.hub.siglip import PROMPT
from shared.recognition.open_labels import MAX_LABELS, NONE
from shared.recognition.segmenter import Segmenter
from shared.recognition.vocabulary.class_names import imagenet_names
from tests.core import tiny_networks, tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401
from tests.predictors import PredictorTests, astronaut

HUB_ROWS = [row for table in (CLASSIFIERS, SEGMENTERS, FINDERS) for row in table.values() if row.from_hub]


@pytest.fixture(scope="module")
def siglip():
    return Classifier(SIGLIP, CLASSIFIERS[SIGLIP].load(folder=tiny_networks.siglip(), device="cpu"))


@pytest.fixture(scope="module")
def dinov2():
    return Classifier(DINOV2, CLASSIFIERS[DINOV2].load(folder=tiny_networks.dinov2(), device="cpu"))


@pytest.fixture(scope="module")
def eomt():
    return Segmenter(EOMT, SEGMENTERS[EOMT].load(folder=tiny_networks.eomt(), device="cpu"))


@pytest.mark.parametrize("row", HUB_ROWS, ids=lambda row: row.name)
def test_rows_say_what_a_visitor_and_an_operator_need(row):
    assert row.licence in ("apache-2.0", "mit")
    assert row.download_gb
    assert row.published
    assert row.parameters * 4e-9 == pytest.approx(row.download_gb, rel=0.3, abs=0.1)
    assert re.fullmatch(r"[0-9a-f]{40}|refs/pr/\d+", row.revision or "0" * 40)


def test_engines_without_a_download_come_first():
    for table, offline in ((CLASSIFIERS, OFFLINE_CLASSIFIERS), (SEGMENTERS, OFFLINE_SEGMENTERS)):
        assert tuple(table)[: len(offline)] == offline
        assert not any(table[name].from_hub for name in offline)


# --- one's own labels ---------------------------------------------------------------------------------------


def test_labels_are_those_that_the_visitor_wrote(siglip):
    result = siglip(astronaut(64, 48), 3, "red dog, blue cat\nred dog")
    assert {prediction.label for prediction in result.predictions} == {"red dog", "blue cat", NONE}
    assert result.probabilities.sum() == pytest.approx(1)
    assert result.engine == SIGLIP
    assert len(siglip(astronaut(64, 48), 9, ["cat"]).predictions) == 2  # no more than there are


def test_probabilities_are_those_of_the_sigmoid_with_another_prior(siglip):
    image, labels = astronaut(64, 48), ("red dog", "cat")
    towers = siglip.backend.towers
    network, tokenizer = towers.files.network, towers.files.processor
    texts = tokenizer(
        [PROMPT.format(label).lower() for label in labels],
        padding="max_length",
        max_length=9,
        truncation=True,
        return_tensors="pt",
    )
    pixels = network_pixels(
        image, (32, 32), colors=((0.5,) * 3, (0.5,) * 3), resample=Image.Resampling.BILINEAR
    )
    logits = network(input_ids=texts["input_ids"], pixel_values=pixels).logits_per_image[0].detach()
    odds = logits.exp() * (2**15 - 1) / len(labels)
    expected = torch.cat([odds, torch.ones(1)]) / (1 + odds.sum())
    np.testing.assert_allclose(siglip(image, 3, labels).probabilities, expected, rtol=1e-4)


def test_without_labels_it_knows_everyday_kinds(siglip):
    result = siglip(astronaut(64, 48), 20)
    assert len(result.probabilities) == len(siglip.labels) > 100
    assert {"person", "dog", NONE} <= set(siglip.labels)


def test_vectors_of_labels_are_kept(siglip, monkeypatch):
    siglip(astronaut(64, 48), 2, "green cat")
    monkeypatch.setattr(siglip.backend.towers, "encode_texts", None)
    siglip(astronaut(32, 32), 2, "green cat")


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (", ".join(map(str, range(MAX_LABELS + 1))), "At most 100 labels can be compared; these are 101"),
        ("x" * 101, "A label may have 100 letters, and one of these has 101"),
    ],
)
def test_labels_that_cannot_be_used(siglip, labels, sentence):
    with pytest.raises(InputError, match=sentence):
        siglip(astronaut(8, 8), 2, labels)


def test_other_engines_take_no_labels(dinov2):
    with pytest.raises(InputError, match="has classes of its own"):
        dinov2(astronaut(8, 8), 2, "cat")


def test_it_gives_no_reasons(siglip):
    with pytest.raises(ImageError, match="cannot explain its answers"):
        explain(siglip, astronaut(8, 8))


@pytest.mark.parametrize("text", ["", "🐶", "כלב", "dog " * 25])
def test_labels_in_any_language(siglip, text):
    assert siglip(astronaut(8, 8), 1, ["dog", text.strip() or "cat"]).predictions


# --- DINOv2 -------------------------------------------------------------------------------------------------


def test_the_classes_are_those_of_imagenet(dinov2):
    assert dinov2.backend.labels == tuple(imagenet_names())


def test_probabilities_are_those_of_the_network(dinov2):
    image = astronaut(100, 80)
    network = Dinov2ForImageClassification.from_pretrained(tiny_networks.dinov2()).eval()
    pixels = network_pixels(image, (224, 224), view_box(image.size))
    expected = network(pixel_values=pixels).logits.softmax(1)[0].detach()
    np.testing.assert_allclose(dinov2(image).probabilities, expected, atol=1e-5)


def test_contributions_add_up_to_the_score(dinov2):
    image = astronaut(100, 80)
    network = Dinov2ForImageClassification.from_pretrained(tiny_networks.dinov2()).eval()
    pixels = network_pixels(image, (224, 224), view_box(image.size))
    logits = network(pixel_values=pixels).logits[0].detach()
    for class_id in (3, 700):
        explanation = explain(dinov2, image, class_id)
        assert explanation.logit == pytest.approx(float(logits[class_id]), abs=1e-4)
        assert explanation.heatmap.shape == (80, 100)
        assert explanation.heatmap.max() in (0, 1)
    occluded = explain(dinov2, image, 3, "occlusion")
    assert occluded.logit == pytest.approx(float(logits[3]), abs=1e-4)


def test_a_network_with_other_classes_is_refused():
    with pytest.raises(WeightsError, match="has 7 classes in place of ImageNet's 1,000"):
        CLASSIFIERS[DINOV2].load(folder=tiny_networks.dinov2(7), device="cpu")
    with pytest.raises(WeightsError, match="has 7 classes in place of ADE20K's 150"):
        SEGMENTERS[EOMT].load(folder=tiny_networks.eomt(7), device="cpu")


# --- EoMT ---------------------------------------------------------------------------------------------------


def test_regions_are_those_of_the_package(eomt):
    image = astronaut(96, 64)
    network = EomtForUniversalSegmentation.from_pretrained(tiny_networks.eomt()).eval()
    processor = EomtImageProcessor(
        size={"shortest_edge": 32, "longest_edge": None}, do_split_image=True, do_pad=False
    )
    inputs = processor(image, return_tensors="pt")
    with torch.inference_mode():
        outputs = network(pixel_values=inputs["pixel_values"])
    outputs.patch_offsets = inputs["patch_offsets"]
    (expected,) = processor.post_process_semantic_segmentation(
        outputs, [(64, 96)], {"shortest_edge": 32, "longest_edge": None}
    )
    assert (eomt(image).ids == expected.numpy()).mean() > 0.97


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3), (97, 64)])
def test_any_size_is_segmented_in_few_squares(eomt, size, monkeypatch):
    calls = []
    squares = eomt.backend._square_scores
    monkeypatch.setattr(eomt.backend, "_square_scores", lambda x: calls.append(x.shape) or squares(x))
    result = eomt(astronaut(*size))
    assert result.size == size
    assert result.regions
    assert set(calls) == {(1, 3, 32, 32)}
    assert len(calls) <= MAX_SQUARES


class TestOpenClassifier(PredictorTests):
    predictor_class, engines = Classifier, CLASSIFIERS

    @pytest.fixture
    def predictor(self, siglip):
        return siglip

    def check(self, result, size):
        assert len(result.predictions) == 5

    def values(self, result):
        return [result.probabilities, result.feature]


class TestLargeSegmenter(PredictorTests):
    predictor_class, engines = Segmenter, SEGMENTERS

    @pytest.fixture
    def predictor(self, eomt):
        return eomt

    def check(self, result, size):
        assert result.ids.shape == result.confidence.shape == size[::-1]
        assert result.background is None

    def values(self, result):
        return [result.confidence]


# --- downloads ----------------------------------------------------------------------------------------------

FOLDERS: Mapping[str, object] = {
    SIGLIP: tiny_networks.siglip,
    DINOV2: tiny_networks.dinov2,
    EOMT: tiny_networks.eomt,
    "grounding-dino": tiny_networks.grounding_dino,
    "sam2": tiny_networks.sam2,
}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Run a Hub with the repositories of all engines, which hold a pickle and code as well."""
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        for row in HUB_ROWS:
            files = tiny_pipelines.files_of(FOLDERS[row.name]())
            files |= {"pytorch_model.bin": b"a pickle", "modeling.py": b"code", "coreml/model.mlmodel": b""}
            repository = server.add(row.weights, files)
            if row.revision and row.revision.startswith("refs/"):
                repository.branch = row.revision
            else:
                repository.revision = row.revision
        yield server


def sentence(call, error=WeightsError):
    """Return the sentence of the error that a call must raise."""
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("row", HUB_ROWS, ids=lambda row: row.name)
def test_each_network_is_downloaded_once_without_pickles_and_code(server, row, monkeypatch):
    row.load(device="cpu")
    fetched = "\n".join(server.requests)
    assert "model.safetensors" in fetched
    assert ".bin" not in fetched
    assert ".py" not in fetched
    assert ".mlmodel" not in fetched
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    row.load(device="cpu")


@pytest.mark.parametrize("row", HUB_ROWS, ids=lambda row: row.name)
def test_each_network_names_what_is_wrong(server, row, monkeypatch):
    def load_row():
        row.load(device="cpu")

    repository = server.repositories["models", row.weights]
    repository.gated = True
    assert sentence(load_row).startswith(f"{row.weights} is only for those who accept its terms")
    repository.gated = False
    whole = repository.files["model.safetensors"]
    tensors = load(whole)
    repository.files["model.safetensors"] = save(dict(list(tensors.items())[2:]), {"format": "pt"})
    assert "or only a part of it" in sentence(load_row)
    del server.repositories["models", row.weights]
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(constants.HF_HUB_CACHE) + "-empty")
    assert "has no public repository" in sentence(load_row)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1 cannot be reached: check the network" in sentence(load_row)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "needs the package transformers: pip install image-spaces[hub]" in sentence(load_row)


def test_a_machine_with_too_little_memory(server, monkeypatch):
    monkeypatch.setattr("shared.core.diffusion.memory.total_memory", lambda device: 2**30)
    assert "takes 1 GB of memory and this machine has 1 GB" in sentence(
        lambda: CLASSIFIERS[DINOV2].load(device="cpu")
    )
    assert not any("safetensors" in request for request in server.requests)


def test_a_gpu_that_is_too_small_is_left_alone(monkeypatch):
    monkeypatch.setattr(network_module, "needs_offload", lambda parameters, device: True)
    backend = CLASSIFIERS[DINOV2].load(folder=tiny_networks.dinov2(), device="cuda")
    assert backend.files.device.type == "cpu"


class Control:
    """Control of a call that must end after some checks."""

    def __init__(self, checks: int) -> None:
        self.checks = checks
        self.lock = threading.Lock()

    def check(self, *, may_wait: bool) -> None:
        with self.lock:
            self.checks -= 1
            if self.checks < 0:
                raise StoppedError("Stopped: nobody waits for this.")


def test_a_download_ends_when_nobody_waits_and_goes_on_later(server, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    row = CLASSIFIERS[DINOV2]

    def load_row():
        with controlled_call(Control(checks=12)):
            row.load(device="cpu")

    assert "nobody waits" in sentence(load_row, StoppedError)
    server.requests.clear()
    assert row.load(device="cpu").predict([astronaut(8, 8)]).probabilities.shape == (1, 1000)


def test_files_of_a_pull_request(server):
    SEGMENTERS[EOMT].load(device="cpu")
    assert any(request.endswith("/revision/refs/pr/2") for request in server.requests)
