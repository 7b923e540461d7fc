"""A list of matches that is graded: how many get which word, and a grid in parts."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.core.confidence import Grades
from shared.gallery.results import Hit
from shared.ui.search.tiles import Tile, heading, tiles


def graded_words(hits: Sequence[Hit], grades: Grades) -> str:
    """How many matches get which grade, and how often each is given to something else."""
    counts = Counter(grades.name(hit.score) for hit in hits)
    told = [
        f"**{counts[step.name]} {step.name}** ({step.least:.2f} or more)"
        for step in grades.steps
        if counts[step.name]
    ]
    first = ", ".join(told) or f"**Nothing here seems to be the same.** The best scores {hits[0].score:.2f}"
    reach = [f"{step.false_accepts:.0%} find one of {step.least:.2f} or more" for step in grades.steps]
    return f"{first}. Of searches for something that is not there, {', '.join(reach)}."


def graded_tiles(hits: Sequence[Hit], rows: Sequence[Tile], grades: Grades, words: Mapping[str, str]) -> str:
    """The grid in parts, each below the word for its matches; what only looks alike stands back."""
    parts = []
    for name in grades.names:
        own = [row for hit, row in zip(hits, rows, strict=True) if grades.name(hit.score) == name]
        if own:
            parts += [heading(name.capitalize()), tiles(own, faint=name == grades.rest, **words)]
    return "".join(parts)
