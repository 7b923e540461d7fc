"""Compiled functions of networks, with PyTorch in their place where OpenVINO cannot compute them."""

from __future__ import annotations

import importlib.util
import logging
import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from shared.core.cpu_runtime.conversion import (
    TensorFunction,
    cache_folder,
    function_name,
    load_model,
    returns_sequence,
)
from shared.core.cpu_runtime.execution import ModelRunner
from shared.core.cpu_runtime.mapped_weights import unload_weights

if TYPE_CHECKING:
    import openvino

_log = logging.getLogger(__name__)


def compiled(
    network: nn.Module, function: TensorFunction | None = None, *, parallel: bool = False
) -> TensorFunction:
    """Return a function of a network in the form that is fastest on its device.

    Args:
        network: Network in eval mode, whose weights stay as they are.
        function: Function of tensors that runs the network or a part of it; by default the network itself.
            Its operations are recorded once for inputs of any batch, height and width, so it may depend on
            the shapes of its inputs by arithmetic only.
        parallel: True if several threads call it at a time: a call then has one core. By default it has all.

    Returns:
        Function with the same results up to rounding; of a sequence of tensors it returns a list. It is
        `function` itself unless the network is on the CPU and OpenVINO is installed. With the environment
        variable `IMAGE_SPACES_CPU_RUNTIME=openvino-bf16`, OpenVINO rounds to bfloat16 where that is faster;
        `torch` keeps to PyTorch.
    """
    function = network if function is None else function
    if not is_available() or any(weight.device.type != "cpu" for weight in network.parameters()):
        return function
    return CompiledFunction(network, function, parallel=parallel)


def is_available() -> bool:
    """Return True if OpenVINO is installed and not switched off."""
    return _runtime() != "torch" and importlib.util.find_spec("openvino") is not None


def _runtime() -> str:
    return os.environ.get("IMAGE_SPACES_CPU_RUNTIME", "openvino").lower()


class CompiledFunction:
    """Function of a network that OpenVINO computes. Safe to call from many threads.

    The first call converts the network. PyTorch computes calls with gradients, and all calls after one that
    OpenVINO cannot.

    Attributes:
        failed: True after such a call.

    Args:
        network: See `compiled`.
        function: See `compiled`.
        parallel: See `compiled`.
    """

    def __init__(self, network: nn.Module, function: TensorFunction, *, parallel: bool = False) -> None:
        self.network, self.function = network, function
        self.failed = False
        self._runner = ModelRunner(
            self._load,
            cores=torch.get_num_threads(),
            parallel=parallel,
            bfloat16=_runtime() == "openvino-bf16",
        )
        self._returns_sequence = False

    def __call__(self, *inputs: Tensor) -> Any:
        if self.failed or torch.is_grad_enabled():
            return self.function(*inputs)
        try:
            outputs = self._runner(inputs)
            return outputs if self._returns_sequence else outputs[0]
        except Exception as error:  # the converter and the runtime raise anything; PyTorch computes the same
            reason = textwrap.shorten(str(error), 300)
            _log.warning(
                "%s is computed by PyTorch: OpenVINO cannot: %s", function_name(self.function), reason
            )
            self.failed = True
            return self.function(*inputs)

    def _load(self, inputs: Sequence[Tensor]) -> openvino.Model:
        model = load_model(self.network, self.function, inputs)
        self._returns_sequence = returns_sequence(model)
        unload_weights(self.network, cache_folder())
        return model
