"""Entries of a gallery for pages and programs: found by id, and listed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GalleryEntry


def find_entry(gallery: Gallery, id: Any) -> GalleryEntry:
    """Return the entry of an image.

    Args:
        gallery: Its gallery.
        id: Number of the image, from a page or an API caller.

    Raises:
        ImageError: No image has this id.
    """
    return gallery.entry(find_ids(gallery, [id])[0])


def find_ids(gallery: Gallery, ids: Iterable[Any]) -> list[int]:
    """Return ids from a page or an API caller as numbers, each of an image of the gallery.

    Raises:
        ImageError: An id is no whole number, or no image has it.
    """
    try:
        numbers = [_as_id(id) for id in ids]
        for number in numbers:
            gallery.entry(number)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageError(_unknown_id(gallery)) from error
    return numbers


def contents(key: str, gallery: Gallery) -> dict[str, Any]:
    """Return a gallery's key and its images as JSON values."""
    images = [
        {"id": entry.id, "name": entry.name, "width": entry.size[0], "height": entry.size[1]}
        for entry in gallery.entries
    ]
    return {"gallery": key, "count": len(images), "images": images}


def _as_id(value: Any) -> int:
    """Return a number from a page or a program as an id.

    Raises:
        ValueError: It is no whole number.
    """
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"an id must be a whole number, received {value!r}")
    return int(value)


def _unknown_id(gallery: Gallery) -> str:
    ids = [entry.id for entry in gallery.entries]
    available = f"its ids run from {min(ids)} to {max(ids)}" if ids else "it is empty"
    return f"The gallery has no picture with this id; {available}."
