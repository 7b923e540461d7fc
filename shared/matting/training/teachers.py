"""Public networks of salient objects that supervise the training of the matting network.

U2-NetP (Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020) and ISNet (Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022), as ONNX
files. They are needed for training and for comparison alone: `pip install openvino`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.training.pretrained import PackageError


@dataclass(frozen=True)
class TeacherFormat:
    """Input of a teacher and the size of its stored masks.

    Attributes:
        side: Side of the square input in pixels.
        mean: Mean of each channel, subtracted from RGB in 0..1.
        deviation: Divisor of each channel after that.
        stored_side: Side of the masks that are stored, in pixels.
        by_maximum: True if the image is first divided by its brightest value.
    """

    side: int
    mean: Sequence[float]
    deviation: Sequence[float]
    stored_side: int
    by_maximum: bool = False


FORMATS = {
    "u2netp": TeacherFormat(320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 320, by_maximum=True),
    "isnet": TeacherFormat(1024, (128 / 255,) * 3, (256 / 255,) * 3, 512),
}


class Teacher:
    """Network of salient objects, on the CPU.

    Args:
        name: One of `FORMATS`.
        path: Its ONNX file.
        threads: Threads of a call.
        precision: `"bf16"`, where the processor has it, or `"f32"`.

    Raises:
        PackageError: OpenVINO is not installed.
    """

    def __init__(self, name: str, path: str | Path, *, threads: int = 1, precision: str = "bf16") -> None:
        try:
            import openvino
        except ImportError as error:
            raise PackageError(f"the teachers need a package ({error}): pip install openvino") from error
        self.format = FORMATS[name]
        core = openvino.Core()
        model = core.read_model(path)
        model.reshape([1, 3, self.format.side, self.format.side])
        options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
        self._network = core.compile_model(model, "CPU", options)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the saliency of an image.

        Args:
            image: Mode RGB.

        Returns:
            Mode L, a square of `stored_side`, 0 background to 255 subject; stretch it to the image.
        """
        form = self.format
        square = image.resize((form.side, form.side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        x = np.asarray(square, np.float32) / 255
        if form.by_maximum:
            x = x / max(float(x.max()), 1e-6)
        x = (x - np.asarray(form.mean, np.float32)) / np.asarray(form.deviation, np.float32)
        saliency = np.asarray(self._network(x.transpose(2, 0, 1)[None])[0])[0, 0].clip(0, 1)
        mask = Image.fromarray(np.rint(saliency * 255).astype(np.uint8))
        return mask if form.stored_side == form.side else mask.reduce(form.side // form.stored_side)
