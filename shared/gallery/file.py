"""Files of galleries: the layout of `shared.index.file`, with checks of all contents.

A file need not be trusted. The layout is checked on reading; here, that names are texts, that thumbnails are
JPEG files of the right size, and that features are finite numbers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from shared.core.file_names import MAX_NAME_LENGTH
from shared.core.images import MAX_PIXELS, THUMBNAIL_SIDE, ImageError, open_image
from shared.gallery.snapshot import GalleryEntry, GalleryFullError, GallerySnapshot
from shared.index import file
from shared.index.reader import Reader

CONTENT = "gallery"
#: Allowance in bytes for headers and tables, not part of `Gallery.nbytes`.
FILE_OVERHEAD = 2**17
MAX_FEATURES, MAX_DIMENSIONS = 64, 4
_JPEG = b"\xff\xd8\xff"
_DTYPES = ("float32", "float16", "int64", "uint64", "int32", "uint8")


def write(path: str | os.PathLike, snapshot: GallerySnapshot, next_id: int) -> None:
    """Write a gallery, whole or not at all.

    Args:
        path: Path of the file; the folder exists.
        snapshot: Snapshot of the gallery.
        next_id: Id of the next image.

    Raises:
        OSError: The file cannot be written; an older one remains as it was.
        ValueError: A feature has a dtype or a shape that files do not support.
    """
    entries = list(snapshot.entries.values())
    arrays: dict[str, Sequence[np.ndarray]] = {
        "ids": [np.array(snapshot.ids, np.int64)],
        "sizes": [np.array([entry.size for entry in entries], np.int32).reshape(-1, 2)],
        **_pack("names", [entry.name.encode("utf-8", "replace") for entry in entries]),
        **_pack("thumbnails", [entry.thumbnail for entry in entries]),
    }
    shapes = {}
    for number, name in enumerate(snapshot.feature_names):
        features = snapshot.features(name)[1]
        if str(features.dtype) not in _DTYPES or features.ndim > MAX_DIMENSIONS + 1:
            raise ValueError(f"{name} is {features.dtype} {list(features.shape)}, which files do not support")
        shapes[name] = list(features.shape[1:])
        arrays[f"feature {number}"] = [features.reshape(len(features), -1)]
    values: dict[str, Any] = {"pictures": len(entries), "next_id": next_id, "features": shapes}
    file.write(path, values, arrays, CONTENT)


def read(
    path: str | os.PathLike, max_count: int, max_bytes: int
) -> tuple[int, Iterator[tuple[GalleryEntry, dict[str, np.ndarray]]]]:
    """Read a gallery.

    Args:
        path: Path of the file.
        max_count: Largest accepted number of images.
        max_bytes: Largest accepted size, checked before the file is read.

    Returns:
        Id of the next image, and an iterator over images and their features by name. Each image is checked as
        it is read.

    Raises:
        IndexFileError: The file is missing, damaged, or holds no gallery.
        GalleryFullError: It holds too many images.
    """
    reader = file.read(path, max_bytes + FILE_OVERHEAD, CONTENT)
    count = reader.integer("pictures", 0, 2**31)
    if count > max_count:
        raise GalleryFullError(f"The file holds {count:,} pictures: the limit here is {max_count:,}.")
    ids = reader.array("ids", np.int64, count)
    reader.check(bool((np.diff(ids) > 0).all()) and ids.min(initial=0) >= 0, "ids are not ascending")
    next_id = reader.integer("next_id", int(ids.max(initial=-1)) + 1, 2**62)
    return next_id, _read_images(reader, ids, _read_features(reader, count))


def _read_images(
    reader: Reader, ids: np.ndarray, features: dict[str, np.ndarray]
) -> Iterator[tuple[GalleryEntry, dict[str, np.ndarray]]]:
    sizes = reader.array("sizes", np.int32, len(ids), 2)
    valid = (sizes > 0).all() and (sizes.astype(np.int64).prod(1) <= MAX_PIXELS).all()
    reader.check(bool(valid), "a picture has no size, or too large a one")
    names, thumbnails = _unpack(reader, "names", len(ids)), _unpack(reader, "thumbnails", len(ids))
    for row, id in enumerate(ids.tolist()):
        width, height = sizes[row].tolist()
        name = _read_name(reader, names[row])
        entry = GalleryEntry(id, name, (width, height), _read_thumbnail(reader, thumbnails[row]))
        yield entry, {name: values[row] for name, values in features.items()}


def _read_features(reader: Reader, count: int) -> dict[str, np.ndarray]:
    """Read all features by name, `[count, ...]`."""
    shapes = reader.values.get("features")
    if not isinstance(shapes, dict) or len(shapes) > MAX_FEATURES:
        reader.fail("it does not list its features")
    features = {}
    for number, (name, shape) in enumerate(shapes.items()):
        valid = isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS
        valid = valid and all(type(length) is int and 0 < length < 2**31 for length in shape)
        reader.check(valid, f"the shape of {name:.40} is {shape!r:.40}")
        values = reader.arrays.get(f"feature {number}")
        if values is None or values.shape != (count, math.prod(shape)):
            reader.fail(f"{name:.40} has another shape")
        reader.check(values.dtype.kind != "f" or bool(np.isfinite(values).all()), f"{name:.40} is no number")
        features[name] = values.reshape(count, *shape)
    return features


def _read_name(reader: Reader, encoded: bytes) -> str:
    try:
        name = encoded.decode("utf-8")
    except ValueError:
        name = ""
    reader.check(0 < len(name) <= MAX_NAME_LENGTH and name.isprintable(), "a name is no text")
    return name


def _read_thumbnail(reader: Reader, jpeg: bytes) -> bytes:
    try:
        valid = jpeg.startswith(_JPEG) and max(open_image(jpeg).size) <= THUMBNAIL_SIDE
    except ImageError:
        valid = False
    reader.check(valid, "a thumbnail is no JPEG, or too large")
    return jpeg


def _pack(name: str, texts: Sequence[bytes]) -> dict[str, Sequence[np.ndarray]]:
    """Return the concatenated bytes, and the end of each text in them."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {name: [np.frombuffer(b"".join(texts), np.uint8)], f"{name} end": [ends]}


def _unpack(reader: Reader, name: str, count: int) -> list[bytes]:
    """Invert `_pack`."""
    buffer = reader.array(name, np.uint8, None)
    ends = reader.array(f"{name} end", np.int64, count)
    bounds = np.concatenate([[0], ends])
    valid = (np.diff(bounds) > 0).all() and bounds[-1] == len(buffer)
    reader.check(bool(valid), f"its {name} overlap")
    return [buffer[start:end].tobytes() for start, end in pairwise(bounds.tolist())]
