"""RRF-Net on frozen features of a tiny SigLIP 2 with random weights: training, weights, and the engine."""

import shutil

import numpy as np
import pytest
import torch
from transformers import SiglipModel

from shared.catalogue.tables import hub_rows
from shared.core import weights
from shared.crossmodal import train_hub_head
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.engines import (
    SIGLIP,
    SIGLIP_HEAD,
    SIGLIP_HEAD_ROW,
    SIGLIP_HEAD_WEIGHTS,
    SIGLIP_REPOSITORY,
    load_siglip,
    load_siglip_head,
    trained_heads,
)
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.training.hub_head import features as features_module
from shared.crossmodal.training.hub_head.training import HubHeadTraining
from shared.networks.crossmodal.hub_head import FrozenFeatureHead
from tests.core import tiny_networks
from tests.crossmodal.color_embedder import color_image
from tests.crossmodal.colors import COLORS

pytestmark = pytest.mark.usefixtures("one_core")

SMALL = ("--width", "16", "--hidden", "32", "--batch", "8", "--rate", "0.02", "--steps", "200")


@pytest.fixture(scope="module")
def network():
    return tiny_networks.siglip()


@pytest.fixture(scope="module")
def options(network, color_folder, tmp_path_factory):
    """Options of all trainings, which share the cached features."""
    cache = tmp_path_factory.mktemp("cache")
    data = ["--data", f"flickr8k={color_folder}", "--cache", str(cache), "--network", str(network)]
    return [*data, *SMALL, "--validate-every", "20"]


@pytest.fixture(scope="module")
def folder(options, tmp_path_factory):
    return train_hub_head.main([*options, "--out", str(tmp_path_factory.mktemp("run"))])


@pytest.fixture(scope="module")
def embedder(folder, network):
    return load_siglip_head(folder=folder, network=network, device="cpu")


def test_the_folder_names_its_network(folder):
    config = weights.read_config(folder)
    assert (config["repository"], len(config["network"])) == (SIGLIP_REPOSITORY, 64)
    assert set(config["calibration"]) == set(config["threshold"]) == {SIGLIP_HEAD}
    weights.check(folder)


def test_the_head_tells_colors_apart_by_their_words(embedder):
    search = CrossModalSearch(SIGLIP_HEAD, embedder)
    search.add([(f"{name}.png", color_image(name, side=24)) for name in COLORS])
    hits = {name: search(f"a {name} wall").hits[0] for name in COLORS}
    assert {name: hit.name for name, hit in hits.items()} == {name: f"{name}.png" for name in COLORS}
    assert all(0 < hit.probability < 1 for hit in hits.values())
    assert search.explain("a blue wall", 1).heatmap.shape == (7, 7)
    assert search.match(color_image("red"), "red").engine == SIGLIP_HEAD
    vectors = embedder.embed_texts(["", "red"], SIGLIP_HEAD)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_its_vectors_are_those_of_the_network_after_the_head(embedder, folder, network):
    towers = load_siglip(folder=network, device="cpu")
    head = weights.load(FrozenFeatureHead, "head", folder=folder)
    images = [color_image(name) for name in COLORS]
    with torch.inference_mode():
        expected = head.images(torch.from_numpy(towers.embed_images(images, SIGLIP)))
        texts = head.texts(torch.from_numpy(towers.embed_texts(["a red wall"], SIGLIP)))
    assert np.allclose(embedder.embed_images(images, SIGLIP_HEAD), expected, atol=1e-5)
    assert np.allclose(embedder.embed_texts(["a red wall"], SIGLIP_HEAD), texts, atol=1e-5)


def test_a_gallery_of_the_network_is_not_described_anew(embedder, network, monkeypatch):
    search = CrossModalSearch(SIGLIP, load_siglip(folder=network, device="cpu"))
    search.add([color_image("red"), color_image("blue")])
    monkeypatch.setattr(embedder, "encode_images", lambda images: pytest.fail("described anew"))
    assert len(CrossModalSearch(SIGLIP_HEAD, embedder)("red", gallery=search.gallery).hits) == 2


def test_a_training_validates_and_learns(options, tmp_path):
    run = HubHeadTraining(train_hub_head.head_parser().parse_args([*options, "--out", str(tmp_path)]))
    torch.manual_seed(0)
    untrained = FrozenFeatureHead(16, 16, width=16, hidden=32).eval()
    before = run.validate(untrained)["score"]
    after = run.validate(weights.load(FrozenFeatureHead, "head", folder=run.run()))["score"]
    assert after > before


def test_the_draw_depends_on_the_step_alone(options, tmp_path, color_folder):
    run = HubHeadTraining(train_hub_head.head_parser().parse_args([*options, "--out", str(tmp_path)]))
    images, texts, identities = run.draw(3)
    assert images.shape == texts.shape == (8, 16)
    assert all(torch.equal(*pair) for pair in zip(run.draw(3), (images, texts, identities), strict=True))
    assert not torch.equal(run.draw(4)[1], texts)
    data = read_flickr8k(color_folder, "train")
    distances = torch.cdist(texts, torch.from_numpy(run.features.texts))
    owners = data.image_index[distances.argmin(1).numpy()]
    assert len(data.images) == 8
    assert np.array_equal(data.identities[owners], identities.numpy())


def test_features_are_computed_once(options, tmp_path, monkeypatch):
    monkeypatch.setattr(features_module.HubEmbedder, "encode_images", None, raising=False)
    monkeypatch.setattr(
        "shared.crossmodal.embedders.siglip.SiglipEmbedder.encode_images",
        lambda self, images: pytest.fail("computed again"),
    )
    HubHeadTraining(train_hub_head.head_parser().parse_args([*options, "--out", str(tmp_path)]))


def test_another_network_is_refused(folder, network, tmp_path):
    shutil.copytree(network, tmp_path, dirs_exist_ok=True)
    changed = SiglipModel.from_pretrained(network)
    changed.logit_bias.data.fill_(1.0)
    changed.save_pretrained(tmp_path)
    with pytest.raises(weights.WeightsError, match="fitted to another version of google/siglip2"):
        load_siglip_head(folder=folder, network=tmp_path, device="cpu")


def test_the_menu_offers_it_where_its_weights_are(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    assert trained_heads() == ()
    shutil.copytree(folder, tmp_path / "weights" / SIGLIP_HEAD_WEIGHTS)
    assert trained_heads() == (SIGLIP_HEAD_ROW,)
    assert len(SIGLIP_HEAD_ROW.title) <= 34
    assert SIGLIP_HEAD_ROW not in hub_rows("crossmodal")


def test_without_its_weights_the_error_is_one_sentence(network):
    with pytest.raises(weights.WeightsError, match=f"The weights {SIGLIP_HEAD_WEIGHTS} are not on this"):
        load_siglip_head(network=network, device="cpu")


def test_parameters_are_those_of_both():
    head = FrozenFeatureHead(768, 768)
    towers = 375_187_970
    assert SIGLIP_HEAD_ROW.parameters == towers + sum(part.numel() for part in head.parameters())
