"""Weights: saved networks are loaded unchanged, and everything else is one clear error at once."""

import hashlib
import os
import time

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin, constants
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from shared.core import weights
from shared.core.errors import InputError
from shared.core.models import Lazy
from shared.core.weights import WeightsError, load, save
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


def write_checksums(folder):
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "model.safetensors")
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, value):
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
