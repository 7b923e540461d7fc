"""Ingestion of images into a gallery: decoded ahead of need, described, added; failures are reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeAlias, TypeVar, cast

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile, read_images
from shared.core.images import ImageError, Source, open_image, read_file
from shared.core.scheduling import READER_POOL, WorkerPool, prefetch
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, check_fingerprint
from shared.gallery.snapshot import GalleryFullError

T = TypeVar("T")
#: Image as `shared.core.images.open_image` takes it, or as data sets list it.
ImageInput: TypeAlias = Source | ImageFile
#: Called with the name of each image that cannot be used, and the reason.
SkipCallback: TypeAlias = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class DescribedImage:
    """Image with its features.

    Attributes:
        name: Name of the image.
        size: Width and height of the original in pixels.
        image: The image, shrunk if it was large.
        features: Features by name, for `Gallery.add`.
    """

    name: str
    size: tuple[int, int]
    image: Image.Image
    features: Features = field(repr=False)


@dataclass(frozen=True)
class IngestReport:
    """Outcome of an ingestion.

    Attributes:
        ids: Ids of the added images, in the order of the input.
        skipped: Name and reason of each image that cannot be used.
        full_message: Sentence that says why the gallery took no further images, which were not read; empty if
            the gallery took all.
    """

    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    full_message: str = ""


def ingest(
    gallery: Gallery,
    images: Source | Iterable[ImageInput | tuple[str, ImageInput]],
    describe: Callable[[Iterable[tuple[str, ImageInput]], SkipCallback], Iterator[DescribedImage]],
    fingerprint: np.ndarray,
    progress: Callable[[int, int | None], None] | None = None,
) -> IngestReport:
    """Add images to a gallery; those that cannot be used are skipped and reported.

    Args:
        gallery: Destination.
        images: Images, each as `shared.core.images.open_image` takes it, as
            `shared.core.image_files.read_images` lists it, or as a pair of a name and one of these; or a
            single image; or the path of an image, a folder or an archive.
        describe: Describes named images, and calls back for each that cannot be used.
        fingerprint: Fingerprint of the weights behind `describe`.
        progress: Called with the number of finished images and the total, or None if it is unknown.

    Raises:
        FileNotFoundError: A path does not exist, or is no image and contains none.
        MismatchError: The gallery was described with other weights.
    """
    snapshot = gallery.snapshot()
    if len(snapshot):
        check_fingerprint(snapshot, snapshot.ids[:1], fingerprint)
    inputs = _as_iterable(images)
    total = len(inputs) if isinstance(inputs, Sequence) else None
    ids: list[int] = []
    skipped: list[tuple[str, str]] = []

    def report_progress() -> None:
        if progress is not None:
            progress(len(ids) + len(skipped), total)

    def on_skip(name: str, reason: str) -> None:
        skipped.append((name, reason))
        report_progress()

    full_message = ""
    for described in describe(_with_names(inputs), on_skip):
        try:
            ids.append(gallery.add(described.name, described.image, described.features, described.size))
        except GalleryFullError as error:
            full_message = str(error)
            break
        report_progress()
    return IngestReport(tuple(ids), tuple(skipped), full_message)


def decode_stream(
    images: Iterable[tuple[str, ImageInput]],
    prepare: Callable[[str, Image.Image], T],
    *,
    on_skip: SkipCallback,
    buffer_size: int = 8,
    pool: WorkerPool = READER_POOL,
) -> Iterator[T]:
    """Decode and prepare many images ahead of need, in bounded memory and in order.

    Args:
        images: Pairs of name and image. An open file is read before the next pair is requested.
        prepare: Function of name and decoded image, called on worker threads.
        on_skip: Called for each image that cannot be decoded.
        buffer_size: Largest number of images that are ready at a time.
        pool: Worker threads.

    Yields:
        Result of `prepare` for each image.
    """

    def read(named: tuple[str, ImageInput | ImageError]) -> tuple[T | None, str]:
        name, source = named
        if isinstance(source, ImageError):
            return None, str(source)
        try:
            image = source.open_image() if isinstance(source, ImageFile) else open_image(source)
        except ImageError as error:
            return None, str(error)
        return prepare(name, image), ""

    for (name, _), (prepared, reason) in prefetch(_read_open_files(images), read, buffer_size, pool):
        if prepared is None:
            on_skip(name, reason)
        else:
            yield prepared


def _as_iterable(
    images: Source | Iterable[ImageInput | tuple[str, ImageInput]],
) -> Iterable[ImageInput | tuple[str, ImageInput]]:
    if isinstance(images, (str, os.PathLike)):
        return read_images([Path(images)])
    if isinstance(images, (bytes, np.ndarray, Image.Image)) or hasattr(images, "read"):
        return [cast(Source, images)]
    return images


def _read_open_files(
    images: Iterable[tuple[str, ImageInput]],
) -> Iterator[tuple[str, ImageInput | ImageError]]:
    """Replace open files by their bytes or the error, since a caller may close one before it is decoded."""
    for name, source in images:
        if not hasattr(source, "read") or isinstance(source, (ImageFile, Image.Image)):
            yield name, source
            continue
        content: bytes | ImageError
        try:
            content = read_file(source)
        except ImageError as error:
            content = error
        yield name, content


def _with_names(
    images: Iterable[ImageInput | tuple[str, ImageInput]],
) -> Iterator[tuple[str, ImageInput]]:
    for number, image in enumerate(images, 1):
        if isinstance(image, tuple):
            yield image
        elif isinstance(image, ImageFile):
            yield PurePath(image.member or image.path).name, image
        elif isinstance(image, (str, os.PathLike)):
            yield Path(image).name, image
        else:
            yield f"picture {number}", image
