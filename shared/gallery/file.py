"""The file of a gallery: what `shared.index.file` writes, and checks of all that is in it.

It may come from a stranger. The layout is checked there; here, that names are texts, that thumbnails are
JPEG files of the size that they should have, and that features are finite numbers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from shared.core.images import MAX_PIXELS, ImageError, open_image
from shared.gallery.snapshot import GalleryEntry, GalleryFullError, GallerySnapshot
from shared.gallery.thumbnails import MAX_NAME, THUMBNAIL
from shared.index import file
from shared.index.file import Reader

KIND = "gallery"
#: What a file takes beside what it counts for in memory.
HEADER = 2**17
MAX_KINDS, MAX_DIMENSIONS = 64, 4
_JPEG = b"\xff\xd8\xff"
_TYPES = ("float32", "float16", "int64", "uint64", "int32", "uint8")


def write(path: str | os.PathLike, snapshot: GallerySnapshot, next_id: int) -> None:
    """Writes a gallery, whole or not at all.

    Args:
        path: Where to; the folder exists.
        snapshot: Of the gallery.
        next_id: Of the picture that comes next.

    Raises:
        OSError: The file cannot be written; one that was there before is as it was.
        ValueError: A feature has a dtype or a shape that files have no place for.
    """
    entries = list(snapshot.entries.values())
    arrays = {
        "ids": [np.array(snapshot.ids, np.int64)],
        "sizes": [np.array([entry.size for entry in entries], np.int32).reshape(-1, 2)],
        **_packed("names", [entry.name.encode("utf-8", "replace") for entry in entries]),
        **_packed("thumbnails", [entry.thumbnail for entry in entries]),
    }
    features = {}
    for number, kind in enumerate(snapshot.feature_names):
        values = snapshot.features(kind)[1]
        if str(values.dtype) not in _TYPES or values.ndim > MAX_DIMENSIONS + 1:
            raise ValueError(f"{kind} is {values.dtype} {list(values.shape)}, which a file has no place for")
        features[kind] = list(values.shape[1:])
        arrays[f"feature {number}"] = [values.reshape(len(values), -1)]
    values = {"pictures": len(entries), "next_id": next_id, "features": features}
    file.write(path, values, arrays, KIND)


def read(
    path: str | os.PathLike, max_count: int, max_bytes: int
) -> tuple[int, Iterator[tuple[GalleryEntry, dict[str, np.ndarray]]]]:
    """Reads a gallery.

    Args:
        path: Where from.
        max_count: A file with more pictures is refused.
        max_bytes: A larger file is refused before it is read.

    Returns:
        The id of the picture that comes next, and one after another the pictures and their features. Each
        picture is checked as it comes.

    Raises:
        IndexFileError: There is no such file, it is not as it was written, or what is in it is no gallery.
        GalleryFull: It holds more pictures than that.
    """
    reader = file.read(path, max_bytes + HEADER, KIND)
    count = reader.integer("pictures", 0, 2**31)
    if count > max_count:
        raise GalleryFullError(f"The file holds {count:,} pictures: at most {max_count:,} have room here.")
    ids = reader.array("ids", np.int64, count)
    reader.check(bool((np.diff(ids) > 0).all()) and ids.min(initial=0) >= 0, "ids do not rise")
    next_id = reader.integer("next_id", int(ids.max(initial=-1)) + 1, 2**62)
    return next_id, _pictures(reader, ids, _features(reader, count))


def _pictures(
    reader: Reader, ids: np.ndarray, features: dict[str, np.ndarray]
) -> Iterator[tuple[GalleryEntry, dict[str, np.ndarray]]]:
    sizes = reader.array("sizes", np.int32, len(ids), 2)
    fine = (sizes > 0).all() and (sizes.astype(np.int64).prod(1) <= MAX_PIXELS).all()
    reader.check(bool(fine), "a picture has no size, or too large a one")
    names, thumbnails = _unpacked(reader, "names", len(ids)), _unpacked(reader, "thumbnails", len(ids))
    for row, id in enumerate(ids.tolist()):
        width, height = sizes[row].tolist()
        name = _name(reader, names[row])
        entry = GalleryEntry(id, name, (width, height), _thumbnail(reader, thumbnails[row]))
        yield entry, {kind: values[row] for kind, values in features.items()}


def _features(reader: Reader, count: int) -> dict[str, np.ndarray]:
    """All features by kind, `[count, ...]`."""
    shapes = reader.values.get("features")
    fine = isinstance(shapes, dict) and len(shapes) <= MAX_KINDS
    reader.check(fine, "it tells no features")
    found = {}
    for number, (kind, shape) in enumerate(shapes.items()):
        fine = isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS
        fine = fine and all(type(length) is int and 0 < length < 2**31 for length in shape)
        reader.check(fine, f"the shape of {kind:.40} is {shape!r:.40}")
        values = reader.arrays.get(f"feature {number}")
        reader.check(
            values is not None and values.shape == (count, math.prod(shape)), f"{kind:.40} has another shape"
        )
        reader.check(values.dtype.kind != "f" or bool(np.isfinite(values).all()), f"{kind:.40} is no number")
        found[kind] = values.reshape(count, *shape)
    return found


def _name(reader: Reader, data: bytes) -> str:
    try:
        name = data.decode("utf-8")
    except ValueError:
        name = ""
    reader.check(0 < len(name) <= MAX_NAME and name.isprintable(), "a name is no text")
    return name


def _thumbnail(reader: Reader, data: bytes) -> bytes:
    try:
        fine = data.startswith(_JPEG) and max(open_image(data).size) <= THUMBNAIL
    except ImageError:
        fine = False
    reader.check(fine, "a thumbnail is no JPEG, or too large")
    return data


def _packed(name: str, texts: list[bytes]) -> dict[str, list[np.ndarray]]:
    """Bytes one after another, and where each ends."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {name: [np.frombuffer(b"".join(texts), np.uint8)], f"{name} end": [ends]}


def _unpacked(reader: Reader, name: str, count: int) -> list[bytes]:
    data = reader.array(name, np.uint8, None)
    ends = reader.array(f"{name} end", np.int64, count)
    bounds = np.concatenate([[0], ends])
    fine = (np.diff(bounds) > 0).all() and bounds[-1] == len(data)
    reader.check(bool(fine), f"its {name} overlap")
    return [data[start:end].tobytes() for start, end in pairwise(bounds.tolist())]
