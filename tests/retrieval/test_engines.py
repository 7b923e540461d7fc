"""Engines of image search: their rows are correct, and a new engine is one class and one row."""

import inspect
from types import MappingProxyType

import numpy as np
import pytest
from safetensors import safe_open

from shared.core import weights
from shared.core.front_matter import read_licence
from shared.gallery.gallery import MAX_COUNT
from shared.gallery.index import VectorGalleryIndex
from shared.index.vector_index import INDEX_TYPES
from shared.retrieval import search as search_module
from shared.retrieval.describer import COLOR, Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import ENGINES, GALLERY_ENGINES, SearchEngine
from shared.retrieval.explanation.evidence import Evidence
from shared.retrieval.search import ImageSearch
from shared.retrieval.strategies import DescriptorStrategy, SearchStrategy
from tests.retrieval.samples import SIZE, sample_image


@pytest.fixture(scope="module")
def describer(network_folder):
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")
    return Describer(extractor)


def count_numbers(name):
    """Return the number of all values in a set of weights."""
    with safe_open(weights.find(name) / weights.WEIGHTS, "numpy") as file:
        return sum(file.get_tensor(key).size for key in file.keys())  # noqa: SIM118, it is no mapping


def test_a_row_counts_all_its_weights():
    backbones = count_numbers("retrieval-lite") + count_numbers("retrieval-mobilenet")
    descriptor = backbones + count_numbers("retrieval-descriptor")
    expected = {
        "retrieval-descriptor": descriptor,
        "retrieval-words": descriptor + count_numbers("retrieval-words"),
        None: None,
    }
    for engine in ENGINES.values():
        assert engine.parameters == expected.get(engine.weights, engine.parameters)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_a_row_is_complete(engine):
    assert (engine.title, engine.description) == (engine.title.strip(), engine.description.strip())
    assert callable(engine.load)
    inspect.signature(engine.load).bind(folder=None, device=None, allow_hub=False)
    if not engine.from_hub:
        expected = read_licence(weights.find(engine.weights)) if engine.weights else None
        assert engine.licence == expected


@pytest.mark.parametrize("name", INDEX_TYPES)
def test_every_index_type_is_an_engine(name, describer):
    strategy = ENGINES[name].load(describer=describer)
    assert isinstance(strategy, DescriptorStrategy)
    assert strategy.index_type == name
    assert ENGINES[name].min_images == (0 if name == "exact" else INDEX_TYPES[name])


def test_the_menu_has_the_engines_that_a_gallery_can_reach():
    assert next(iter(GALLERY_ENGINES)) == "exact"
    assert {"ivf", "hnsw", "pq"}.isdisjoint(GALLERY_ENGINES)
    assert all(engine.min_images < MAX_COUNT for engine in GALLERY_ENGINES.values())
    assert all(row.min_images >= MAX_COUNT for name, row in ENGINES.items() if name not in GALLERY_ENGINES)


class BrightnessStrategy(SearchStrategy[VectorGalleryIndex]):
    """Strategy that compares histograms and calls bright places evidence."""

    def new_index(self):
        return VectorGalleryIndex("exact", COLOR, None)

    def evidence(self, match, index):
        heats = [np.asarray(image.convert("L"), np.float32) for image in (match.query, match.image)]
        return Evidence(*heats, pairs=[])

    def bytes_per_image(self, index):
        return index.index.bytes_per_vector


def test_a_new_engine_is_one_class_and_one_row(describer, monkeypatch):
    def load(**options):
        return BrightnessStrategy(BrightnessStrategy.load_describer(describer=describer, **options))

    row = SearchEngine(name="bright", title="Bright", description="Compares colors.", load=load)
    monkeypatch.setattr(search_module, "ENGINES", MappingProxyType({**ENGINES, "bright": row}))
    search = ImageSearch.load("bright")
    search.add([sample_image(number) for number in range(3)])
    results = search(sample_image(1))
    assert (results.engine, results.hits[0].id, results.threshold) == ("bright", 1, None)
    explanation = search.explain(sample_image(1), 1)
    assert (explanation.engine, explanation.pairs) == ("bright", ())
    assert explanation.query_heat.max() == pytest.approx(1)
