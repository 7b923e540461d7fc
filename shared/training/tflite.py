"""Float weights of networks that were published as int8 TensorFlow Lite files, the start of a training.

LiteRT reads such a file; the extra `train` installs it (`pip install -e ".[train]"`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def dequantize(values: np.ndarray, scales: np.ndarray, zero_points: np.ndarray, axis: int = 0) -> np.ndarray:
    """Compute the numbers that quantized ones stand for: `(value - zero point) * scale`.

    Args:
        values: Whole numbers of any shape.
        scales: `[1]`, or one for each entry along `axis`.
        zero_points: Of the same shape.
        axis: Axis of the scales.

    Returns:
        float32, of the shape of `values`.

    >>> dequantize(np.array([128, 130], np.uint8), np.array([0.5]), np.array([128]))
    array([0., 1.], dtype=float32)
    """
    shape = [1] * values.ndim
    if len(scales) > 1:
        shape[axis] = len(scales)
    zero, scale = np.reshape(zero_points, shape), np.reshape(scales, shape)
    return ((values.astype(np.float64) - zero) * scale).astype(np.float32)


def read_convolutions(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Tensor]:
    """Read the convolutions of a network, in their order of execution.

    Args:
        path: A `.tflite` file.
        names: Names of the layers, in that order.

    Returns:
        For each name `NAME.weight`, float32 `[out, in / groups, rows, columns]` as PyTorch has it, and
        `NAME.bias` `[out]`.

    Raises:
        ImportError: LiteRT is not installed.
        ValueError: The file has another number of convolutions, or is no such file.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates, which would pack several layers into one operator of their own.
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    network = Interpreter(str(path), experimental_op_resolver_type=resolver)
    network.allocate_tensors()
    quantization = {
        tensor["index"]: tensor["quantization_parameters"] for tensor in network.get_tensor_details()
    }
    layers = [layer for layer in network._get_ops_details() if layer["op_name"].endswith("CONV_2D")]
    if len(layers) != len(names):
        raise ValueError(f"{path} has {len(layers)} convolutions, but {len(names)} names were given")

    def read(index: int) -> np.ndarray:
        parameters = quantization[index]
        axis = parameters["quantized_dimension"]
        return dequantize(network.get_tensor(index), parameters["scales"], parameters["zero_points"], axis)

    tensors = {}
    for name, layer in zip(names, layers, strict=True):
        _, weight, bias = layer["inputs"]
        order = (3, 0, 1, 2) if layer["op_name"].startswith("DEPTHWISE") else (0, 3, 1, 2)
        tensors[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(read(weight).transpose(order)))
        tensors[f"{name}.bias"] = torch.from_numpy(read(bias))
    return tensors
