"""Weights on the Hub: each set is pushed, comes back unchanged, and its card's code runs with it."""

import re
from weakref import WeakValueDictionary

import pytest
import torch
from huggingface_hub import constants

from shared.core import weights
from shared.crossmodal.embedders import loading
from shared.networks.rds import RDS
from shared.publishing.upload import assemble_weights, upload
from tests.core.hub_server import running
from tests.publishing.test_model_cards import FOLDERS, body, folders, network_class, workplace

ORG = "somebody"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

__all__ = ["workplace"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Local Hub with all sets of weights, pushed there by the upload of the project."""
    with pytest.MonkeyPatch.context() as patch, running() as server:
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            patch.delenv(variable, raising=False)
        template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "ENDPOINT", server.endpoint)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        for folder in FOLDERS:
            target = tmp_path_factory.mktemp("weights") / folder.name
            assemble_weights(folder.name, target)
            upload(target, f"{ORG}/{folder.name}", space=False)
        yield server


@pytest.fixture
def without_folders(hub, tmp_path, monkeypatch):
    """Take the place of a machine without the folder `weights`, whose owner has named the namespace."""
    monkeypatch.setattr(weights, "ROOT", tmp_path / "project")
    monkeypatch.setattr(weights, "HUB_ORG", ORG)
    monkeypatch.setattr(weights, "ALLOW_HUB", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "_embedders", WeakValueDictionary())  # those of other tests
    hub.requests.clear()
    return hub


def repository(hub, name):
    return hub.repositories["models", f"{ORG}/{name}"]


@folders
def test_a_second_push_uploads_nothing(hub, folder, tmp_path):
    assemble_weights(folder.name, tmp_path / "again")
    commit = repository(hub, folder.name).sha
    hub.requests.clear()
    assert upload(tmp_path / "again", f"{ORG}/{folder.name}", space=False).endswith(f"/tree/{commit}")
    assert not [request for request in hub.requests if "/commit/" in request or "PUT" in request]


@folders
def test_the_round_trip(without_folders, folder):
    """Without its folder, a set comes from the Hub, checked, and from the cache from then on."""
    found = weights.find(folder.name)
    weights.check(found)
    files = {path.name for path in folder.iterdir()}
    assert files <= {path.name for path in found.iterdir()}
    for name in files - {"README.md"}:  # whose links lead to places on the Hub
        assert (found / name).read_bytes() == (folder / name).read_bytes()
    without_folders.requests.clear()
    assert weights.find(folder.name) == found
    network = network_class(folder)
    if network is not None:
        loaded = weights.load(network, folder.name)
        expected = weights.load(network, folder.name, folder=folder)
        assert all(
            torch.equal(tensor, expected.state_dict()[key]) for key, tensor in loaded.state_dict().items()
        )
    assert without_folders.requests == []


@folders
def test_plain_from_pretrained(without_folders, folder):
    network = network_class(folder)
    if network is None:
        pytest.skip("a vocabulary is no network")
    loaded = network.from_pretrained(f"{ORG}/{folder.name}")
    expected = weights.load(network, folder.name, folder=folder)
    assert not loaded.training
    for key, tensor in loaded.state_dict().items():
        assert torch.equal(tensor.float(), expected.state_dict()[key].float()), key


@folders
@pytest.mark.usefixtures("workplace")
def test_the_code_of_a_card_runs_with_weights_from_the_hub(without_folders, folder):
    code = re.search(r"^```python\n(.*?)^```", body(folder), re.DOTALL | re.MULTILINE)[1]
    exec(compile(code, f"{folder.name}/README.md", "exec"), {"__name__": folder.name})
    assert any(f"{ORG}/{folder.name}/resolve" in request for request in without_folders.requests)


def test_a_damaged_download_is_refused(without_folders, monkeypatch):
    files = repository(without_folders, "edges-rds").files
    damaged = bytearray(files["model.safetensors"])
    damaged[-1] ^= 1
    monkeypatch.setitem(files, "model.safetensors", bytes(damaged))
    sentence = rf"model\.safetensors is not the file that .* lists: run `hf .* {ORG}/edges-rds`\.$"
    for _ in range(2):  # from the Hub, and from the cache
        with pytest.raises(weights.WeightsError, match=sentence) as raised:
            weights.load(RDS, "edges-rds")
        assert "\n" not in str(raised.value)


def test_a_revision_is_pinned(without_folders, monkeypatch):
    monkeypatch.setattr(repository(without_folders, "edges-rds"), "revision", COMMIT)
    weights.load(RDS, "edges-rds", revision=COMMIT)
    assert all("main" not in request for request in without_folders.requests)
    with pytest.raises(weights.WeightsError, match=f"has no revision {'f' * 40}"):
        weights.load(RDS, "edges-rds", revision="f" * 40)


def test_weights_of_another_network_are_no_random_ones(without_folders):
    network = network_class(next(folder for folder in FOLDERS if folder.name == "matting-subject"))
    with pytest.raises((RuntimeError, TypeError)):
        network.from_pretrained(f"{ORG}/edges-rds")
