"""The CPU runtime: PyTorch's results at any size, the cache, and PyTorch in its place."""

import gc
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from shared.core import weights
from shared.core.cpu_runtime import compiled, conversion, execution, housekeeping
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.cfn import CFN
from shared.networks.colorization import Colorization
from shared.networks.crossmodal.joint import JointSpace
from shared.networks.drawing import ColoringNetwork, DrawingNetwork
from shared.networks.fcfn import FCFN, FCFNEdges
from shared.networks.matting import MattingNetwork
from shared.networks.parsing import ParsingNetwork
from shared.networks.pose import PoseNetwork
from shared.networks.rds import RDS

SIZES = ((96, 128), (33, 47), (65, 40), (224, 224))
#: Weights, class of their network, its function (by default the network itself), and input channels.
NETWORKS = {
    "edges-rds": (RDS, None, 3),
    "edges-hed": (RDS, None, 3),
    "edges-fcfn": (FCFNEdges, None, 3),
    "recognition-cfn": (CFN, lambda network: network.features_and_logits, 3),
    "recognition-lite": (CFN, lambda network: network.features_and_logits, 3),
    "recognition-plain": (CFN, lambda network: network.features_and_logits, 3),
    "recognition-fcfn": (FCFN, None, 3),
    "recognition-fcfn-streets": (FCFN, None, 3),
    "retrieval-lite": (EfficientNetLite, None, 3),
    "retrieval-mobilenet": (MobileNetV1, None, 3),
    "crossmodal-joint": (JointSpace, lambda network: network.base.forward, 3),
    "matting-subject": (MattingNetwork, None, 3),
    "restyle-parsing": (ParsingNetwork, None, 3),
    "restyle-pose": (PoseNetwork, None, 3),
    "translation-color": (Colorization, None, 1),
    "translation-coloring": (ColoringNetwork, None, 1),
    "translation-drawing": (DrawingNetwork, None, 3),
}


@pytest.fixture(autouse=True)
def _openvino_with_an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("IMAGE_SPACES_CPU_RUNTIME")
    monkeypatch.setenv("IMAGE_SPACES_NETWORK_CACHE", str(tmp_path))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1), nn.ReLU()).eval()


@pytest.fixture
def conversions(monkeypatch):
    """Inputs of the conversions so far."""
    calls, convert = [], conversion.convert

    def count(*arguments):
        calls.append(arguments)
        return convert(*arguments)

    monkeypatch.setattr(conversion, "convert", count)
    return calls


def outputs(function, *inputs):
    with torch.inference_mode():
        result = function(*inputs)
    return [result] if isinstance(result, torch.Tensor) else list(result)


@pytest.mark.parametrize("name", NETWORKS)
def test_results_are_those_of_pytorch_at_any_size(name):
    network_class, choose, channels = NETWORKS[name]
    network = weights.load(network_class, name)
    function = network if choose is None else choose(network)
    fast = compiled(network, function)
    generator = torch.Generator().manual_seed(0)
    for index, size in enumerate(SIZES):
        x = torch.rand(1 + index % 2, channels, *size, generator=generator)
        expected, actual = outputs(function, x), outputs(fast, x)
        assert len(expected) == len(actual)
        for tensor, other in zip(expected, actual, strict=True):
            torch.testing.assert_close(other, tensor, rtol=1e-4, atol=1e-3)
    assert not fast.failed


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 300), (5, 7)])
@pytest.mark.parametrize("name", ["edges-rds", "recognition-fcfn"])
def test_tiny_pictures(name, size):
    network = weights.load(NETWORKS[name][0], name)
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    (expected,), (actual,) = outputs(network, x), outputs(compiled(network), x)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-3)


def test_sequence_of_one_stays_a_sequence(network):
    x = torch.rand(1, 3, 8, 8)
    for _ in range(2):  # converted, and from the cache
        with torch.inference_mode():
            result = compiled(network, lambda x: [network(x)])(x)
        assert isinstance(result, list)
        assert len(result) == 1


def test_several_inputs(network):
    def difference(x, y):
        return network(x) - network(y)

    pair = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    (expected,), (actual,) = outputs(difference, *pair), outputs(compiled(network, difference), *pair)
    torch.testing.assert_close(actual, expected)


def test_second_process_reads_the_converted_network(network, conversions):
    x = torch.rand(1, 3, 8, 8)
    (first,), (second,) = outputs(compiled(network), x), outputs(compiled(network), x)
    assert torch.equal(first, second)
    assert len(conversions) == 1


