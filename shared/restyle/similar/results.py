"""Results of a search for similar outfits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.gallery.results import Hit


@dataclass(frozen=True)
class SimilarOutfit:
    """Image with somebody who wears similar garments.

    Attributes:
        hit: The image and its score, a cosine.
        person: Number of the person, from 1, the largest first.
    """

    hit: Hit
    person: int


@dataclass(frozen=True)
class SimilarOutfits:
    """Answer to one search.

    Attributes:
        hits: Hits, the best first.
        kinds: Kinds of garments that were compared.
        wearing: Number of images in which somebody wears them all.
        searched: Number of images in the gallery, without the query.
        seconds: Seconds of the whole request, with the description of the query.
        search_seconds: Seconds of the search alone.
    """

    hits: tuple[SimilarOutfit, ...]
    kinds: tuple[str, ...]
    wearing: int
    searched: int
    seconds: float
    search_seconds: float

    @property
    def left_out(self) -> int:
        """Number of images in which nobody wears the garments."""
        return self.searched - self.wearing

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "hits": [{**entry.hit.as_dict(), "person": entry.person} for entry in self.hits],
            "garments": list(self.kinds),
            "wearing": self.wearing,
            "left_out": self.left_out,
            "searched": self.searched,
            "seconds": round(self.seconds, 3),
        }
