"""Whitening of DINOv2's descriptors, fitted to a tiny network of its class with random weights."""

import json
import shutil

import numpy as np
import pytest
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from shared.core import weights
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.whitening import fit_pca
from shared.retrieval.engines import DINOV2, DINOV2_REPOSITORY, DINOV2_WHITENING, ENGINES
from shared.retrieval.search import ImageSearch
from shared.retrieval.train import main
from tests.core import tiny_networks
from tests.core.tiny_pipelines import one_thread  # noqa: F401
from tests.retrieval.samples import sample_image

ROW = ENGINES[DINOV2]
DIMS = 8


@pytest.fixture(scope="module")
def network():
    return tiny_networks.dinov2_with_registers()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(30):
        sample_image(number).save(folder / f"{number:02}.png")
    return folder


def command(photos, network, out, *options):
    return ["hub-whitening", "--photos", str(photos), "--network", str(network), "--out", str(out), *options]


@pytest.fixture(scope="module")
def folder(network, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("whitening") / DINOV2_WHITENING
    return main(command(photos, network, out, "--dims", str(DIMS), "--shrinkage", "0"))


def load(network, **options):
    return ROW.load(folder=network, device="cpu", describer=object(), **options)


def test_the_folder_names_its_network(folder):
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.json", "SHA256SUMS"}
    config = weights.read_config(folder)
    assert (config["repository"], config["revision"]) == (DINOV2_REPOSITORY, ROW.revision)
    assert len(config["network"]) == 64
    weights.check(folder)


def test_descriptors_are_whitened(network, folder):
    plain, whitened = load(network).descriptor, load(network, whitening=folder).descriptor
    images = [sample_image(number) for number in range(30)]
    order = np.random.default_rng(0).permutation(30)[3:]  # as the training draws them
    expected = fit_pca(plain([images[index] for index in order]), DIMS).apply(plain(images))
    assert np.abs(whitened(images) - expected).max() < 0.02  # the weights have 16 bits
    assert plain(images[:1]).shape == (1, 32)


def test_a_search_uses_the_weights_of_that_name(network, folder, tmp_path, monkeypatch):
    assert load(network).descriptor.whitening is None
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    shutil.copytree(folder, tmp_path / "weights" / DINOV2_WHITENING)
    strategy = load(network)
    assert strategy.descriptor([sample_image(0)]).shape == (1, DIMS)


def test_an_image_finds_itself(network, folder, network_folder):
    extractor = Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[64]), device="cpu")
    strategy = ROW.load(folder=network, whitening=folder, device="cpu", describer=Describer(extractor))
    search = ImageSearch(DINOV2, strategy)
    search.add([sample_image(number) for number in range(6)])
    assert search(sample_image(3)).hits[0].id == 3
    assert search.explain(sample_image(1), 1).engine == DINOV2


def test_a_network_of_another_version_is_refused(folder, tmp_path):
    config = Dinov2WithRegistersConfig.from_pretrained(tiny_networks.dinov2_with_registers())
    Dinov2WithRegistersModel(config).save_pretrained(tmp_path)
    with pytest.raises(weights.WeightsError, match="fitted to another version of facebook/dinov2"):
        load(tmp_path, whitening=folder)


def test_another_repository_is_refused(network, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights.update_config(copy, repository="someone/else")
    with pytest.raises(weights.WeightsError, match="fitted to someone/else, not to facebook/dinov2"):
        load(network, whitening=copy)


def test_a_changed_file_is_refused(network, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"dims": 4}))
    with pytest.raises(weights.WeightsError, match="is not the file that SHA256SUMS lists"):
        load(network, whitening=copy)
    with pytest.raises(weights.WeightsError, match="does not exist"):
        load(network, whitening=tmp_path / "nowhere")


def test_too_few_photos_are_one_sentence(network, photos, tmp_path):
    with pytest.raises(SystemExit, match=r"dims must be in 1\.\.\d+, .* take fewer, or more photos"):
        main(command(photos, network, tmp_path, "--limit", "8", "--dims", "20"))
