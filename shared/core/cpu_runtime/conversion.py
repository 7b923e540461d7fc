"""Conversion of functions of networks to OpenVINO, once: a cache folder keeps the converted models.

A model belongs to the weights, the code and the package versions that it was converted from; a checksum of
them is its name in the cache.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import openvino

# OpenVINO reports its uses to its makers over the network, from a process of its own, where this package is
# installed, which it requires; it does without where the import fails.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

#: Function from tensors to a tensor or a sequence of tensors.
TensorFunction = Callable[..., Any]

CODE = Path(__file__).resolve().parents[2]
EXAMPLE_SIZE = 128, 160  # height and width of the images that are recorded
#: Largest size in bytes of the converted models that are kept, those used last.
MAX_CACHE_BYTES = 1 << 29
MODEL = "model.xml"  # the weights lie beside it
RESULT = ["image-spaces", "result"]  # place of a note in the model: "sequence" or "tensor"


def load_model(network: nn.Module, function: TensorFunction, inputs: Sequence[Tensor]) -> openvino.Model:
    """Load the converted form of a function, or convert it and keep it.

    Args:
        network: See `shared.core.cpu_runtime.compiled`.
        function: See there.
        inputs: Inputs of a call. The model takes others of any size but for the second dimension, that of the
            channels.
    """
    import openvino  # deferred: takes a moment

    folder = cache_folder() / _checksum(network, function, inputs)
    with suppress(RuntimeError, OSError):  # not there, or damaged
        model = openvino.Core().read_model(folder / MODEL)
        os.utime(folder)
        return model
    model = convert(network, function, inputs)
    with suppress(RuntimeError, OSError):  # a disk that is full or read-only: the next process converts again
        _keep(model, folder)
    return model


def returns_sequence(model: openvino.Model) -> bool:
    """Return True if the function of a model returns a sequence of tensors, False if a single tensor."""
    return bool(model.get_rt_info(RESULT).value == "sequence")


def function_name(function: TensorFunction) -> str:
    """Return the name of a function in messages and checksums.

    >>> function_name(nn.ReLU()), function_name(nn.ReLU().forward)
    ('ReLU', 'ReLU.forward')
    """
    if isinstance(function, functools.partial):
        arguments = [value for value in function.args if not isinstance(value, nn.Module)]
        return f"{function_name(function.func)}({arguments}, {sorted(function.keywords.items())})"
    return getattr(function, "__qualname__", type(function).__qualname__)


class _Recorded(nn.Module):
    """Module whose forward pass is a function of a network."""

    def __init__(self, network: nn.Module, function: TensorFunction) -> None:
        super().__init__()
        self.network, self.function = network, function

        self.returns_sequence = False

    def forward(self, *inputs: Tensor) -> Any:
        outputs = self.function(*inputs)
        self.returns_sequence = not isinstance(outputs, Tensor)
        return tuple(outputs) if self.returns_sequence else outputs


def convert(network: nn.Module, function: TensorFunction, inputs: Sequence[Tensor]) -> openvino.Model:
    """Convert a function; see `load_model`."""
    # The steps of `openvino.convert_model`, which would report its use to the makers.
    import openvino
    from openvino._offline_transformations import apply_moc_transformations
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    module = _Recorded(network, function).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the recording, about arithmetic with shapes
        examples = tuple(map(_example, inputs))
        recording = TorchScriptPythonDecoder(
            module, example_input=examples, trace_kwargs={"check_trace": False}
        )
    front_end = FrontEndManager().load_by_framework("pytorch")
    graph = front_end.load(recording)
    for place, tensor in zip(graph.get_inputs(), inputs, strict=True):
        graph.set_element_type(place, openvino.Type.f32)
        graph.set_partial_shape(place, openvino.PartialShape(_any_size(tensor)))
    model = front_end.convert(graph)
    apply_moc_transformations(model, cf=False)  # a third of the operations stay: faster to read and compile
    model.set_rt_info("sequence" if module.returns_sequence else "tensor", RESULT)
    return model


def _example(tensor: Tensor) -> Tensor:
    """Return an input to record with: images of a usual size, since very small ones take other ways."""
    return torch.rand(1, tensor.shape[1], *EXAMPLE_SIZE) if tensor.ndim == 4 else tensor


def _any_size(tensor: Tensor) -> list[int]:
    """Return the shape of a tensor with -1 for every dimension but that of the channels."""
    return [size if axis == 1 else -1 for axis, size in enumerate(tensor.shape)]


def cache_folder() -> Path:
    """Return the folder of the converted models, which may not exist."""
    folder = os.environ.get("IMAGE_SPACES_NETWORK_CACHE")
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) if folder else Path(user_cache, "image-spaces", "converted-networks")


def _keep(model: openvino.Model, folder: Path) -> None:
    """Write a converted model to the cache, whole or not at all, and remove those not used for longest."""
    import openvino

    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        openvino.save_model(model, draft / MODEL, compress_to_fp16=False)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    by_age = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    size = 0
    for path in by_age:
        size += sum(file.stat().st_size for file in path.iterdir())
        if size > MAX_CACHE_BYTES:
            shutil.rmtree(path, ignore_errors=True)


def _checksum(network: nn.Module, function: TensorFunction, inputs: Sequence[Tensor]) -> str:
    """Return a checksum of all that a converted model depends on."""
    digest = hashlib.sha256(_code_checksum().encode())
    digest.update(f"{function_name(function)} {[tensor.shape[1:2] for tensor in inputs]}".encode())
    for part in _settings(network):
        digest.update(part.encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def _settings(network: nn.Module) -> Iterator[str]:
    """Yield the class and the plain attributes of each module, such as a stride."""
    for name, module in network.named_modules():
        attributes = vars(module).items()
        plain = {key: value for key, value in attributes if isinstance(value, (int, float, str, tuple))}
        yield f"{name} {type(module).__qualname__} {plain}"


@functools.cache
def _code_checksum() -> str:
    """Return a checksum of the code of networks and of their conversion, and of the versions of packages."""
    import openvino

    digest = hashlib.sha256(f"{torch.__version__} {openvino.__version__}".encode())
    for path in (Path(__file__), *sorted((CODE / "networks").rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
