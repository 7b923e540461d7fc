"""Errors of callers, with texts for them, and checks of arguments that raise them."""

from __future__ import annotations

from numbers import Real


class InputError(ValueError):
    """Input that cannot be used; the text is one sentence for the visitor."""


class GenerationError(RuntimeError):
    """Result that could not be made from valid input; the text is one sentence for the visitor."""


class StoppedError(GenerationError):
    """Run that the visitor stopped, or left, before its result was there."""


class TimeLimitError(GenerationError):
    """Run that took longer than it may."""


def check_range(name: str, value: float, limits: tuple[float, float]) -> float:
    """Return a setting as a float.

    Args:
        name: Name of the setting, for the error.
        value: Its value.
        limits: Smallest and largest permitted value.

    Raises:
        ValueError: The value is no number or out of range.
    """
    low, high = limits
    if not isinstance(value, Real) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"the {name} must be a number in {low:g}..{high:g}, received {value!r}")
    return float(value)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Check a choice.

    Raises:
        ValueError: The value is not one of the choices.
    """
    if value not in choices:
        raise ValueError(f"the {name} must be one of {', '.join(choices)}, received {value!r}")
