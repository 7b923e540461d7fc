"""Results of the library for visitors and programs: grids of photos, sentences and JSON values."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from shared.core.file_names import display_name, safe_stem
from shared.library.results import LibraryHit, LibraryHits, LibraryPhoto
from shared.library.tabs.shared_library import DuplicateGroups, shown_score
from shared.library.tabs.visitor_filter import relative_folder
from shared.ui.components.results import result_file
from shared.ui.search.image_grid import GridImage, grid_heading, grid_message, image_grid_html
from shared.ui.search.summary import escape_markdown

MORE_LIKE_THIS, OPEN = "More like this", "Open"
NO_HITS = "No photo of the library fits. Change the filter, or lower the lowest score under “Settings”."
NO_PHOTOS = "No photo of the library passes this filter."
NO_DUPLICATES = "There are no photos in the library that are the same, or nearly so."
#: Verdicts on hits that are probably wrong.
NO_MATCH = {"no good match", "probably something else"}
NOTHING_FITS = "Nothing here seems to fit well"
#: Probability below which a hit is shown small.
LOW_PROBABILITY = 0.1


def hits_html(hits: LibraryHits) -> str:
    """Return the HTML of hits in parts by confidence, the best first."""
    if not hits:
        return grid_message(NO_HITS)
    parts = []
    number = 0
    for confidence, group in groupby(hits, key=lambda hit: hit.confidence):
        images = [_hit_image(number + offset, hit) for offset, hit in enumerate(group)]
        number += len(images)
        heading = grid_heading(confidence.capitalize()) if confidence else ""
        is_small = number > len(images) and shown_score(hits[number - len(images)]) < LOW_PROBABILITY
        parts.append(heading + image_grid_html(images, press=MORE_LIKE_THIS, button=OPEN, small=is_small))
    return "".join(parts)


def photos_html(photos: Sequence[LibraryPhoto]) -> str:
    """Return the HTML of photos."""
    if not photos:
        return grid_message(NO_PHOTOS)
    images = [_photo_image(number, photo) for number, photo in enumerate(photos)]
    return image_grid_html(images, press=MORE_LIKE_THIS, button=OPEN)


def duplicates_html(duplicates: DuplicateGroups, sources: Sequence[str]) -> str:
    """Return the HTML of groups of duplicates, with the folders and sizes by which to tell them apart."""
    if not duplicates.groups:
        return grid_message(NO_DUPLICATES)
    parts = []
    for photos in duplicates.groups:
        is_same = len({photo.content for photo in photos}) == 1
        parts.append(grid_heading(f"{len(photos)} photos, {'identical' if is_same else 'nearly the same'}"))
        images = [
            _photo_image(number, photo, f"{relative_folder(photo.path, sources)}, {_size(photo)}")
            for number, photo in enumerate(photos)
        ]
        parts.append(image_grid_html(images, button=OPEN))
    hidden = duplicates.total - len(duplicates.groups)
    return "".join(parts) + (grid_heading(f"and {hidden:,} further groups") if hidden else "")


def summarize_hits(hits: LibraryHits) -> str:
    """Return Markdown that says how many hits there are of each verdict, and how long the search took."""
    counts = Counter(hit.confidence for hit in hits if hit.confidence)
    verdict = ", ".join(f"{name}: {count}" for name, count in counts.items()).capitalize()
    if not counts.keys() - NO_MATCH:
        verdict = NOTHING_FITS if counts else ""
    words = ", ".join(map(escape_markdown, hits.unknown_words[:5]))
    parts = [
        f"**{verdict}.**" if verdict else "",
        f"Read as: {escape_markdown(hits.read_as)}." if hits.read_as else "",
        escape_markdown(hits.hint),
        f"Some words are new here, so their meaning is guessed from the spelling: {words}." if words else "",
        f"It took {hits.seconds:.2f} s among the {count_photos(hits.searched)} of the library.",
    ]
    return " ".join(part for part in parts if part)


def describe_photo(photo: LibraryPhoto, sources: Sequence[str]) -> str:
    """Return Markdown with name, date, size, folder and tags of a photo."""
    folder = escape_markdown(relative_folder(photo.path, sources))
    lines = [f"**{escape_markdown(name_of(photo.path))}**", f"{_size(photo)}, in {folder}"]
    if photo.taken:
        lines.insert(1, f"Taken on {photo.taken:%Y-%m-%d at %H:%M}")
    if photo.tags:
        lines.append(f"Perhaps with: {escape_markdown(', '.join(photo.tags[:10]))}")
    return "  \n".join(lines)


def hits_as_dict(hits: LibraryHits, sources: Sequence[str]) -> dict[str, Any]:
    """Return hits as JSON values, without the folders of the server above the library's own."""
    rows = []
    for hit in hits:
        values = hit.as_dict()
        del values["path"]
        values = {"id": hit.content, **_place(hit.path, sources), **values}
        rows.append({name: value for name, value in values.items() if name not in ("latitude", "longitude")})
    return {
        "hits": rows,
        "searched": hits.searched,
        "seconds": round(hits.seconds, 4),
        "unknown_words": list(hits.unknown_words),
        "hint": hits.hint,
        "read_as": hits.read_as,
    }


def duplicates_as_dict(duplicates: DuplicateGroups, sources: Sequence[str]) -> dict[str, Any]:
    """Return groups of duplicates as JSON values."""
    groups = [
        [
            {
                "id": photo.content,
                **_place(photo.path, sources),
                "width": photo.size[0],
                "height": photo.size[1],
                "bytes": photo.file_bytes,
            }
            for photo in group
        ]
        for group in duplicates.groups
    ]
    return {"groups": groups, "total": duplicates.total}


def hit_files(hits: LibraryHits) -> list[tuple[str, str]]:
    """Return the thumbnails of hits as paths of files with captions, for `gr.Gallery`."""
    return [
        (
            result_file(hit.thumbnail, f"{safe_stem(hit.path)}.webp"),
            f"{rank}. {name_of(hit.path)}, {shown_score(hit):.3f}",
        )
        for rank, hit in enumerate(hits, 1)
    ]


def name_of(path: str) -> str:
    """Return the name of a file for display."""
    return display_name(os.path.basename(path))


def count_photos(count: int) -> str:
    """Return a number of photos in words.

    >>> count_photos(1), count_photos(2000)
    ('1 photo', '2,000 photos')
    """
    return f"{count:,} photo{'' if count == 1 else 's'}"


def _hit_image(number: int, hit: LibraryHit) -> GridImage:
    score = shown_score(hit)
    value = f"{score:.2f}" if hit.probability is None else f"{score:.0%}"
    note = "" if hit.taken is None else f"{hit.taken:%Y-%m-%d}"
    return GridImage(number, name_of(hit.path), hit.thumbnail, value, min(score, 1.0), note, hit.content)


def _photo_image(number: int, photo: LibraryPhoto, note: str = "") -> GridImage:
    date = "" if photo.taken is None else f"{photo.taken:%Y-%m-%d}"
    return GridImage(number, name_of(photo.path), photo.thumbnail, note=note or date, tag=photo.content)


def _place(path: str, sources: Sequence[str]) -> dict[str, str]:
    return {"name": name_of(path), "folder": relative_folder(path, sources)}


def _size(photo: LibraryPhoto) -> str:
    size = (
        f"{photo.file_bytes / 1e6:.1f} MB" if photo.file_bytes >= 1e5 else f"{photo.file_bytes / 1e3:.0f} KB"
    )
    return f"{photo.size[0]} × {photo.size[1]}, {size}"
