"""SigLIP 2 from the Hub: a tiny network of its kind, with random weights."""

import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel
from transformers.utils import logging

from shared.core import hub, weights
from shared.core.images import ImageError
from shared.crossmodal.embedders import hub_embedder, siglip
from shared.crossmodal.embedders.siglip import TRAINING_BATCH, SiglipEmbedder
from shared.crossmodal.engines import SIGLIP, SIGLIP_REPOSITORY, load_siglip
from shared.crossmodal.search import CrossModalSearch
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from tests.crossmodal.color_embedder import ColorEmbedder, color_image

LAYERS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Snapshot in the layout of the Hub."""
    logging.set_verbosity_error()
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("siglip")
    config = SiglipConfig(
        text_config={**LAYERS, "vocab_size": 12, "max_position_embeddings": 6, "projection_size": 32},
        vision_config={**LAYERS, "image_size": 64, "patch_size": 8},
    )
    network = SiglipModel(config)
    network.logit_bias.data.fill_(-4.0)
    network.logit_scale.data.fill_(2.0)
    network.save_pretrained(path)
    words = {word: number for number, word in enumerate(["<pad>", "<unk>", "red", "green", "blue", "wall"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    fast.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def embedder(folder):
    return load_siglip(folder=folder, device="cpu")


@pytest.fixture
def search(embedder):
    return CrossModalSearch(SIGLIP, embedder)


@pytest.fixture
def gallery():
    """Gallery that another engine has filled."""
    ensemble = CrossModalSearch("ensemble", ColorEmbedder())
    ensemble.add([(f"{name}.png", color_image(name)) for name in ("red", "green", "blue")])
    return ensemble.gallery


@pytest.fixture
def batch_sizes(embedder, monkeypatch):
    """Numbers of images that pass through the network, call by call, from an empty cache on."""
    sizes, encode = [], embedder.encode_images
    monkeypatch.setattr(embedder, "encode_images", lambda images: sizes.append(len(images)) or encode(images))
    monkeypatch.setattr(embedder, "_cache", {})
    return sizes


def test_the_probability_is_that_of_the_sigmoid_at_even_odds(folder, embedder):
    """The sigmoid's prior is one match in `TRAINING_BATCH` pairs."""
    images = [color_image("red", side=64), color_image("white", side=64)]
    vectors = embedder.embed_images(images, SIGLIP)
    scores = vectors @ embedder.embed_texts(["RED wall", "green"], SIGLIP).T
    even = embedder.calibration(SIGLIP).probability(scores)
    network = SiglipModel.from_pretrained(folder).eval()
    pixels = torch.stack([torch.tensor(np.array(image)).permute(2, 0, 1) / 127.5 - 1 for image in images])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids = tokenizer(["red wall", "green"], padding="max_length", max_length=6, return_tensors="pt")[
        "input_ids"
    ]
    with torch.inference_mode():
        sigmoid = network(input_ids=ids, pixel_values=pixels).logits_per_image.sigmoid().numpy()
    assert np.allclose(even / (1 - even), sigmoid / (1 - sigmoid) * (TRAINING_BATCH - 1), rtol=0.02)


def test_an_empty_text_has_a_vector(embedder):
    vectors = embedder.embed_texts(["", "red"], SIGLIP)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_region_is_pooled_like_the_whole_image(embedder, monkeypatch):
    monkeypatch.setattr(siglip, "window_positions", lambda side, cells: [list(range(side * side))])
    image = color_image("red", "green", "blue", *["white"] * 6)
    whole = embedder.embed_images([image], SIGLIP)
    assert np.allclose(embedder.embed_regions(image, SIGLIP), whole, atol=2e-3)


