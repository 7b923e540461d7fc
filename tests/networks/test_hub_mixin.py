"""Generated model cards name the licence of the weights, and none where there are no weights."""

from huggingface_hub import ModelCard
from torch import nn

from shared.networks.hub_mixin import HubMixin


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
