"""Pictures on their way into a gallery: decoded ahead, described, and put in; what cannot be used is told."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeAlias, TypeVar

import numpy as np
from PIL import Image

from shared.core.images import MAX_BYTES, ImageError, Source, open_image
from shared.core.prefetch import READER_POOL, WorkerPool, prefetch
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, check_fingerprint
from shared.gallery.snapshot import GalleryFullError
from shared.training.datasets import ImageFile, read_images

T = TypeVar("T")
#: A picture as `shared.core.images.open_image` takes it, or as data sets list it.
ImageInput: TypeAlias = Source | ImageFile
#: Is called with the name of each picture that cannot be used, and the reason.
SkipCallback: TypeAlias = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class DescribedImage:
    """A picture that was described.

    Attributes:
        name: What it is called.
        size: Its width and height.
        picture: The picture, made smaller if it was large.
        features: By kind, for `Gallery.add`.
    """

    name: str
    size: tuple[int, int]
    picture: Image.Image
    features: Features = field(repr=False)


@dataclass(frozen=True)
class IngestReport:
    """What became of pictures that were to be added.

    Attributes:
        ids: Of those that are in the gallery now, in the order in which they came.
        skipped: Name and reason of each that cannot be used.
        full: Why the gallery took no more, as a sentence; empty if all had room. The rest has not been looked
            at.
    """

    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    full: str = ""


def ingest(
    gallery: Gallery,
    photos: Source | Iterable[ImageInput | tuple[str, ImageInput]],
    describe: Callable[[Iterable[tuple[str, ImageInput]], SkipCallback], Iterator[DescribedImage]],
    made: np.ndarray,
    progress: Callable[[int, int | None], None] | None = None,
) -> IngestReport:
    """Adds pictures to a gallery. What cannot be used is left out, and told.

    Args:
        gallery: Where to.
        photos: Any number of pictures, each as `shared.core.images.open_image` takes it, as
            `shared.training.datasets.read_images` lists it, or as a pair of a name and one of these. Or a single
            picture, or the path of a folder or an archive.
        describe: Describes pictures that come with their names, and tells which cannot be used.
        made: The feature `made` of pictures that it describes.
        progress: Is called with the number of pictures that are done, and of all or None if nobody knows.

    Raises:
        FileNotFoundError: A path does not exist, or neither is nor holds a photo.
        MismatchError: The gallery was described with other weights.
    """
    snapshot = gallery.snapshot()
    if len(snapshot):
        check_fingerprint(snapshot, snapshot.ids[:1], made)
    if isinstance(photos, (str, os.PathLike)):
        photos = read_images([photos])
    elif isinstance(photos, (bytes, np.ndarray, Image.Image)) or hasattr(photos, "read"):
        photos = [photos]
    total = len(photos) if isinstance(photos, Sequence) else None
    ids: list[int] = []
    skipped: list[tuple[str, str]] = []

    def tell() -> None:
        if progress is not None:
            progress(len(ids) + len(skipped), total)

    def skip(name: str, reason: str) -> None:
        skipped.append((name, reason))
        tell()

    full = ""
    for one in describe(_named(photos), skip):
        try:
            ids.append(gallery.add(one.name, one.picture, one.features, one.size))
        except GalleryFullError as error:
            full = str(error)
            break
        tell()
    return IngestReport(tuple(ids), tuple(skipped), full)


def decode_stream(
    photos: Iterable[tuple[str, ImageInput]],
    prepare: Callable[[str, Image.Image], T],
    *,
    skipped: SkipCallback,
    ahead: int = 8,
    crew: WorkerPool = READER_POOL,
) -> Iterator[T]:
    """Opens many pictures before they are asked for, in memory that does not grow.

    Args:
        photos: Names and pictures. An open file is read when its turn comes, before the next is asked for.
        prepare: What is done to each name and picture, on other threads.
        skipped: See `SkipCallback`.
        ahead: How many are made ready in advance.
        crew: These threads.
    """

    def read(photo: tuple[str, ImageInput]) -> tuple[T | None, str]:
        name, source = photo
        try:
            picture = source.open_image() if isinstance(source, ImageFile) else open_image(source)
        except ImageError as error:
            return None, str(error)
        return prepare(name, picture), ""

    for (name, _), (prepared, reason) in prefetch(_held(photos), read, ahead, crew):
        if prepared is None:
            skipped(name, reason)
        else:
            yield prepared


def _held(photos: Iterable[tuple[str, ImageInput]]) -> Iterator[tuple[str, ImageInput]]:
    """The same, with the bytes of open files, which may be closed when the next one is asked for."""
    for name, source in photos:
        if hasattr(source, "read") and not isinstance(source, (ImageFile, Image.Image)):
            try:
                if source.seekable():
                    source.seek(0)
                source = source.read(MAX_BYTES + 1)
            except (OSError, ValueError, RuntimeError):
                source = io.BytesIO()  # which is refused as an empty file
        yield name, source


def _named(photos: Iterable[ImageInput | tuple[str, ImageInput]]) -> Iterator[tuple[str, ImageInput]]:
    for number, photo in enumerate(photos, 1):
        if isinstance(photo, tuple):
            yield photo
        elif isinstance(photo, ImageFile):
            yield PurePath(photo.member or photo.path).name, photo
        elif isinstance(photo, (str, os.PathLike)):
            yield Path(photo).name, photo
        else:
            yield f"picture {number}", photo
