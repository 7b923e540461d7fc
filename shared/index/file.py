"""Files of arrays and plain values, written whole or not at all: vector indexes, galleries.

The layout is that of safetensors: eight bytes with the header's length, a JSON header, and the arrays one
after another. Its metadata hold the plain values, as JSON, and a SHA-256 of everything. A file need not be
trusted: nothing in it is executed or unpickled, no number in it is used before it agrees with the size of the
file, and faiss gets none of its bytes before all of them have been checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from shared.index.reader import IndexFileError, Reader, damaged_error

#: Default type of content, and the version of the layout.
VECTOR_INDEX, VERSION = "vector index", 1
MAX_BYTES = 16 * 2**30
_MAX_HEADER = 65_536
_BLOCK = 2**20
_NO_DIGEST = "0" * 64

_DTYPES: dict[str, np.dtype] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def write(
    path: str | os.PathLike,
    values: Mapping[str, Any],
    arrays: Mapping[str, Sequence[np.ndarray]],
    content: str = VECTOR_INDEX,
) -> None:
    """Write a file next to the old one, flush it to disk, and put it in the old one's place.

    At any time the old file or the new one exists, and whole. A process that is killed leaves the unfinished
    file behind, under a unique name with the suffix `.part`.

    Args:
        path: Path of the file; the folder exists.
        values: JSON values.
        arrays: Arrays by name, each in parts of one dtype and row shape, which are concatenated in the file.
        content: Type of content, which a reader must expect.

    Raises:
        OSError: The file cannot be written; an older one remains as it was.
    """
    path = Path(os.path.realpath(path))
    draft = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        with open(draft, "xb") as file:
            _write(file, values, arrays, content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    if hasattr(os, "O_DIRECTORY"):  # elsewhere the system has no way to make a renaming durable
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: str | os.PathLike, max_bytes: int = MAX_BYTES, content: str = VECTOR_INDEX) -> Reader:
    """Read a file and verify its checksum.

    Args:
        path: Path of the file.
        max_bytes: Largest accepted size, checked before the file is read.
        content: Expected type of content.

    Returns:
        Reader of the values and arrays, whose consistency has not been checked.

    Raises:
        IndexFileError: The file is missing, or is not as it was written.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its other end
            raise IndexFileError(f"{path} is no file: give the path of a saved {content}.")
        with open(path, "rb") as file:
            return _read(path, file, max_bytes, content)
    except OSError as error:
        reason = error.strerror or error
        raise IndexFileError(f"{path} cannot be read ({reason}): check the path.") from error


def _write(
    file: BinaryIO, values: Mapping[str, Any], arrays: Mapping[str, Sequence[np.ndarray]], content: str
) -> None:
    header: dict[str, Any] = {
        "__metadata__": {
            "format": _format(content),
            "version": str(VERSION),
            "sha256": _NO_DIGEST,
            "values": json.dumps(values, allow_nan=False),
        }
    }
    end = 0
    for name, parts in arrays.items():
        rows, begin = sum(map(len, parts)), end
        end += sum(part.nbytes for part in parts)
        shape = [rows, *parts[0].shape[1:]]
        header[name] = {"dtype": _NAMES[parts[0].dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MAX_HEADER:
        raise ValueError(f"the values need {len(text)} bytes of JSON, of at most {_MAX_HEADER}")
    digest = hashlib.sha256(text)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for parts in arrays.values():
        for part in parts:
            for block in _blocks(np.ascontiguousarray(part)):
                digest.update(block)
                file.write(block)
    file.seek(8)
    file.write(text.replace(_NO_DIGEST.encode(), digest.hexdigest().encode(), 1))


def _read(path: Path, file: BufferedReader, max_bytes: int, content: str) -> Reader:
    size = os.fstat(file.fileno()).st_size
    if size > max_bytes:
        raise IndexFileError(f"{path} has {size:,} bytes: at most {max_bytes:,} are read here.")
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _MAX_HEADER):
        raise _foreign(path, content)
    text = file.read(length)
    try:
        header = json.loads(text)
        metadata = dict(header.pop("__metadata__"))
        format, version, digest = (metadata[key] for key in ("format", "version", "sha256"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _foreign(path, content) from error
    if format != _format(content):
        raise _foreign(path, content)
    if version != str(VERSION):
        raise IndexFileError(
            f"{path} has version {version!r:.20}, and this program reads version {VERSION}: use the program "
            f"that wrote it, or make the {content} anew."
        )
    arrays = _allocate(path, header, size - 8 - length, content)
    checksum = hashlib.sha256(text.replace(str(digest).encode(errors="replace"), _NO_DIGEST.encode(), 1))
    for array in arrays.values():
        for block in _blocks(array):
            if file.readinto(block) != len(block):
                raise damaged_error(path, "it became shorter while it was read", content)
            checksum.update(block)
    if checksum.hexdigest() != digest:
        raise damaged_error(path, "its checksum is wrong", content)
    try:
        values = json.loads(metadata["values"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged_error(path, "its values are not JSON", content) from error
    if not isinstance(values, dict):
        raise damaged_error(path, "its values have no names", content)
    return Reader(path, values, arrays, content)


def _allocate(path: Path, header: dict[str, Any], size: int, content: str) -> dict[str, np.ndarray]:
    """Allocate the arrays of a header once it is certain that they fill the rest of the file exactly."""
    layouts: dict[str, tuple[list[int], np.dtype]] = {}
    end = 0
    max_length = max(size, _MAX_HEADER)  # an array without rows may still have columns
    for name, entry in header.items():
        try:
            dtype, shape, (begin, stop) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
            valid = 1 <= len(shape) <= 2 and all(
                type(length) is int and 0 <= length <= max_length for length in shape
            )
        except (ValueError, TypeError, KeyError) as error:
            raise damaged_error(path, "its header describes no arrays", content) from error
        if not valid or begin != end or stop != end + math.prod(shape) * dtype.itemsize:
            raise damaged_error(path, "its header contradicts itself", content)
        layouts[name], end = (shape, dtype), stop
    if end != size:
        raise damaged_error(path, f"it holds {size} bytes of arrays where its header says {end}", content)
    return {name: np.empty(shape, dtype) for name, (shape, dtype) in layouts.items()}


def _blocks(array: np.ndarray) -> list[memoryview]:
    """Return the bytes of an array in blocks."""
    if not array.size:
        return []
    view = memoryview(array.data).cast("B")
    return [view[start : start + _BLOCK] for start in range(0, len(view), _BLOCK)]


def _format(content: str) -> str:
    return f"image-spaces-{content.replace(' ', '-')}"


def _foreign(path: Path, content: str) -> IndexFileError:
    return IndexFileError(f"{path} is no saved {content}: give the path of one, or make it anew.")
