"""Plain sentences about everyday scenes, among which "describe" finds those that fit a picture."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def everyday_sentences() -> tuple[str, ...]:
    """The sentences that come with the package, in a fixed order.

    >>> everyday_sentences()[0]
    'A dog runs across a field of grass.'
    """
    text = resources.files("shared.crossmodal").joinpath("sentences.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
