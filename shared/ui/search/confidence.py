"""A list of matches that is graded: how many get which word, and a grid in parts."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.core.confidence import ConfidenceBands
from shared.gallery.results import Hit
from shared.ui.search.image_grid import Tile, heading, tiles


def graded_words(hits: Sequence[Hit], grades: ConfidenceBands) -> str:
    """How many matches get which grade, and how often each is given to something else."""
    counts = Counter(grades.name(hit.score) for hit in hits)
    told = [
        f"**{counts[step.name]} {step.name}** ({step.min_score:.2f} or more)"
        for step in grades.bands
        if counts[step.name]
    ]
    first = ", ".join(told) or f"**Nothing here seems to be the same.** The best scores {hits[0].score:.2f}"
    reach = [f"{step.false_accept_rate:.0%} find one of {step.min_score:.2f} or more" for step in grades.bands]
    return f"{first}. Of searches for something that is not there, {', '.join(reach)}."


def graded_tiles(
    hits: Sequence[Hit], rows: Sequence[Tile], grades: ConfidenceBands, words: Mapping[str, str]
) -> str:
    """The grid in parts, each below the word for its matches; what only looks alike stands back."""
    parts = []
    for name in grades.names:
        own = [row for hit, row in zip(hits, rows, strict=True) if grades.name(hit.score) == name]
        if own:
            parts += [heading(name.capitalize()), tiles(own, faint=name == grades.below, **words)]
    return "".join(parts)
