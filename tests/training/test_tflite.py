"""Float weights of int8 networks."""

import sys
from types import ModuleType

import numpy as np
import pytest

from shared.training.tflite import dequantize, read_convolutions


def test_channels_may_have_different_scales():
    values = np.array([[0, 2], [4, 6]], np.int8)
    scales, zeros = np.array([0.5, 2.0]), np.array([0, 4])
    np.testing.assert_array_equal(dequantize(values, scales, zeros), [[0, 1], [0, 4]])
    np.testing.assert_array_equal(dequantize(values, scales, zeros, axis=1), [[0, -4], [2, 4]])
    assert dequantize(values, scales, zeros).dtype == np.float32


@pytest.fixture
def litert(monkeypatch):
    """LiteRT with a network of an ordinary and a depthwise convolution, whose pixels are 1 and 2 wide."""
    tensors = {
        0: np.zeros((1, 4, 4, 3), np.uint8),
        1: np.arange(6, dtype=np.uint8).reshape(2, 1, 1, 3),
        2: np.array([10, 20], np.int32),
        3: np.zeros((1, 4, 4, 2), np.uint8),
        4: np.arange(18, dtype=np.uint8).reshape(1, 3, 3, 2),
        5: np.array([1, 2], np.int32),
    }

    class Interpreter:
        def __init__(self, path, **options):
            pass

        def allocate_tensors(self):
            pass

        def get_tensor(self, index):
            return tensors[index]

        def get_tensor_details(self):
            parameters = {"scales": np.array([0.5]), "zero_points": np.array([0]), "quantized_dimension": 0}
            return [{"index": index, "quantization_parameters": parameters} for index in tensors]

        def _get_ops_details(self):
            return [
                {"op_name": "CONV_2D", "inputs": [0, 1, 2]},
                {"op_name": "ADD", "inputs": [0, 3]},
                {"op_name": "DEPTHWISE_CONV_2D", "inputs": [3, 4, 5]},
            ]

    module = ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter
    module.OpResolverType = type("OpResolverType", (), {"BUILTIN_WITHOUT_DEFAULT_DELEGATES": 1})
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)


def test_convolutions_come_in_order_and_in_the_layout_of_pytorch(litert):
    tensors = read_convolutions("network.tflite", ["mix", "filter"])
    assert list(tensors) == ["mix.weight", "mix.bias", "filter.weight", "filter.bias"]
    assert tensors["mix.weight"].shape == (2, 3, 1, 1)
    assert tensors["mix.weight"][1, :, 0, 0].tolist() == [1.5, 2, 2.5]
    assert tensors["mix.bias"].tolist() == [5, 10]
    assert tensors["filter.weight"].shape == (2, 1, 3, 3)
    assert tensors["filter.weight"][1, 0, 0].tolist() == [0.5, 1.5, 2.5]


def test_another_number_of_layers_is_an_error(litert):
    with pytest.raises(ValueError, match="2 convolutions, but 1 names"):
        read_convolutions("network.tflite", ["mix"])
