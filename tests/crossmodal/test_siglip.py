"""The public network from the Hub: a tiny one of its kind, with weights that mean nothing."""

import sys
import time

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel
from transformers.utils import logging

from shared.core import hub, weights
from shared.crossmodal.embedders import siglip
from shared.crossmodal.embedders.siglip import BATCH, SiglipEmbedder
from shared.crossmodal.engines import ENGINES, SIGLIP
from shared.crossmodal.search import CrossModalSearch
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from tests.crossmodal.colors import ColorSpace, picture

LAYERS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A snapshot as the Hub has it."""
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
def space(folder):
    return SiglipEmbedder.load(ENGINES[SIGLIP], folder=folder, device="cpu")


@pytest.fixture
def search(space):
    return CrossModalSearch(SIGLIP, space)


@pytest.fixture
def described():
    """A gallery that another engine has filled."""
    other = CrossModalSearch("ensemble", ColorSpace())
    other.add([(f"{name}.png", picture(name)) for name in ("red", "green", "blue")])
    return other.gallery


@pytest.fixture
def looks(space, monkeypatch):
    """How many pictures the network looks at, call by call."""
    seen, real = [], space._seen
    monkeypatch.setattr(space, "_seen", lambda pictures: seen.append(len(pictures)) or real(pictures))
    monkeypatch.setattr(space, "_known", {})
    return seen


def test_probability_is_that_of_the_sigmoid(folder, space):
    """Where one pair in `BATCH` belongs together; that of half has so many times the odds."""
    shown = [picture("red", side=64), picture("white", side=64)]
    texts = ["red wall", "green"]
    found = space.describe(shown)
    pictures = space.pictures(np.stack([one["picture"] for one in found]), SIGLIP)
    told = space.probability(pictures @ space.texts(["RED wall", "green"], SIGLIP).T, SIGLIP)
    network = SiglipModel.from_pretrained(folder).eval()
    pixels = torch.stack([torch.tensor(np.array(one)).permute(2, 0, 1) / 127.5 - 1 for one in shown])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids = tokenizer(texts, padding="max_length", max_length=6, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        rare = network(input_ids=ids, pixel_values=pixels).logits_per_image.sigmoid().numpy()
    assert np.allclose(told / (1 - told), rare / (1 - rare) * (BATCH - 1), rtol=0.02)


def test_a_region_is_pooled_as_the_whole_is(space, monkeypatch):
    monkeypatch.setattr(siglip, "_windows", lambda side, cells: [list(range(side * side))])
    shown = picture("red", "green", "blue", *["white"] * 6)
    (one,) = space.describe([shown])
    regions = space.regions(shown, SIGLIP)
    assert np.allclose(regions, space.pictures(one["picture"][None], SIGLIP), atol=2e-3)


def test_a_gallery_of_another_engine_is_searched(search, described, looks):
    found = search("a red wall", gallery=described)
    assert looks == [3]
    assert {hit.name for hit in found.hits} == {"red.png", "green.png", "blue.png"}
    assert [hit.rank for hit in found.hits] == [1, 2, 3]
    assert all(0 < hit.probability < 1 for hit in found.hits)
    assert found.good_match is None  # nobody has measured a threshold
    assert found.threshold is None
    search("green", gallery=described)
    assert looks == [3]  # once is enough
    another = CrossModalSearch(SIGLIP, search.space)
    another("blue", gallery=described.copy())
    assert looks == [3]  # also for another visitor's copy
    assert len(search.like(1, gallery=described).hits) == 2
    described.remove([0])
    described.add("white.png", picture("white"), ColorSpace().describe([picture("white")])[0])
    assert len(search("green", gallery=described).hits) == 3
    assert looks == [3, 1]


def test_its_own_gallery_is_not_looked_at_twice(search, looks):
    search.gallery.clear()
    search.add([picture("red"), picture("blue", side=90)])
    before = len(looks)
    assert len(search("blue").hits) == 2
    assert len(looks) == before
    reason = search.explain("a blue wall", 1)
    assert reason.heat.shape == (7, 7)
    assert [word.text for word in reason.words] == ["a", "blue", "wall"]
    assert search.match(picture("red"), "red").engine == SIGLIP
    assert len(search.sentences(picture("red"), "a red wall\na green wall")) == 2


def test_texts_of_any_length_and_script(space):
    rows = space.texts(["red", "wall " * 500, "כלב", "🐶", "赤い壁"], SIGLIP)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], space.texts(["red"], SIGLIP)[0], atol=1e-5)
    assert space.unknown(["a zzyzx"]) == ()


def test_no_more_pictures_than_a_cpu_can_look_at(search, described, looks, monkeypatch):
    monkeypatch.setattr(siglip, "MOST_ON_CPU", 2)
    with pytest.raises(MismatchError, match="3 new pictures, and without a GPU it looks at 2"):
        search("red", gallery=described)
    described.remove([0])
    assert len(search("red", gallery=described).hits) == 2


def test_only_so_many_pictures_are_remembered(space, described, looks, monkeypatch):
    monkeypatch.setattr(siglip, "REMEMBERED", 2)
    now = described.snapshot()
    rows = space.gallery_vectors(now, now.ids, SIGLIP)
    assert rows.shape == (3, 32)
    assert len(space._known) == 2
    assert np.array_equal(space.gallery_vectors(now, now.ids, SIGLIP), rows)
    assert looks == [3, 1]  # at the oldest one again


def test_weights_that_lack_something_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    kept = load_file(folder / "model.safetensors")
    kept.pop("vision_model.head.probe")
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(weights.WeightsError, match="is not SigLIP 2, or only a part of it"):
        SiglipEmbedder.load(ENGINES[SIGLIP], folder=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(weights.WeightsError, match="is not SigLIP 2"):
        SiglipEmbedder.load(ENGINES[SIGLIP], folder=tmp_path)


def test_without_a_network_the_answer_comes_at_once(monkeypatch):
    monkeypatch.setattr(hub, "cached", lambda *_: None)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "reachable", lambda: False)
    started = time.perf_counter()
    with pytest.raises(weights.WeightsError, match="google/siglip2-base-patch16-224 is not on this machine"):
        CrossModalSearch.load(SIGLIP)
    assert time.perf_counter() - started < 1


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(weights.WeightsError, match=r"pip install image-spaces\[hub\]"):
        SiglipEmbedder.load(ENGINES[SIGLIP])


def test_an_empty_gallery_has_nothing_to_find(search):
    assert search("red", gallery=Gallery()).hits == ()
    with pytest.raises(Exception, match="There is no picture 3"):
        search.like(3, gallery=Gallery())
