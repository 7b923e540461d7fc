"""Checks of the numbers that a visitor sets."""

from __future__ import annotations

from numbers import Real


def check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    """Check a setting.

    Args:
        name: Name of the setting, for the error.
        value: Its value.
        limits: Smallest and largest permitted value.

    Raises:
        ValueError: The value is no number or out of range.
    """
    low, high = limits
    if not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"the {name} must be a number in {low:g}..{high:g}, received {value!r}")
