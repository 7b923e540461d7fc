"""DINOv2 from the Hub as an engine of image search: a tiny network of its class, with random weights."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Dinov2WithRegistersModel

from shared.core.hub_networks.pixels import network_pixels
from shared.core.weights import WeightsError
from shared.gallery.index import MismatchError
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import DINOV2, ENGINES, GALLERY_ENGINES, OFFLINE_ENGINES
from shared.retrieval.hub import strategy as strategy_module
from shared.retrieval.hub.dinov2 import PATCH, working_size
from shared.retrieval.search import ImageSearch
from tests.core import tiny_networks, tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401
from tests.retrieval.samples import SIZE, sample_image

ROW = ENGINES[DINOV2]


@pytest.fixture(scope="module")
def describer(network_folder):
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")
    return Describer(extractor)


@pytest.fixture
def search(describer):
    folder = tiny_networks.dinov2_with_registers()
    search = ImageSearch(DINOV2, ROW.load(folder=folder, device="cpu", describer=describer))
    search.add([sample_image(number) for number in range(4)])
    return search


def test_it_is_the_last_of_the_menu():
    assert list(GALLERY_ENGINES)[-1] == DINOV2
    assert list(ENGINES) == [*OFFLINE_ENGINES, DINOV2]


def test_an_image_finds_itself(search):
    results = search(sample_image(2))
    assert results.hits[0].id == 2
    assert len(results.hits) == 4
    assert results.threshold is None
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)
    assert 2 not in [hit.id for hit in search.search_by_id(2).hits]
    assert len(search(sample_image(2), hide_duplicates=True, top_k=2).hits) == 2


def test_a_score_is_the_mean_of_two_cosines(search):
    network = Dinov2WithRegistersModel.from_pretrained(tiny_networks.dinov2_with_registers()).eval()
    vectors = []
    for number in (0, 1):
        image = sample_image(number)
        pixels = network_pixels(image, working_size(image.size))
        with torch.inference_mode():
            tokens = network(pixel_values=pixels).last_hidden_state[0]
        pooled = tokens[5:].clamp(min=1e-6).pow(3).mean(0).pow(1 / 3)
        vectors.append([tokens[0], pooled])
    cosines = [torch.cosine_similarity(*pair, dim=0) for pair in zip(*vectors, strict=True)]
    first, second = search.strategy.descriptor([sample_image(0), sample_image(1)])
    assert float(first @ second) == pytest.approx(float(sum(cosines) / 2), abs=1e-4)


def test_a_gallery_of_another_engine_is_described_once(search, describer, monkeypatch):
    exact = ImageSearch("exact", ENGINES["exact"].load(describer=describer), search.gallery)
    assert exact(sample_image(1)).hits[0].id == 1
    calls = []
    describe = type(search.strategy.descriptor).__call__

    def count(self, images):
        calls.extend(images)
        return describe(self, images)

    monkeypatch.setattr(type(search.strategy.descriptor), "__call__", count)
    search(sample_image(1))
    search(sample_image(1))
    assert len(calls) == 4 + 2


def test_a_large_gallery_on_a_cpu(search, monkeypatch):
    monkeypatch.setattr(strategy_module, "MAX_NEW_ON_CPU", 3)
    with pytest.raises(MismatchError, match="4 new pictures, and without a GPU it looks at 3 at most"):
        search(sample_image(1))


def test_reasons(search):
    explanation = search.explain(sample_image(1), 1)
    assert explanation.query_heat.max() == pytest.approx(1, abs=1e-3)
    assert explanation.engine == DINOV2


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000)])
def test_images_of_any_size(search, size):
    width, height = working_size(size)
    assert (width % PATCH, height % PATCH) == (0, 0)
    vector = search.strategy.descriptor([Image.new("RGB", size, "teal")])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_network_is_downloaded_without_pickles(tmp_path, monkeypatch, describer):
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        files = tiny_pipelines.files_of(tiny_networks.dinov2_with_registers())
        repository = server.add(ROW.weights, files | {"pytorch_model.bin": b"a pickle"})
        repository.gated = True
        with pytest.raises(WeightsError, match="accept its terms"):
            ROW.load(device="cpu", describer=describer)
        repository.gated = False
        assert ROW.load(device="cpu", describer=describer).descriptor([sample_image(0)]).shape == (1, 32)
        assert not any(".bin" in request for request in server.requests)
