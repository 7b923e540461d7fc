"""What a gallery gives out: its pictures one by one, and all of them at one moment. Neither ever changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np


class GalleryFullError(ValueError):
    """A picture more than a gallery may hold; the text is a sentence for whoever brought it."""


@dataclass(frozen=True)
class GalleryEntry:
    """One picture of a gallery.

    Attributes:
        id: Its number, which no other picture of this gallery ever has.
        name: What it was called, such as a file's name.
        size: Width and height of the picture as it came, upright.
        thumbnail: A JPEG file whose longest side has at most `shared.gallery.thumbnails.THUMBNAIL` pixels.
    """

    id: int
    name: str
    size: tuple[int, int]
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class GallerySnapshot:
    """A gallery at one moment.

    Attributes:
        version: Of the gallery, see `Gallery.version`.
        entries: By id, in the order in which they came.
    """

    version: int
    entries: Mapping[int, GalleryEntry]
    _features: Mapping[int, Mapping[str, np.ndarray]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, rising."""
        return tuple(self.entries)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features that every picture has; none in an empty gallery."""
        return tuple(next(iter(self._features.values()), {}))

    def features(self, kind: str, ids: Iterable[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Features of one kind.

        Args:
            kind: One of `kinds`.
            ids: Of which pictures; by default all.

        Returns:
            The ids, int64 `[N]`, and an array `[N, ...]`; `[0]` where there are none.

        Raises:
            KeyError: There is no such picture, or no such kind of feature.
        """
        chosen = self.ids if ids is None else tuple(ids)
        rows = [self.feature(kind, id) for id in chosen]
        return np.array(chosen, np.int64), np.stack(rows) if rows else np.zeros(0, np.float32)

    def image_features(self, id: int) -> dict[str, np.ndarray]:
        """Return all features of an image by name.

        Raises:
            KeyError: There is no such image.
        """
        return {name: self.feature(name, id) for name in self.feature_names}

    def feature(self, kind: str, id: int) -> np.ndarray:
        """One feature of one picture; see `features`."""
        own = self._features.get(id)
        if own is None:
            raise KeyError(f"there is no picture {id} in the gallery")
        if kind not in own:
            raise KeyError(f"the gallery's pictures have {', '.join(own) or 'no features'}, not {kind}")
        return own[kind]