def test_a_gallery_of_another_engine_is_embedded_once(search, gallery, batch_sizes):
    results = search("a red wall", gallery=gallery)
    assert batch_sizes == [3]
    assert {hit.name for hit in results.hits} == {"red.png", "green.png", "blue.png"}
    assert [hit.rank for hit in results.hits] == [1, 2, 3]
    assert all(0 < hit.probability < 1 for hit in results.hits)
    assert (results.good_match, results.threshold) == (None, None)  # which nobody has measured
    search("green", gallery=gallery)
    copy = CrossModalSearch(SIGLIP, search.embedder)
    copy("blue", gallery=gallery.copy())
    assert batch_sizes == [3]  # also for another visitor's copy
    assert len(search.search_by_id(1, gallery=gallery).hits) == 2
    gallery.remove([0])
    gallery.add("white.png", color_image("white"), ColorEmbedder().describe([color_image("white")])[0])
    assert len(search("green", gallery=gallery).hits) == 3
    assert batch_sizes == [3, 1]


def test_its_own_gallery_is_not_embedded_anew(search, batch_sizes):
    search.gallery.clear()
    search.add([color_image("red"), color_image("blue", side=90)])
    described = len(batch_sizes)
    assert len(search("blue").hits) == 2
    assert len(batch_sizes) == described
    explanation = search.explain("a blue wall", 1)
    assert explanation.heatmap.shape == (7, 7)
    assert [word.text for word in explanation.words] == ["a", "blue", "wall"]
    assert search.match(color_image("red"), "red").engine == SIGLIP
    assert len(search.describer(color_image("red"), "a red wall\na green wall").sentences) == 2


def test_texts_of_any_length_and_script(embedder):
    vectors = embedder.embed_texts(["red", "wall " * 500, "כלב", "🐶", "赤い壁"], SIGLIP)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[0], embedder.embed_texts(["red"], SIGLIP)[0], atol=1e-5)
    assert embedder.unknown_words(["a zzyzx"]) == ()


def test_too_many_new_images_for_a_cpu_are_an_error(search, gallery, batch_sizes, monkeypatch):
    monkeypatch.setattr(hub_embedder, "MAX_NEW_ON_CPU", 2)
    with pytest.raises(MismatchError, match="3 new pictures, and without a GPU it looks at 2"):
        search("red", gallery=gallery)
    gallery.remove([0])
    assert len(search("red", gallery=gallery).hits) == 2


def test_the_cache_drops_the_oldest_images(embedder, gallery, batch_sizes, monkeypatch):
    monkeypatch.setattr(hub_embedder, "CACHE_SIZE", 2)
    snapshot = gallery.snapshot()
    vectors = embedder.gallery_vectors(snapshot, snapshot.ids, SIGLIP)
    assert vectors.shape == (3, 32)
    assert len(embedder._cache) == 2
    assert np.array_equal(embedder.gallery_vectors(snapshot, snapshot.ids, SIGLIP), vectors)
    assert batch_sizes == [3, 1]


def test_missing_weights_are_an_error_and_not_initialised(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(folder / "model.safetensors")
    state.pop("vision_model.head.probe")
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(weights.WeightsError, match="is not SigLIP 2, or only a part of it"):
        load_siglip(folder=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(weights.WeightsError, match="is not SigLIP 2"):
        load_siglip(folder=tmp_path)


def test_without_a_connection_the_error_comes_at_once(monkeypatch):
    monkeypatch.setattr(hub, "cached", lambda *_: None)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "reachable", lambda: False)
    started = time.perf_counter()
    with pytest.raises(weights.WeightsError, match=f"{SIGLIP_REPOSITORY} is not on this machine"):
        CrossModalSearch.load(SIGLIP)
    assert time.perf_counter() - started < 1


def test_without_its_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(weights.WeightsError, match=r"pip install image-spaces\[hub\]"):
        SiglipEmbedder.load(SIGLIP, SIGLIP_REPOSITORY)


def test_an_empty_gallery_has_no_hits(search):
    assert search("red", gallery=Gallery()).hits == ()
    with pytest.raises(ImageError, match="There is no picture 3"):
        search.search_by_id(3, gallery=Gallery())
