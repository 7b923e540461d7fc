"""Errors of callers, with texts for them."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the text is one sentence for the visitor."""
