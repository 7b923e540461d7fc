"""Weights: saved networks are loaded unchanged, and everything else is one clear error at once."""

import hashlib
import os
import pickle
import socket
import threading
import time

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin, constants
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from shared.core import hub, weights
from shared.core.errors import InputError
from shared.core.models import Lazy
from shared.core.weights import WeightsError, find, load, read_config, save, update_config
from tests.core.hub_server import running


class Net(nn.Module, PyTorchModelHubMixin):
    def __init__(self, *, width: int = 4, depth: int = 1):
        super().__init__()
        self.blocks = nn.Sequential(*[nn.Conv2d(3, width, 3) for _ in range(depth)])
        self.norm = nn.BatchNorm2d(width)


class Tied(nn.Module, PyTorchModelHubMixin):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 4, bias=False)
        self.decoder = nn.Linear(4, 4, bias=False)
        self.decoder.weight = self.encoder.weight


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Use a temporary project and an empty cache of the Hub, without access to the real one."""
    monkeypatch.setattr(weights, "ROOT", tmp_path / "project")
    monkeypatch.setattr(weights, "HUB_ORG", "image-spaces")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for variable in [*os.environ]:
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    use_endpoint(monkeypatch, "http://127.0.0.1:9")
    return tmp_path / "project"


def use_endpoint(monkeypatch, endpoint):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    return save(Net(width=5), tmp_path / "net", config={"threshold": 0.4})


@pytest.fixture
def fake_hub(monkeypatch, folder):
    """Run a Hub with the repository `image-spaces/net`."""
    with running() as server:
        use_endpoint(monkeypatch, server.endpoint)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        server.add("image-spaces/net", {**files, "pytorch_model.bin": b"a pickle", "README.md": b"# Net"})
        yield server


def write_checksums(folder):
    """Write new checksums, as `sha256sum` does, after a test has changed a file."""
    files = ["config.json", "model.safetensors"]
    lines = [f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def sentence(call, *args, **kwargs):
    """Return the sentence of the error that a call must raise within a second."""
    start = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert time.perf_counter() - start < 1
    assert "\n" not in text
    assert text.endswith(".")
    return text


# --- saving and loading ---------------------------------------------------------------------------------


def test_a_saved_network_is_loaded_unchanged(tmp_path):
    network = Net(width=5, depth=1)
    folder = save(network, tmp_path / "net")
    loaded = load(Net, "net", folder=folder)
    assert not loaded.training
    for name, tensor in loaded.state_dict().items():
        expected = network.state_dict()[name]
        assert (tensor.dtype, tensor.device.type) == (expected.dtype, "cpu")
        assert torch.allclose(tensor, expected, atol=1e-3)
    assert (
        load(Net, "net", folder=save(network, tmp_path / "whole", half=False)).norm.weight.dtype
        == torch.float32
    )


def test_loading_prints_nothing(folder, capfd):
    load(Net, "net", folder=folder)
    assert capfd.readouterr() == ("", "")


def test_the_file_is_float16_with_a_header(folder):
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "library": "image-spaces", "network": "Net"}
        assert file.get_tensor("norm.weight").dtype == torch.float16
        assert file.get_tensor("norm.num_batches_tracked").dtype == torch.int64


def test_additional_texts_in_the_header(tmp_path):
    folder = save(Net(), tmp_path / "net", half=False, metadata={"seed": "7"})
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata()["seed"] == "7"
        assert file.get_tensor("norm.weight").dtype == torch.float32


def test_a_tensor_beyond_float16_stays_exact(tmp_path):
    network = Net()
    network.norm.running_var.fill_(1e6)
    loaded = load(Net, "net", folder=save(network, tmp_path / "net"))
    assert torch.equal(loaded.norm.running_var, network.norm.running_var)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_that_diverged_is_not_saved(tmp_path, value):
    network = Net()
    network.norm.weight.data[0] = value
    assert "norm.weight" in sentence(save, network, tmp_path / "net")
    assert not (tmp_path / "net" / "model.safetensors").exists()


def test_shared_tensors_are_stored_once_and_stay_shared(tmp_path):
    network = Tied()
    folder = save(network, tmp_path / "tied", half=False)
    assert list(load_file(folder / "model.safetensors")) == ["encoder.weight"]
    loaded = load(Tied, "tied", folder=folder)
    assert loaded.decoder.weight is loaded.encoder.weight
    assert torch.equal(loaded.decoder.weight, network.decoder.weight)


def test_additional_keys_of_the_configuration(folder):
    assert read_config(folder) == {"width": 5, "depth": 1, "threshold": 0.4}
    assert load(Net, "net", folder=folder).blocks[0].out_channels == 5


def test_a_threshold_can_be_set_later(folder):
    assert update_config(folder, threshold=0.5, steps=9)["threshold"] == 0.5
    assert read_config(folder) == {"width": 5, "depth": 1, "threshold": 0.5, "steps": 9}
    load(Net, "net", folder=folder)


def test_the_model_card_is_not_changed(folder):
    (folder / "README.md").write_text("# Net")
    save(Net(), folder)
    assert (folder / "README.md").read_text() == "# Net"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "SHA256SUMS",
        "config.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("card", "licence"), [("---\nlicense: mit\n---\n", "mit"), ("# Net\n", None), ("---\na: [\n---\n", None)]
)
def test_a_loaded_network_has_the_licence_of_its_card(folder, card, licence):
    (folder / "README.md").write_text(card)
    assert getattr(load(Net, "net", folder=folder), "licence", None) == licence


def test_the_checksums_are_in_the_form_of_coreutils(folder):
    checksums = (folder / "SHA256SUMS").read_text()
    write_checksums(folder)
    assert (folder / "SHA256SUMS").read_text() == checksums
    marked = checksums.replace("  ", " *")  # as `sha256sum --binary` writes it
    (folder / "SHA256SUMS").write_text(marked)
    load(Net, "net", folder=folder)


def test_a_bare_name_is_a_folder_of_the_project(root):
    assert save(Net(), "edges-net") == root / "weights" / "edges-net"
    assert isinstance(load(Net, "edges-net"), Net)


# --- invalid folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "SHA256SUMS"])
def test_a_missing_file(folder, file):
    (folder / file).unlink()
    assert f"{folder / file} is missing: fetch" in sentence(load, Net, "net", folder=folder)


def test_only_a_pickle(folder):
    (folder / "model.safetensors").unlink()
    with open(folder / "pytorch_model.bin", "wb") as stream:
        pickle.dump({}, stream)
    assert "model.safetensors is missing" in sentence(load, Net, "net", folder=folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_wrong_checksum(folder, file):
    data = bytearray((folder / file).read_bytes())
    data[-2] ^= 1
    (folder / file).write_bytes(data)
    assert f"{file} is not the file that SHA256SUMS lists" in sentence(load, Net, "net", folder=folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_checksum_is_missing(folder, file):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / "SHA256SUMS").write_text("\n".join(line for line in lines if not line.endswith(file)))
    assert f"SHA256SUMS does not list {file}" in sentence(load, Net, "net", folder=folder)


def test_a_missing_key(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["norm.bias"]
    save_file(tensors, folder / "model.safetensors")
    write_checksums(folder)
    text = sentence(load, Net, "net", folder=folder)
    assert "model.safetensors does not fit Net" in text
    assert 'Missing key(s) in state_dict: "norm.bias"' in text


def test_an_unexpected_key(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra": torch.zeros(1)}, folder / "model.safetensors")
    write_checksums(folder)
    assert 'Unexpected key(s) in state_dict: "extra"' in sentence(load, Net, "net", folder=folder)


def test_a_wrong_shape(folder):
    update_config(folder, width=6)
    assert "size mismatch for blocks.0.weight" in sentence(load, Net, "net", folder=folder)


def test_a_file_of_another_format(folder):
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    write_checksums(folder)
    assert "model.safetensors does not fit Net" in sentence(load, Net, "net", folder=folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "must hold a JSON object, not a list"),
        ("\xff", "config.json cannot be read"),
    ],
)
def test_a_broken_configuration(folder, text, message):
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    write_checksums(folder)
    assert message in sentence(load, Net, "net", folder=folder)


def test_a_configuration_that_the_constructor_refuses(folder):
    update_config(folder, depth="many")
    assert "does not fit Net" in sentence(load, Net, "net", folder=folder)


def test_errors_name_paths_from_the_project_root(root):
    save(Net(), "edges-net")
    (root / "weights/edges-net/config.json").unlink()
    assert sentence(load, Net, "edges-net").startswith("weights/edges-net/config.json is missing")


# --- search order ---------------------------------------------------------------------------------------


def test_a_folder_that_does_not_exist(tmp_path):
    assert "nowhere does not exist: check" in sentence(find, "net", folder=tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../secret", "/etc", "a/b/c", "", "..", "a\\b", "a b", "net\n", ".git"])
def test_a_name_never_leads_out_of_the_weights(name):
    assert "is no name of weights" in sentence(find, name, allow_hub=True)


def test_a_given_folder_comes_first(folder, fake_hub):
    save(Net(), "net")
    assert find("net", folder=folder, allow_hub=True) == folder
    assert fake_hub.requests == []


def test_the_project_comes_before_the_hub(root, fake_hub):
    save(Net(), "net")
    assert find("net", allow_hub=True) == root / "weights/net"
    assert fake_hub.requests == []


def test_the_hub_gets_no_request_unless_it_is_allowed(fake_hub):
    text = sentence(load, Net, "net")
    assert "hf download image-spaces/net" in text
    assert fake_hub.requests == []


def test_a_download_and_then_the_cache(fake_hub):
    network = load(Net, "net", allow_hub=True)
    assert network.blocks[0].out_channels == 5
    folder = find("net")
    assert (folder / "README.md").is_file()
    assert not (folder / "pytorch_model.bin").exists()
    assert not any("pytorch_model.bin" in request for request in fake_hub.requests)
    fake_hub.requests.clear()
    load(Net, "net")
    load(Net, "image-spaces/net", allow_hub=True)
    assert fake_hub.requests == []


def test_a_pinned_revision_in_the_cache_needs_no_request(fake_hub):
    commit = fake_hub.repositories["models", "image-spaces/net"].sha
    load(Net, "net", allow_hub=True, revision=commit)
    fake_hub.requests.clear()
    load(Net, "net", allow_hub=True, revision=commit)
    load(Net, "net", revision=commit)
    assert fake_hub.requests == []


def test_a_partial_download_in_the_cache_is_completed(fake_hub):
    (find("net", allow_hub=True) / "model.safetensors").unlink()
    assert "are not on this machine" in sentence(find, "net")
    load(Net, "net", allow_hub=True)


def test_an_unknown_repository(fake_hub):
    text = sentence(load, Net, "nothing", allow_hub=True)
    assert "no public repository image-spaces/nothing" in text


@pytest.mark.parametrize("revision", ["no-branch", "0" * 40])
def test_an_unknown_revision(fake_hub, revision):
    assert f"has no revision {revision}" in sentence(load, Net, "net", allow_hub=True, revision=revision)


def test_a_repository_without_safetensors(fake_hub):
    fake_hub.add("someone/old", {"pytorch_model.bin": b"a pickle", "config.json": b"{}"})
    assert "pickled weights are never read" in sentence(load, Net, "someone/old", allow_hub=True)


def test_a_repository_with_wrong_weights(fake_hub):
    fake_hub.repositories["models", "image-spaces/net"].files["model.safetensors"] += b"?"
    assert "is not the file that SHA256SUMS lists" in sentence(load, Net, "net", allow_hub=True)


# --- without a network ----------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [None, "0" * 40])
def test_a_hub_that_refuses(revision):
    text = sentence(load, Net, "net", allow_hub=True, revision=revision)
    assert "image-spaces/net is not on this machine and 127.0.0.1 cannot be reached" in text


def test_a_hub_that_never_answers(monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # The first connection fills the queue of the server; further ones hang, as behind a strict firewall.
        with socket.create_connection(("127.0.0.1", port)):
            use_endpoint(monkeypatch, f"http://127.0.0.1:{port}")
            assert "cannot be reached" in sentence(load, Net, "net", allow_hub=True)


def test_a_name_server_that_never_answers(monkeypatch):
    end = threading.Event()

    def look_up(*_, **__):
        end.wait()
        raise socket.gaierror("gave up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    use_endpoint(monkeypatch, "https://hub.invalid")
    assert "hub.invalid cannot be reached" in sentence(load, Net, "net", allow_hub=True)
    end.set()


def test_offline_mode(monkeypatch, fake_hub):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set: unset it" in sentence(load, Net, "net", allow_hub=True)
    assert fake_hub.requests == []


def test_a_proxy_is_used_if_there_is_one(monkeypatch):
    use_endpoint(monkeypatch, "http://hub.invalid")
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert hub.reachable()
        monkeypatch.setenv("no_proxy", "hub.invalid")
        assert not hub.reachable()


def test_the_digest_is_that_of_the_weights_file(tmp_path):
    folder = save(Net(), tmp_path / "net")
    assert weights.digest(folder) == hashlib.sha256((folder / weights.WEIGHTS).read_bytes()).hexdigest()
    (folder / weights.SUMS).write_text("")
    with pytest.raises(WeightsError, match=r"does not list model\.safetensors"):
        weights.digest(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_loaded(folder, value):
    tensors = load_file(folder / "model.safetensors")
    tensors["norm.running_var"][0] = value
    save_file(tensors, folder / "model.safetensors")
    write_checksums(folder)
    with pytest.raises(WeightsError, match=r"model\.safetensors holds values that are no numbers"):
        load(Net, "net", folder=folder)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[1]", '{"width": NaN}', "[" * 100_000, '{"width": "x"}', '{"width": -1}', '{"depth": []}'],
)
def test_junk_in_the_configuration_is_one_sentence(folder, text):
    (folder / "config.json").write_text(text)
    write_checksums(folder)
    with pytest.raises(WeightsError) as raised:
        load(Net, "net", folder=folder)
    assert "\n" not in str(raised.value)


def test_values_of_a_wrong_type_are_one_sentence():
    sentence = r"^This model cannot be loaded \(.*\): check its config\.json\.$"
    for load_value in (lambda: float("x"), lambda: {}["size"], lambda: len(3), lambda: 1 / 0):
        with pytest.raises(WeightsError, match=sentence):
            Lazy(load_value)()
    with pytest.raises(InputError, match="clear already"):
        Lazy(_fail_clearly)()


def _fail_clearly():
    raise InputError("clear already")
