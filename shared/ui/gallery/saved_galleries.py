"""Saved galleries of visitors: files that need not be trusted, described by this or another search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.images import ImageError
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.snapshot import GalleryFullError
from shared.index.reader import IndexFileError

if TYPE_CHECKING:  # needs faiss, for which the first page must not wait
    from shared.gallery.search import GallerySearch

SUFFIX = ".gallery"  # of a saved gallery


def load_saved(path: str, first_id: int) -> tuple[Gallery, Gallery]:
    """Read a saved gallery.

    Args:
        path: Path of the file.
        first_id: Id of its first image; lower ones are those of the samples.

    Returns:
        An album with its images, moved to ids from `first_id`, and the gallery as it was saved.

    Raises:
        ImageError: The file is no gallery, is damaged, or holds too much.
    """
    try:
        saved = Gallery.load(path, max_count=MAX_COUNT + first_id)
    except (IndexFileError, GalleryFullError, OSError, ValueError) as error:
        reason = str(error).replace(str(path), Path(path).name)
        raise ImageError(f"This gallery cannot be loaded: {reason}") from error
    album = Gallery(saved.max_count, first_id=first_id)
    for entry in saved.entries:
        album.put(replace(entry, id=first_id + entry.id), {})
    return album, saved


def has_features_of(saved: Gallery, search: GallerySearch, described: Gallery) -> bool:
    """Return True if the features of a saved gallery are those of a search and its weights.

    Args:
        saved: The gallery.
        search: The search.
        described: Gallery with images that the search has described.
    """
    if not len(saved) or _feature_types(saved) != _feature_types(described) or _has_zero_vectors(saved):
        return False
    try:
        search.add([], saved)  # checks the fingerprint of the weights
    except ValueError:
        return False
    return True


def _has_zero_vectors(gallery: Gallery) -> bool:
    """Return True if a feature vector of an image is zero, which no search describes and none can compare."""
    snapshot = gallery.snapshot()
    values = (snapshot.features(name)[1] for name in snapshot.feature_names)
    return any(rows.dtype.kind == "f" and rows.ndim == 2 and not rows.any(axis=1).all() for rows in values)


def split_saved(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the saved galleries among files, and all others."""
    saved = [path for path in files if Path(path).suffix == SUFFIX]
    return saved, [path for path in files if path not in saved]


def _feature_types(gallery: Gallery) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return type and shape of the first image's features by name."""
    snapshot = gallery.snapshot()
    first = snapshot.ids[0]
    features = {name: snapshot.feature(name, first) for name in snapshot.feature_names}
    return {name: (value.dtype, value.shape) for name, value in features.items()}