def test_other_weights_settings_and_functions_are_converted_anew(network, conversions):
    x = torch.rand(1, 3, 8, 8)
    outputs(compiled(network), x)
    with torch.no_grad():
        network[0].weight += 1
    (actual,), (expected,) = outputs(compiled(network), x), outputs(network, x)
    torch.testing.assert_close(actual, expected)
    network[0].padding = (0, 0)
    (actual,), (expected,) = outputs(compiled(network), x), outputs(network, x)
    torch.testing.assert_close(actual, expected)
    (actual,), (expected,) = outputs(compiled(network, network[0].forward), x), outputs(network[0], x)
    torch.testing.assert_close(actual, expected)
    assert len(conversions) == 4


def test_damaged_cache_is_replaced(network, conversions, tmp_path):
    x = torch.rand(1, 3, 8, 8)
    outputs(compiled(network), x)
    for file in tmp_path.glob("*/*"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (actual,), (expected,) = outputs(compiled(network), x), outputs(network, x)
    torch.testing.assert_close(actual, expected)
    outputs(compiled(network), x)
    assert len(conversions) == 2


def test_cache_is_bounded_and_keeps_what_was_used_last(network, tmp_path, monkeypatch):
    x = torch.rand(1, 3, 8, 8)
    monkeypatch.setattr(conversion, "MAX_CACHE_BYTES", 1)
    outputs(compiled(network), x)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(conversion, "MAX_CACHE_BYTES", 1 << 20)
    outputs(compiled(network), x)
    assert len(list(tmp_path.iterdir())) == 1


def test_folder_that_cannot_be_written_is_no_error(network, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("IMAGE_SPACES_NETWORK_CACHE", str(file / "cache"))
    fast = compiled(network)
    x = torch.rand(1, 3, 8, 8)
    (actual,), (expected,) = outputs(fast, x), outputs(network, x)
    torch.testing.assert_close(actual, expected)
    assert not fast.failed


def test_gradients_come_from_pytorch(network, conversions):
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    compiled(network)(x).sum().backward()
    assert x.grad is not None
    assert not conversions


def test_network_that_cannot_be_converted_runs_in_pytorch(caplog):
    class Reader(nn.Module):
        def forward(self, x):
            raise_in_recording = torch.jit.is_tracing()
            if raise_in_recording:
                raise RuntimeError("no recording")
            return x + 1

    fast = compiled(Reader().eval())
    x = torch.zeros(1, 3, 2, 2)
    assert outputs(fast, x)[0].sum() == outputs(fast, x)[0].sum() == 12
    assert fast.failed
    assert caplog.text.count("Reader is computed by PyTorch") == 1


@pytest.mark.parametrize("parallel", [False, True])
def test_many_threads(network, parallel):
    fast = compiled(network, parallel=parallel)
    images = [torch.rand(1, 3, 8 + index % 5, 8) for index in range(60)]
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(lambda x: outputs(fast, x)[0], images))
    for x, result in zip(images, results, strict=True):
        torch.testing.assert_close(result, outputs(network, x)[0])


def test_first_and_frequent_sizes_are_compiled_for_themselves(network, monkeypatch):
    compiled_shapes, program = [], execution._Program

    def record(model, options):
        compiled_shapes.append(str(model.inputs[0].partial_shape))
        return program(model, options)

    monkeypatch.setattr(execution, "_Program", record)
    fast = compiled(network)
    monkeypatch.setattr(execution, "MAX_SIZES", 3)
    sides = [8, 10, 12, 10, 10, 10, 10, 14, 14, 14, 14, 16, 16, 16, 16, 8]
    for side in sides:
        x = torch.rand(1, 3, side, 8)
        torch.testing.assert_close(outputs(fast, x)[0], outputs(network, x)[0])
    assert compiled_shapes == ["[1,3,8,8]", "[?,3,?,?]", "[1,3,10,8]", "[1,3,14,8]", "[1,3,16,8]"]
    assert not fast.failed


def test_programs_of_all_models_are_bounded(network, monkeypatch):
    programs, program = weakref.WeakSet(), execution._Program

    def record(model, options):
        programs.add(new := program(model, options))
        return new

    monkeypatch.setattr(execution, "_Program", record)
    monkeypatch.setattr(execution, "own_programs", execution.OwnPrograms())
    monkeypatch.setattr(execution, "MAX_OWN_PROGRAMS", 3)
    functions = [compiled(network) for _ in range(5)]
    x = torch.rand(1, 3, 8, 8)
    (expected,) = outputs(network, x)
    for fast in functions:  # the programs of the first two are given up
        torch.testing.assert_close(outputs(fast, x)[0], expected)
    gc.collect()
    assert len(programs) == 3
    images = [torch.rand(1, 3, 8 + index % 3, 8) for index in range(60)]
    with ThreadPoolExecutor(4) as executor:
        results = list(
            executor.map(lambda pair: outputs(functions[pair[0] % 5], pair[1])[0], enumerate(images))
        )
    for image, result in zip(images, results, strict=True):
        torch.testing.assert_close(result, outputs(network, image)[0])
    gc.collect()
    assert len(programs) <= 3 + len(functions)  # and one for all sizes of each
    functions.clear()
    del fast
    gc.collect()
    assert not programs


def test_memory_is_given_back_when_idle(network, monkeypatch):
    monkeypatch.setattr(execution, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(housekeeping, "PERIOD", 0.02)
    released = threading.Event()
    monkeypatch.setattr(housekeeping, "release_freed_memory", released.set)
    fast = compiled(network)
    x = torch.rand(1, 3, 8, 8)
    (expected,) = outputs(fast, x)
    assert released.wait(5)
    assert torch.equal(outputs(fast, x)[0], expected)


def test_programs_are_given_up_after_a_long_time_without_a_call(network, conversions, monkeypatch):
    monkeypatch.setattr(execution, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(execution, "FORGET_SECONDS", 0.3)
    monkeypatch.setattr(housekeeping, "PERIOD", 0.02)
    programs, program = weakref.WeakSet(), execution._Program

    def record(model, options):
        programs.add(new := program(model, options))
        return new

    monkeypatch.setattr(execution, "_Program", record)
    fast = compiled(network)
    images = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 9, 8)
    expected = [outputs(fast, x)[0] for x in images]
    assert len(programs) == 2
    deadline = time.monotonic() + 5
    while programs and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not programs
    for x, result in zip(images, expected, strict=True):
        assert torch.equal(outputs(fast, x)[0], result)
    assert not fast.failed
    assert len(conversions) == 1


@pytest.mark.parametrize("stage", ["IDLE_SECONDS", "FORGET_SECONDS"])
def test_memory_is_not_given_back_during_a_call(network, monkeypatch, stage):
    monkeypatch.setattr(execution, stage, 0.01)
    monkeypatch.setattr(housekeeping, "PERIOD", 0.01)
    fast = compiled(network)
    images = [torch.rand(1, 3, 64, 64) for _ in range(200)]
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(lambda x: (time.sleep(0.005), outputs(fast, x)[0])[1], images))
    assert not fast.failed
    for x, result in zip(images, results, strict=True):
        torch.testing.assert_close(result, outputs(network, x)[0])


def test_pytorch_alone(network, monkeypatch):
    monkeypatch.setenv("IMAGE_SPACES_CPU_RUNTIME", "torch")
    assert compiled(network) is network
    monkeypatch.delenv("IMAGE_SPACES_CPU_RUNTIME")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert compiled(network) is network


@pytest.mark.parametrize(("able", "tolerance"), [(False, 1e-5), (True, 2e-2)])
def test_bfloat16_where_the_processor_has_it(network, monkeypatch, able, tolerance):
    monkeypatch.setenv("IMAGE_SPACES_CPU_RUNTIME", "openvino-bf16")
    monkeypatch.setattr(execution, "has_bfloat16", lambda: able)
    fast, hints = compiled(network), []
    program = execution._Program
    monkeypatch.setattr(
        execution,
        "_Program",
        lambda model, options: hints.append(options["INFERENCE_PRECISION_HINT"]) or program(model, options),
    )
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(outputs(fast, x)[0], outputs(network, x)[0], atol=tolerance, rtol=tolerance)
    assert (hints, fast.failed) == (["bf16" if able else "f32"], False)


PROCESS = """
import time
import torch
from torch import nn
from shared.core.cpu_runtime import compiled
with torch.inference_mode():
    compiled(nn.Conv2d(3, 8, 3).eval())(torch.rand(1, 3, 64, 64))
time.sleep(float({seconds}))
"""


@pytest.mark.parametrize("seconds", [0, execution.IDLE_SECONDS])
def test_a_process_ends_cleanly_while_memory_is_given_back(seconds):
    code = PROCESS.format(seconds=seconds)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nothing_is_reported_to_the_makers_of_openvino():
    from openvino.tools.ovc import telemetry_utils

    assert conversion.sys.modules["openvino_telemetry"] is None
    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"
