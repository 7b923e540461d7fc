"""Costs of calls in seconds, estimated from the durations of earlier ones of about the same size."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any

from gradio.block_function import BlockFunction
from gradio.components import Checkbox, Dropdown, Radio

DURATIONS = 5  # latest ones, whose median counts: the first call of an engine loads it
MIN_MEGAPIXELS = 0.5  # smaller images take as long as this
PRIOR = 1.0  # seconds per megapixel of a function that was never called


class CostModel:
    """Durations of earlier calls by function, chosen settings, and size.

    >>> costs = CostModel()
    >>> costs.estimate("draw", 12), costs.learn("draw", 12, seconds=4), costs.estimate("draw", 24)
    (12.0, None, 8.0)
    """

    def __init__(self) -> None:
        self._durations: dict[Hashable, dict[int, deque[float]]] = {}

    def estimate(self, key: Hashable, megapixels: float) -> float:
        """Return the expected seconds of a call.

        Args:
            key: Function and settings, see `cost_key`.
            megapixels: Size of its images.
        """
        megapixels = max(megapixels, MIN_MEGAPIXELS)
        sizes = self._durations.get(key)
        if not sizes:
            return PRIOR * megapixels
        size = _size_class(megapixels)
        nearest = min(sizes, key=lambda known: abs(known - size))
        return statistics.median(sizes[nearest]) * 2.0 ** (size - nearest)

    def learn(self, key: Hashable, megapixels: float, seconds: float) -> None:
        """Add the duration of a call that succeeded."""
        sizes = self._durations.setdefault(key, {})
        sizes.setdefault(_size_class(megapixels), deque(maxlen=DURATIONS)).append(seconds)


def cost_key(function: BlockFunction, values: Sequence[Any]) -> Hashable:
    """Return the function of a call, and those of its settings that are choices, such as the engine."""
    choices = []
    for component, value in zip(function.inputs, values, strict=False):
        if isinstance(component, (Dropdown, Radio)):
            known = [choice for _, choice in component.choices or []]
            choices.append(value if isinstance(value, (str, int, float)) and value in known else None)
        elif isinstance(component, Checkbox):
            choices.append(value is True)
    return function._id, tuple(choices)


def _size_class(megapixels: float) -> int:
    return round(math.log2(max(megapixels, MIN_MEGAPIXELS)))
