"""Plain sentences about everyday scenes, among which "describe" finds those that fit a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from shared.crossmodal.queries import QueryError
from shared.crossmodal.wording import plain

MOST_LINES = 1000


@cache
def everyday_sentences() -> tuple[str, ...]:
    """The sentences that come with the package, in a fixed order.

    >>> everyday_sentences()[0]
    'A dog runs across a field of grass.'
    """
    text = resources.files("shared.crossmodal").joinpath("sentences.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def own_lines(lines: str | Sequence[str]) -> list[str]:
    """Sentences that somebody brings, one a line, none twice.

    Raises:
        QueryError: There is none, there are too many, or one says nothing.

    >>> own_lines(["A dog.", "", " A cat. ", "A dog."])
    ['A dog.', 'A cat.']
    """
    given = lines.splitlines() if isinstance(lines, str) else list(lines)
    kept = list(dict.fromkeys(line.strip() for line in given if line.strip()))
    if not kept:
        raise QueryError("Write at least one sentence, one a line.")
    if len(kept) > MOST_LINES:
        raise QueryError(f"At most {MOST_LINES:,} lines can be compared; these are {len(kept):,}.")
    for line in kept:
        plain(line)  # which refuses what says nothing
    return kept
