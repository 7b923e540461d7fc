"""Immutable views of a gallery: single entries, and all of them at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from shared.core.images import ImageError


class ImageNotFoundError(ImageError):
    """Id without an image in the gallery; the text is one sentence for the visitor.

    Args:
        id: The id.
    """

    def __init__(self, id: int) -> None:
        super().__init__(f"There is no picture {id} in the gallery: it may have been removed.")


class GalleryFullError(ValueError):
    """Image beyond the limits of a gallery; the text is one sentence for the visitor."""


@dataclass(frozen=True)
class GalleryEntry:
    """Image of a gallery.

    Attributes:
        id: Unique number, which is never used again in the gallery.
        name: Name on display, such as that of a file.
        size: Width and height of the original in pixels, upright.
        thumbnail: JPEG file whose longest side has at most `shared.core.images.THUMBNAIL_SIDE` pixels.
    """

    id: int
    name: str
    size: tuple[int, int]
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class GallerySnapshot:
    """State of a gallery at one moment.

    Attributes:
        version: See `Gallery.version`.
        entries: Images by id, in the order of their addition.
    """

    version: int
    entries: Mapping[int, GalleryEntry]
    _features: Mapping[int, Mapping[str, np.ndarray]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, ascending."""
        return tuple(self.entries)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of every image; none in an empty gallery."""
        return tuple(next(iter(self._features.values()), {}))

    def features(self, name: str, ids: Iterable[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return one feature of many images.

        Args:
            name: One of `feature_names`.
            ids: Ids of the images; by default of all.

        Returns:
            Ids, int64 `[N]`, and values `[N, ...]`; `[0]` for no images.

        Raises:
            ImageNotFoundError: The gallery has no such image.
            KeyError: The feature does not exist.
        """
        chosen = self.ids if ids is None else tuple(ids)
        rows = [self.feature(name, id) for id in chosen]
        return np.array(chosen, np.int64), np.stack(rows) if rows else np.zeros(0, np.float32)

    def image_features(self, id: int) -> dict[str, np.ndarray]:
        """Return all features of an image by name.

        Raises:
            ImageNotFoundError: The gallery has no such image.
        """
        return {name: self.feature(name, id) for name in self.feature_names}

    def feature(self, name: str, id: int) -> np.ndarray:
        """Return one feature of one image.

        Raises:
            ImageNotFoundError: The gallery has no such image.
            KeyError: The feature does not exist.
        """
        features = self._features.get(id)
        if features is None:
            raise ImageNotFoundError(id)
        if name not in features:
            raise KeyError(f"the gallery's pictures have {', '.join(features) or 'no features'}, not {name}")
        return features[name]
