"""Storage of networks in the layout of a Hub model repository."""

from __future__ import annotations

from typing import Any

from huggingface_hub import ModelCard, PyTorchModelHubMixin


class HubMixin(PyTorchModelHubMixin, library_name="image-spaces"):
    """`PyTorchModelHubMixin` whose generated model card names the licence of the weights.

    A network class declares no licence, because the training data decide that of its weights:
    `shared.core.weights.load` reads it from the card of the weight folder. A network that was not loaded from
    one has none, and its generated card names none.

    Attributes:
        licence: Licence as the Hub writes it, such as `"cc-by-nc-4.0"`, or None.
    """

    licence: str | None = None

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Build the card that `save_pretrained` and `push_to_hub` write, see `PyTorchModelHubMixin`."""
        card = super().generate_model_card(*args, **kwargs)
        card.data["license"] = self.licence
        return card
