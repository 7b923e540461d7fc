"""Storage of networks in the layout of a Hub model repository, with weights of 16 or of 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import torch
from huggingface_hub import ModelCard, ModelHubMixin, PyTorchModelHubMixin
from torch import Tensor, nn

ModelT = TypeVar("ModelT", bound=ModelHubMixin)

#: Ending of the name of the scales of a tensor that is stored in 8 bits.
SCALE = ".scale"
#: Fewest elements of a tensor that 8 bits make smaller by enough.
MIN_ELEMENTS = 4096
LARGEST_INT8 = 127


def quantize(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round the matrices and filters of a state dict to 8 bits, one scale for each row or filter.

    Args:
        state: State dict; vectors, small tensors and those without a fraction stay as they are.

    Returns:
        State dict with int8 tensors, each beside its float16 scales `[rows]` under its name + `SCALE`.

    >>> stored = quantize({"weight": torch.linspace(-1, 1, 8192).view(2, 4096)})
    >>> stored["weight"].dtype, [round(float(scale), 4) for scale in stored["weight.scale"]]
    (torch.int8, [0.0079, 0.0079])
    """
    stored = {}
    for name, tensor in state.items():
        if tensor.ndim < 2 or tensor.numel() < MIN_ELEMENTS or not tensor.is_floating_point():
            stored[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scales = (rows.abs().amax(1) / LARGEST_INT8).clamp(min=torch.finfo(torch.float16).tiny).half()
        values = (rows / scales.float()[:, None]).round().clamp(-LARGEST_INT8, LARGEST_INT8)
        stored[name] = values.to(torch.int8).view(tensor.shape)
        stored[name + SCALE] = scales
    return stored


def dequantize(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict that `quantize` stored, with float32 in place of 8 bits; others are unchanged."""
    state = {}
    for name, tensor in stored.items():
        scales = stored.get(name + SCALE)
        if scales is not None:
            state[name] = tensor.float() * scales.float().view(-1, *[1] * (tensor.ndim - 1))
        elif name.removesuffix(SCALE) not in stored or not name.endswith(SCALE):
            state[name] = tensor
    return state


def _dequantize_in_place(network: nn.Module, stored: dict[str, Tensor], *args: object) -> None:
    state = dequantize(stored)
    stored.clear()
    stored.update(state)


class HubMixin(PyTorchModelHubMixin, library_name="image-spaces"):
    """`PyTorchModelHubMixin` that reads weights of 8 bits, and whose model card names their licence.

    `from_pretrained` raises an error for weights of another network, where the original would return one with
    random weights.

    A network class declares no licence, because the training data decide that of its weights:
    `shared.core.weights.load` reads it from the card of the weight folder. A network that was not loaded from
    one has none, and its generated card names none.

    Attributes:
        licence: Licence as the Hub writes it, such as `"cc-by-nc-4.0"`, or None.
    """

    licence: str | None = None

    @classmethod
    def _load_as_safetensor(cls, model: ModelT, model_file: str, map_location: str, strict: bool) -> ModelT:
        hook = cast(nn.Module, model).register_load_state_dict_pre_hook(_dequantize_in_place)
        try:
            return super()._load_as_safetensor(model, model_file, map_location, strict=True)
        finally:
            hook.remove()

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Build the card that `save_pretrained` and `push_to_hub` write, see `PyTorchModelHubMixin`."""
        card = super().generate_model_card(*args, **kwargs)
        card.data["license"] = self.licence
        return card
