"""Networks of LiteRT files (TensorFlow Lite), which supervise a training: `pip install ai-edge-litert`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.training.pretrained import PackageError


class LiteNetwork:
    """Network of a LiteRT file, on one thread of the CPU.

    Args:
        path: The file.
        threads: Threads of a call.

    Raises:
        PackageError: LiteRT is not installed.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise PackageError(
                f"the teachers need a package ({error}): pip install ai-edge-litert"
            ) from error
        self._network = Interpreter(str(path), num_threads=threads)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]
        self.side = int(self._input["shape"][1])

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Return all outputs, de-quantised.

        Args:
            values: `[side, side, 3]`, of the input's type.
        """
        self._network.set_tensor(self._input["index"], values[None].astype(self._input["dtype"]))
        self._network.invoke()
        outputs = []
        for row in self._network.get_output_details():
            scale, zero = row["quantization"]
            output = self._network.get_tensor(row["index"])[0]
            outputs.append((output.astype(np.float32) - zero) * scale if scale else output)
        return outputs
