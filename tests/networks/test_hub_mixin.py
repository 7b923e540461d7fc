"""Generated model cards name the licence of the weights, and none where there are no weights."""

import torch
from huggingface_hub import ModelCard
from torch import nn

from shared.networks.hub_mixin import SCALE, HubMixin, dequantize, quantize


class Net(nn.Module, HubMixin, pipeline_tag="image-classification", tags=["test"]):
    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)


def test_a_new_network_names_no_licence():
    assert "license" not in Net().generate_model_card().data.to_dict()


def test_a_saved_network_names_the_licence_of_its_weights(tmp_path):
    network = Net(width=3)
    network.licence = "cc-by-nc-4.0"
    network.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md").data
    assert (card.license, card.library_name, card.pipeline_tag) == (
        "cc-by-nc-4.0",
        "image-spaces",
        "image-classification",
    )
    assert Net().licence is None
    assert Net.from_pretrained(tmp_path).layer.weight.shape == (3, 3)


def test_a_card_that_exists_stays(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    Net().save_pretrained(tmp_path)
    assert ModelCard.load(tmp_path / "README.md").data.license == "mit"


def test_eight_bits_are_off_by_half_a_step_at_most():
    state = {
        "wide": torch.randn(8, 32, 3, 8) * torch.logspace(-6, 2, 8).view(8, 1, 1, 1),
        "empty": torch.zeros(2, 4096),
        "narrow": torch.randn(4, 8),
        "bias": torch.randn(5000),
        "count": torch.ones(64, 64, dtype=torch.int64),
    }
    stored = quantize(state)
    assert {name for name, tensor in stored.items() if tensor.dtype == torch.int8} == {"wide", "empty"}
    restored = dequantize(stored)
    assert restored.keys() == state.keys()
    steps = state["wide"].flatten(1).abs().amax(1) / 127
    error = (restored["wide"] - state["wide"]).flatten(1).abs().amax(1)
    assert (error <= 0.6 * steps + 6e-5).all()  # float16 rounds the step itself
    assert all(torch.equal(restored[name], state[name]) for name in ("empty", "narrow", "bias", "count"))
    again = dequantize(quantize(restored))
    assert all(torch.equal(again[name], restored[name]) for name in state)


def test_networks_of_eight_bits_load_like_any_other(tmp_path):
    from shared.core import weights

    network = Net(width=64)
    folder = weights.save(network, tmp_path / "net", quantized=True)
    loaded = weights.load(Net, "net", folder=folder)
    expected = dequantize(quantize(network.state_dict()))["layer.weight"]
    assert torch.equal(loaded.layer.weight, expected)
    assert not any(name.endswith(SCALE) for name in loaded.state_dict())
