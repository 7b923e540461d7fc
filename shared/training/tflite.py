"""Float weights of networks that were published as int8 TensorFlow Lite files, to start a training from.

Reading such a file needs LiteRT, which comes with the extra `train` (`pip install -e ".[train]"`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def dequantize(values: np.ndarray, scales: np.ndarray, zero_points: np.ndarray, axis: int = 0) -> np.ndarray:
    """The numbers that quantised ones stand for: `(value - zero point) * scale`, as float32.

    Args:
        values: whole numbers of any shape.
        scales: one, or one for each entry along `axis`.
        zero_points: as many.
        axis: see above.

    >>> dequantize(np.array([128, 130], np.uint8), np.array([0.5]), np.array([128]))
    array([0., 1.], dtype=float32)
    """
    shape = [1] * values.ndim
    if len(scales) > 1:
        shape[axis] = len(scales)
    zero, scale = np.reshape(zero_points, shape), np.reshape(scales, shape)
    return ((values.astype(np.float64) - zero) * scale).astype(np.float32)


def read_convolutions(path: str | os.PathLike, names: Sequence[str]) -> dict[str, Tensor]:
    """The convolutions of a network, in the order in which it runs them.

    Args:
        path: a `.tflite` file.
        names: of the layers, in that order.

    Returns:
        For each name `NAME.weight`, float32 `[out, in / groups, rows, columns]` as PyTorch has it, and
        `NAME.bias` `[out]`.

    Raises:
        ImportError: LiteRT is not installed.
        ValueError: the file has another number of convolutions, or is no such file.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates, which would pack several layers into one operator of their own.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    network = Interpreter(str(path), experimental_op_resolver_type=plain)
    network.allocate_tensors()
    tensors = {one["index"]: one["quantization_parameters"] for one in network.get_tensor_details()}
    layers = [one for one in network._get_ops_details() if one["op_name"].endswith("CONV_2D")]
    if len(layers) != len(names):
        raise ValueError(f"{path} has {len(layers)} convolutions, but {len(names)} names were given")

    def real(index: int) -> np.ndarray:
        kept = tensors[index]
        axis = kept["quantized_dimension"]
        return dequantize(network.get_tensor(index), kept["scales"], kept["zero_points"], axis)

    found = {}
    for name, layer in zip(names, layers, strict=True):
        _, weight, bias = layer["inputs"]
        weight, bias = real(weight), real(bias)
        order = (3, 0, 1, 2) if layer["op_name"].startswith("DEPTHWISE") else (0, 3, 1, 2)
        found[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(weight.transpose(order)))
        found[f"{name}.bias"] = torch.from_numpy(bias)
    return found
