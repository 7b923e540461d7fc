"""Execution of converted models by OpenVINO, whose memory is given back when they are idle."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from shared.core.devices import release_freed_memory

if TYPE_CHECKING:
    import openvino

#: Seconds without a call after which the memory of a model's maps is given back; up to half a gigabyte.
IDLE_SECONDS = 2.0


class ModelRunner:
    """Converted model that is ready to run. Safe to call from many threads.

    Args:
        model: Converted model.
        cores: Number of cores.
        parallel: True if each call has one core, and as many calls run at a time as there are cores.
    """

    def __init__(self, model: openvino.Model, *, cores: int, parallel: bool) -> None:
        import openvino  # deferred: takes a moment

        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # the processor's bfloat16 would cost five digits
            "INFERENCE_NUM_THREADS": cores,
            "NUM_STREAMS": cores if parallel else 1,
            "ENABLE_CPU_PINNING": False,  # other networks use the same cores
        }
        self._model = openvino.Core().compile_model(model, "CPU", options)
        self._requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = 0
        self._last_call = 0.0
        self._timer: threading.Timer | None = None

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Compute the outputs of inputs on the CPU, each a new tensor."""
        with self._lock:
            self._running += 1
        try:
            return self._infer([tensor.contiguous().numpy() for tensor in inputs])
        finally:
            with self._lock:
                self._running -= 1
                self._last_call = time.monotonic()
                if self._timer is None:
                    self._start_timer(IDLE_SECONDS)

    def _infer(self, arrays: Sequence[object]) -> list[Tensor]:
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        try:
            request.infer(arrays, share_inputs=True)
            return [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]
        finally:
            self._requests.put(request)

    def _start_timer(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._release_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _release_if_idle(self) -> None:
        with self._lock:
            rest = self._last_call + IDLE_SECONDS - time.monotonic()
            if self._running or rest > 0:
                self._start_timer(max(rest, IDLE_SECONDS / 2))
                return
            self._timer = None
            self._model.release_memory()
        release_freed_memory()
