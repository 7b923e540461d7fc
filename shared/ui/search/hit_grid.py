"""The hits of a search as a grid of images, in parts by confidence, and as files."""

import html
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

from shared.core.calibration import ConfidenceBands
from shared.core.file_names import safe_stem
from shared.gallery.gallery import Gallery
from shared.gallery.results import Hit, SearchResults
from shared.ui.components.results import result_file
from shared.ui.search.image_grid import GridImage, grid_heading, grid_message, image_grid_html
from shared.ui.search.summary import NO_HITS, count_good

#: Hits of a search as JSON values, and as pictures with captions, as endpoints return them.
Hits: TypeAlias = tuple[dict[str, Any], list[tuple[str, str]]]

SELECT_TOOLTIP = "More like this"
EXPLAIN_LABEL = "Why?"


def hit_grid_html(results: SearchResults, gallery: Gallery) -> str:
    """Return the HTML of a search's hits, the best first; those that are probably wrong are small.

    Args:
        results: Results of the search.
        gallery: The gallery that was searched.
    """
    entries = {entry.id: entry for entry in gallery.entries}
    hits = [hit for hit in results.hits if hit.id in entries]  # an image may just have been removed
    if not hits:
        return grid_message(NO_HITS)
    max_score = max(1.0, hits[0].ranking_score)
    images = [_grid_image(hit, entries[hit.id].thumbnail, max_score) for hit in hits]
    grid = partial(image_grid_html, press=SELECT_TOOLTIP, button=EXPLAIN_LABEL, tag=results.engine)
    if results.threshold is None:
        return grid(images)
    if results.confidence_bands is not None:
        names = [results.confidence_bands.name(hit.verdict_score) for hit in hits]
        return "".join(
            grid_heading(name.capitalize()) + grid(group, small=name == results.confidence_bands.below)
            for name, group in _group_by_band(names, images, results.confidence_bands)
        )
    good = count_good(hits, results.threshold)
    if good == len(hits):
        return grid(images)
    lowest = results.threshold if results.possible_threshold is None else results.possible_threshold
    possible = max(count_good(hits, lowest), good)
    heading = "Less similar" if hits[0].probability is None else "Less likely"
    parts = [
        grid(images[:good]) if good else "",
        grid_heading(heading) if 0 < good < possible else "",
        grid(images[good:possible]) if good < possible else "",
    ]
    if possible < len(hits):
        parts += [grid_heading("Probably something else"), grid(images[possible:], small=True)]
    return "".join(parts)


def side_by_side_html(results: Sequence[SearchResults], titles: Sequence[str], gallery: Gallery) -> str:
    """Return the HTML of the hits of one or more engines, next to each other.

    Args:
        results: Results of each engine.
        titles: Titles of the engines.
        gallery: The gallery that was searched.
    """
    if len(results) == 1:
        return hit_grid_html(results[0], gallery)
    columns = [
        f"<section><h4>{html.escape(title)}</h4>{hit_grid_html(result, gallery)}</section>"
        for title, result in zip(titles, results, strict=True)
    ]
    return f'<div class="is-columns">{"".join(columns)}</div>'


def hit_images(results: SearchResults, gallery: Gallery) -> list[tuple[str, str]]:
    """Return the hits as paths of image files with captions, for `gr.Gallery`.

    Args:
        results: Results of the search.
        gallery: The gallery that was searched.
    """
    entries = {entry.id: entry for entry in gallery.entries}
    return [
        (
            result_file(entries[hit.id].thumbnail, f"{safe_stem(hit.name)}.jpg"),
            f"{hit.rank}. {hit.name}, {max(hit.ranking_score, 0.0):.3f}",
        )
        for hit in results.hits
        if hit.id in entries
    ]


def _grid_image(hit: Hit, jpeg: bytes, max_score: float) -> GridImage:
    score = max(hit.score, 0.0)  # a negative similarity says no more to people than none
    return GridImage(
        hit.id,
        hit.name,
        jpeg,
        value=f"{score:.2f}" if hit.probability is None else f"{hit.probability:.0%}",
        bar=max(hit.ranking_score, 0.0) / max_score,
        note=f"and {hit.duplicate_count} nearly the same" if hit.duplicate_count else "",
    )


def _group_by_band(
    names: Sequence[str], images: Sequence[GridImage], bands: ConfidenceBands
) -> list[tuple[str, list[GridImage]]]:
    """Return the images of each confidence band that has any, the best band first."""
    groups: dict[str, list[GridImage]] = {name: [] for name in bands.names}
    for name, image in zip(names, images, strict=True):
        groups[name].append(image)
    return [(name, group) for name, group in groups.items() if group]
