"""Execution of converted models by OpenVINO: compiled for the sizes that occur, and released when idle."""

from __future__ import annotations

import math
import queue
import threading
import time
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from shared.core.cpu_runtime.housekeeping import Release, housekeeper

if TYPE_CHECKING:
    import openvino

#: Seconds without a call after which the memory of a model's maps is given back; up to half a gigabyte.
IDLE_SECONDS = 2.0
#: Seconds without a call after which the programs are given up as well: 20 to 50 MB for each, which the next
#: call compiles again in a fifth of a second.
FORGET_SECONDS = 30.0
#: Number of calls from which on a size is compiled for itself. It takes a sixth of a second; a call is then
#: one and a half times as fast as by the program for all sizes. And most sizes whose programs are kept.
REPEATED, MAX_SIZES = 4, 4
#: Most programs for a size of their own, of all models: each keeps some 20 MB, and its maps as much again.
MAX_OWN_PROGRAMS = 16
#: Most values of inputs that are compiled for themselves: with larger ones, each program keeps much memory.
MAX_OWN_VALUES = 1_000_000
#: Most sizes whose calls are counted.
MAX_COUNTED = 1000

_Shapes: TypeAlias = tuple[tuple[int, ...], ...]


class OwnPrograms:
    """Register of the programs for a size of their own, of all models. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_use: OrderedDict[tuple[weakref.ref[ModelRunner], _Shapes], None] = OrderedDict()

    def use(self, runner: ModelRunner, shapes: _Shapes) -> None:
        """Note the use of a program, and give up those used longest ago where there are too many."""
        key = weakref.ref(runner), shapes
        surplus = []
        with self._lock:
            self._by_use[key] = None
            self._by_use.move_to_end(key)
            while len(self._by_use) > MAX_OWN_PROGRAMS:
                surplus.append(self._by_use.popitem(last=False)[0])
        for reference, shapes in surplus:  # outside the lock, which the other runner may wait for
            if (other := reference()) is not None:
                other.give_up(shapes)

    def discard(self, runner: ModelRunner, shapes: Iterable[_Shapes]) -> None:
        """Note that programs are no longer there."""
        reference = weakref.ref(runner)
        with self._lock:
            for key in shapes:
                self._by_use.pop((reference, key), None)


own_programs = OwnPrograms()


class ModelRunner:
    """Converted model that is compiled when it is called. Safe to call from many threads.

    The first size and those that come often are compiled for themselves, the others share a program.

    Args:
        load: Loads the converted model for inputs, at the first call and at the first one after a long time.
        cores: Number of cores.
        parallel: True if each call has one core, and as many calls run at a time as there are cores.
        bfloat16: True computes in bfloat16 where the processor has instructions for it: faster, with two to
            three digits.
    """

    def __init__(
        self,
        load: Callable[[Sequence[Tensor]], openvino.Model],
        *,
        cores: int,
        parallel: bool,
        bfloat16: bool = False,
    ) -> None:
        self._load = load
        self._model: openvino.Model | None = None
        self._options: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 and has_bfloat16() else "f32",
            "INFERENCE_NUM_THREADS": cores,
            "NUM_STREAMS": cores if parallel else 1,
            "ENABLE_CPU_PINNING": False,  # other networks use the same cores
        }
        self._any_size: _Program | None = None
        self._sizes: OrderedDict[_Shapes, _Program] = OrderedDict()  # the one used last comes last
        self._calls: Counter[_Shapes] = Counter()
        self._lock = threading.Lock()
        self._running = 0
        self._maps_released = False
        self._last_call = 0.0

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Compute the outputs of inputs on the CPU, each a new tensor."""
        shapes: _Shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        with self._lock:
            program = self._program(inputs, shapes)
            self._running += 1
            has_own_size = shapes in self._sizes
        try:
            if has_own_size:
                own_programs.use(self, shapes)
            return program.infer(inputs)
        finally:
            with self._lock:
                self._running -= 1
                self._last_call = time.monotonic()
            housekeeper.watch(self)

    def release_if_idle(self) -> Release:
        """Give the memory of the maps back if no call has run for `IDLE_SECONDS`, and later all of it."""
        with self._lock:
            idle_seconds = 0.0 if self._running else time.monotonic() - self._last_call
            if idle_seconds >= FORGET_SECONDS:
                self._model = self._any_size = None
                own_programs.discard(self, self._sizes)
                self._sizes.clear()
                self._calls.clear()
                return Release.ALL
            if idle_seconds < IDLE_SECONDS or self._maps_released:
                return Release.NOTHING
            for program in (self._any_size, *self._sizes.values()):
                if program is not None:
                    program.release_memory()
            self._maps_released = True
            return Release.SOME

    def give_up(self, shapes: _Shapes) -> None:
        """Give up the program for inputs of these shapes, once its calls have ended."""
        with self._lock:
            self._sizes.pop(shapes, None)

    def _program(self, inputs: Sequence[Tensor], shapes: _Shapes) -> _Program:
        """Return the program for inputs of these shapes, and compile it where there is none."""
        self._maps_released = False
        if shapes in self._sizes:
            self._sizes.move_to_end(shapes)
            return self._sizes[shapes]
        if self._model is None:
            self._model = self._load(inputs)
        if len(self._calls) > MAX_COUNTED:
            self._calls.clear()
        self._calls[shapes] += 1
        is_small = sum(map(math.prod, shapes)) <= MAX_OWN_VALUES
        is_first = self._any_size is None and not self._sizes
        if is_small and (is_first or self._calls[shapes] >= REPEATED):
            model = self._model.clone()
            model.reshape(dict(zip(model.inputs, map(list, shapes), strict=True)))
            self._sizes[shapes] = _Program(model, self._options)
            while len(self._sizes) > MAX_SIZES:
                own_programs.discard(self, [self._sizes.popitem(last=False)[0]])
            self._calls.clear()
            return self._sizes[shapes]
        if self._any_size is None:
            self._any_size = _Program(self._model, self._options)
        return self._any_size


@cache
def has_bfloat16() -> bool:
    """Return True if the processor has instructions for bfloat16."""
    import openvino  # deferred: takes a moment

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _Program:
    """Model that is compiled for this machine, with a pool of requests to run it."""

    def __init__(self, model: openvino.Model, options: dict[str, object]) -> None:
        import openvino  # deferred: takes a moment

        self._compiled = openvino.Core().compile_model(model, "CPU", options)
        self._requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()

    def infer(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Compute the outputs, each a new tensor."""
        arrays = [tensor.contiguous().numpy() for tensor in inputs]
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer(arrays, share_inputs=True)
            return [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]
        finally:
            self._requests.put(request)

    def release_memory(self) -> None:
        """Give the memory of the maps back; no call may run."""
        self._compiled.release_memory()
