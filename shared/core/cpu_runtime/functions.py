"""Compiled functions of networks, with PyTorch in their place where OpenVINO cannot compute them."""

from __future__ import annotations

import importlib.util
import logging
import os
import queue
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from shared.core.cpu_runtime.conversion import TensorFunction, function_name, load_model, returns_sequence

if TYPE_CHECKING:
    import openvino

_log = logging.getLogger(__name__)

#: Inputs of more bytes than this leave large maps behind. Their memory is given back after so many seconds
#: without a call: the next tile of the same image needs it again.
MAX_KEPT_BYTES = 2 << 20
KEPT_SECONDS = 1.0


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
        `function` itself unless the network is on the CPU and OpenVINO is installed. The environment variable
        `IMAGE_SPACES_CPU_RUNTIME=torch` keeps to PyTorch as well.
    """
    function = network if function is None else function
    if not is_available() or any(weight.device.type != "cpu" for weight in network.parameters()):
        return function
    return CompiledFunction(network, function, parallel=parallel)


def is_available() -> bool:
    """Return True if OpenVINO is installed and not switched off."""
    wanted = os.environ.get("IMAGE_SPACES_CPU_RUNTIME", "openvino").lower() != "torch"
    return wanted and importlib.util.find_spec("openvino") is not None


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
        self.network, self.function, self.parallel = network, function, parallel
        self._cores = torch.get_num_threads()
        self._lock = threading.Lock()
        self._model: openvino.CompiledModel | None = None
        self._release: threading.Timer | None = None
        self._returns_sequence = False
        self.failed = False
        self._requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()

    def __call__(self, *inputs: Tensor) -> Any:
        if self.failed or torch.is_grad_enabled():
            return self.function(*inputs)
        try:
            self._compile(inputs)
            return self._infer(inputs)
        except Exception:  # the converter and the runtime raise anything; PyTorch computes the same
            _log.warning(
                "%s is computed by PyTorch: OpenVINO cannot.", function_name(self.function), exc_info=True
            )
            self.failed = True
            return self.function(*inputs)

    def _infer(self, inputs: Sequence[Tensor]) -> Any:
        assert self._model is not None
        arrays = [tensor.contiguous().numpy() for tensor in inputs]
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        request.infer(arrays, share_inputs=True)
        outputs = [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]
        self._requests.put(request)
        if sum(array.nbytes for array in arrays) > MAX_KEPT_BYTES:
            self._release_later()
        return outputs if self._returns_sequence else outputs[0]

    def _release_later(self) -> None:
        """Give the memory of maps back after a while, unless another call begins the wait anew."""
        assert self._model is not None
        timer = threading.Timer(KEPT_SECONDS, self._model.release_memory)
        timer.daemon = True
        with self._lock:
            if self._release is not None:
                self._release.cancel()
            self._release = timer
        timer.start()

    def _compile(self, inputs: Sequence[Tensor]) -> None:
        with self._lock:
            if self._model is not None:
                return
            import openvino  # deferred: not before the first image

            model = load_model(self.network, self.function, inputs)
            self._returns_sequence = returns_sequence(model)
            options = {
                "INFERENCE_PRECISION_HINT": "f32",  # the processor's bfloat16 would cost five digits
                "INFERENCE_NUM_THREADS": self._cores,
                "NUM_STREAMS": self._cores if self.parallel else 1,
                "ENABLE_CPU_PINNING": False,  # other networks use the same cores
            }
            self._model = openvino.Core().compile_model(model, "CPU", options)
