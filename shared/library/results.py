"""Results of the photo library: hits of a search, reports of changes, statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, overload

#: Called with the number of finished photos, their total, and the seconds that are probably left (None while
#: that is unknown).
Progress: TypeAlias = Callable[[int, int, float | None], None]


@dataclass(frozen=True)
class LibraryHit:
    """Photo of a library that matches a query.

    Attributes:
        path: Path of the file.
        score: Cosine to the query, -1..1.
        confidence: Verdict in words; None where scores of such a query have not been calibrated.
        probability: Match probability, 0..1; None where scores have not been calibrated.
        taken: Date and time in the photo's metadata, as the camera's clock showed it; None without one.
        size: Width and height in pixels, upright.
        tags: Names of things that are probably in the photo.
        latitude: Degrees north, -90..90; None where the photo's metadata tells no place.
        longitude: Degrees east, -180..180; None as above.
        thumbnail: Small WebP file.
        content: Digest of the file's content, 32 hexadecimal digits.
    """

    path: str
    score: float
    confidence: str | None
    probability: float | None
    taken: datetime | None
    size: tuple[int, int]
    tags: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    thumbnail: bytes = field(default=b"", repr=False)
    content: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the hit as JSON values, without its thumbnail and the keys that do not apply."""
        values: dict[str, Any] = {
            "path": self.path,
            "score": round(self.score, 4) + 0.0,  # never -0.0
            "confidence": self.confidence,
            "probability": None if self.probability is None else round(self.probability, 4),
            "taken": self.taken and self.taken.isoformat(sep=" "),
            "width": self.size[0],
            "height": self.size[1],
            "tags": list(self.tags) or None,
            "latitude": self.latitude,
            "longitude": self.longitude,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class LibraryPhoto:
    """Photo of a library.

    Attributes:
        path: Path of the file.
        content: Digest of its content, 32 hexadecimal digits.
        file_bytes: Size of the file.
        taken: See `LibraryHit`, as the others.
        size: See above.
        tags: See above.
        thumbnail: See above.
    """

    path: str
    content: str
    file_bytes: int
    taken: datetime | None
    size: tuple[int, int]
    tags: tuple[str, ...]
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True)
class LibraryHits(Sequence[LibraryHit]):
    """Hits of one search, the best first; used like a list.

    Attributes:
        hits: The hits.
        searched: Number of photos in the library.
        seconds: Seconds of the search, with the encoding of the query.
        search_seconds: Seconds of the search alone.
        unknown_words: Words of the query that are not in the network's vocabulary.
        hint: Sentence that says how the query would say better what it seems to mean; empty without one.
        read_as: Translation of the query that was searched with; empty if that was the query itself.
    """

    hits: tuple[LibraryHit, ...]
    searched: int
    seconds: float
    search_seconds: float
    unknown_words: tuple[str, ...] = ()
    hint: str = ""
    read_as: str = ""

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[LibraryHit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, index: int) -> LibraryHit: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[LibraryHit, ...]: ...

    def __getitem__(self, index: int | slice) -> LibraryHit | tuple[LibraryHit, ...]:
        return self.hits[index]


@dataclass(frozen=True)
class LibraryReport:
    """Outcome of `Library.add` and `Library.update`.

    Attributes:
        added: Number of new photos.
        changed: Number of photos whose files had changed.
        moved: Number of photos whose files had been moved or renamed; they were not described again.
        deleted: Number of photos whose files are gone.
        unchanged: Number of photos that were there before, as they are.
        skipped: Path and sentence of each file or folder that cannot be used.
        seconds: Seconds of the whole call.
    """

    added: int = 0
    changed: int = 0
    moved: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class LibraryStats:
    """Statistics of a library.

    Attributes:
        uri: Its folder or address.
        photos: Number of photos.
        folders: Number of folders with photos.
        bytes: Bytes of all photo files.
        skipped: Number of files that cannot be used.
        sources: Folders that `Library.update` walks.
        index: By kind of search, `exact` or the type of its index, and how many photos it covers.
        models: Names of the models whose vectors are searched.
        disk_bytes: Bytes of the library itself; None in object storage, where that would cost a listing.
    """

    uri: str
    photos: int
    folders: int
    bytes: int
    skipped: int
    sources: tuple[str, ...]
    index: dict[str, str]
    models: dict[str, str]
    disk_bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the statistics as JSON values."""
        return asdict(self) | {"sources": list(self.sources)}
