"""Ranges of grey levels: values of any type and range become 0..1."""

from __future__ import annotations

import numpy as np

from shared.core.images.errors import ImageError

#: Common largest values of images whose type does not tell their range.
_TOPS = (1.0, 255.0, 65535.0)
#: Part of the range by which real values may lie outside of it: resampling and sharpening overshoot.
_OVERSHOOT = 0.25


def scale_levels(values: np.ndarray, top: float | None = None) -> np.ndarray:
    """Scale levels to 0..1, as float32.

    Args:
        values: Integers or real numbers of any shape, one kind of channel.
        top: Value of white, if it is known. Otherwise white is the smallest common value (1, 255, 65535)
            that holds all values. Real numbers may pass it by a quarter, and the largest is white then.
            Values that no such range holds are stretched from minimum, or zero, to maximum.

    Raises:
        ImageError: A value is not a finite number.

    >>> scale_levels(np.array([0, 51, 255], np.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageError("This picture holds values that are not numbers: please save it again without them.")
    bottom = 0.0
    if top is None:
        overshoot = _OVERSHOOT if values.dtype.kind == "f" else 0.0
        low, high = float(values.min()), float(values.max())
        common = next((top for top in _TOPS if high <= top * (1 + overshoot)), None)
        if common is None or low < -common * overshoot:
            bottom = min(low, 0.0)
        top = high if common is None or bottom < 0 else max(common, high)
    scale = 1 / max(top - bottom, 1e-12)
    if values.dtype.kind == "f" and values.itemsize <= 4 and bottom == 0:
        levels = values.astype(np.float32) * np.float32(scale)
    else:  # 32-bit integers do not fit into float32
        levels = ((values.astype(np.float64) - bottom) * scale).astype(np.float32)
    return levels.clip(0, 1, out=levels)


def to_uint8(levels: np.ndarray) -> np.ndarray:
    """Return levels 0..1 as 8 bits."""
    return np.rint(levels * np.float32(255)).astype(np.uint8)
