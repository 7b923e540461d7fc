"""Errors of callers, with texts for them."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the text is one sentence for the visitor."""


class GenerationError(RuntimeError):
    """Result that could not be made from valid input; the text is one sentence for the visitor."""


class StoppedError(GenerationError):
    """Run that the visitor stopped before its result was there."""
