"""What callers did wrong, in words for them."""

from __future__ import annotations


class InputError(ValueError):
    """Something that was given and cannot be used; the text is one sentence for whoever gave it."""
