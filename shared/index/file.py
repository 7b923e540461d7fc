"""The file of a vector index or a gallery: plain arrays and plain values, written whole or not at all.

The layout is that of safetensors: eight bytes with the header's length, a JSON header, and the arrays one
after another. Its metadata hold the plain values, as JSON, and a SHA-256 of everything. A file may come from
a stranger: nothing in it is ever run or unpickled, no number in it is trusted before it agrees with the size
of the file, and faiss sees none of its bytes before all of them have been checked.
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
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

KIND, VERSION = "vector index", 1
MAX_BYTES = 16 * 2**30
_MAX_HEADER = 65_536
_BLOCK = 2**20
_NO_DIGEST = "0" * 64

_TYPES = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}
_NAMES = {kind: name for name, kind in _TYPES.items()}

#: Greatest size of a number in codebooks and centroids; those of vectors of length 1 are far below.
_LARGEST = 1e3


class IndexFileError(ValueError):
    """A file of another kind, or a damaged one; the text is a sentence that names it and the fix."""


def write(
    path: str | os.PathLike, values: Mapping[str, Any], arrays: Mapping[str, Sequence], kind: str = KIND
) -> None:
    """Writes a file beside the old one, sees that it is on the disk, and puts it in the old one's place.

    Whatever happens meanwhile, the old file or the new one is there, and whole. A process that is killed
    leaves the unfinished file behind, under a name of its own with the ending `.part`.

    Args:
        path: where to; the folder exists.
        values: what JSON can say.
        arrays: each in parts with the same dtype and shape of a row, which follow one another in the file.
        kind: what is in the file; only who expects the same can read it.
    """
    path = Path(os.path.realpath(path))
    draft = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        with open(draft, "xb") as file:
            _write(file, values, arrays, kind)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    if hasattr(os, "O_DIRECTORY"):  # else the system has no way to make a renaming last
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: str | os.PathLike, max_bytes: int = MAX_BYTES, kind: str = KIND) -> Reader:
    """Reads a file and checks that it is the one that was written.

    Args:
        path: where from.
        max_bytes: size above which the file is refused before it is read.
        kind: what is in the file.

    Returns:
        What is in it. That the values and arrays belong together has not been checked.

    Raises:
        IndexFileError: there is no such file, or it is not as it was written.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for its other end
            raise IndexFileError(f"{path} is no file: give the path of a saved {kind}.")
        with open(path, "rb") as file:
            return _read(path, file, max_bytes, kind)
    except OSError as error:
        reason = error.strerror or error
        raise IndexFileError(f"{path} cannot be read ({reason}): check the path.") from error


class Reader:
    """Hands out what is in a file, each thing only if it is what it must be; else `IndexFileError`.

    Attributes:
        path: of the file.
        values: its plain values.
        arrays: its arrays.
        kind: what is in it.
    """

    def __init__(
        self, path: Path, values: dict[str, Any], arrays: dict[str, np.ndarray], kind: str = KIND
    ) -> None:
        self.path = path
        self.values = values
        self.arrays = arrays
        self.kind = kind

    def integer(self, name: str, least: int, most: int) -> int:
        """A whole number in `least`..`most`."""
        value = self.values.get(name)
        self.check(type(value) is int and least <= value <= most, f"{name} is {value!r:.40}")
        return value

    def fraction(self, name: str) -> float:
        """A number above 0 and up to 1."""
        value = self.values.get(name)
        self.check(type(value) in (int, float) and 0 < value <= 1, f"{name} is {value!r:.40}")
        return float(value)

    def choice(self, name: str, known: Sequence[str]) -> str:
        """One of several words."""
        value = self.values.get(name)
        self.check(isinstance(value, str) and value in known, f"{name} is {value!r:.40}")
        return value

    def array(self, name: str, kind: type, *shape: int | None) -> np.ndarray:
        """An array of that dtype and shape; None stands for any length."""
        array = self.arrays.get(name)
        self.check(array is not None, f"{name} is missing")
        fits = array.ndim == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=False)
        )
        self.check(fits and array.dtype == kind, f"{name} is {array.dtype} {list(array.shape)}")
        return array

    def numbers(self, name: str, *shape: int | None) -> np.ndarray:
        """A float32 array of finite numbers of a sensible size."""
        array = self.array(name, np.float32, *shape)
        self.check(
            bool((np.abs(array) <= _LARGEST).all()), f"{name} holds what is no number"
        )  # false for NaN
        return array

    def unit_vectors(self, name: str, dimension: int) -> np.ndarray:
        """Vectors of length 1, float32 `[N, dimension]`."""
        vectors = self.numbers(name, None, dimension)
        lengths = np.einsum("nd,nd->n", vectors, vectors)
        self.check(bool((np.abs(lengths - 1) < 1e-3).all()), f"{name} are not of length 1")
        return vectors

    def ids(self, name: str, count: int) -> np.ndarray:
        """Ids, int64 `[count]`, none of them negative and none twice."""
        ids = self.array(name, np.int64, count)
        self.check(count == 0 or ids.min() >= 0, f"{name} are negative")
        self.check(len(np.unique(ids)) == count, f"{name} are not all different")
        return ids

    def check(self, fine: bool, reason: str) -> None:
        """Raises `IndexFileError` unless all is fine."""
        if not fine:
            raise _damaged(self.path, reason, self.kind)


def _write(file: BinaryIO, values: Mapping[str, Any], arrays: Mapping[str, Sequence], kind: str) -> None:
    header: dict[str, Any] = {
        "__metadata__": {
            "format": _format(kind),
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


def _read(path: Path, file: BinaryIO, max_bytes: int, kind: str) -> Reader:
    size = os.fstat(file.fileno()).st_size
    if size > max_bytes:
        raise IndexFileError(f"{path} has {size:,} bytes: at most {max_bytes:,} are read here.")
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _MAX_HEADER):
        raise _foreign(path, kind)
    text = file.read(length)
    try:
        header = json.loads(text)
        metadata = dict(header.pop("__metadata__"))
        found, version, digest = (metadata[key] for key in ("format", "version", "sha256"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _foreign(path, kind) from error
    if found != _format(kind):
        raise _foreign(path, kind)
    if version != str(VERSION):
        raise IndexFileError(
            f"{path} has version {version!r:.20}, and this program reads version {VERSION}: use the program "
            f"that wrote it, or make the {kind} anew."
        )
    arrays = _layout(path, header, size - 8 - length, kind)
    expected = hashlib.sha256(text.replace(str(digest).encode(errors="replace"), _NO_DIGEST.encode(), 1))
    for array in arrays.values():
        for block in _blocks(array):
            if file.readinto(block) != len(block):
                raise _damaged(path, "it became shorter while it was read", kind)
            expected.update(block)
    if expected.hexdigest() != digest:
        raise _damaged(path, "its checksum is wrong", kind)
    try:
        values = json.loads(metadata["values"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, "its values are not JSON", kind) from error
    if not isinstance(values, dict):
        raise _damaged(path, "its values have no names", kind)
    return Reader(path, values, arrays, kind)


def _layout(path: Path, header: dict, size: int, kind: str) -> dict[str, np.ndarray]:
    """Empty arrays for all that follows the header, once it is certain that they fill it exactly."""
    shapes, end = {}, 0
    most = max(size, _MAX_HEADER)  # an array without rows may still have columns
    for name, entry in header.items():
        try:
            dtype, shape, (begin, stop) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
            fine = 1 <= len(shape) <= 2 and all(type(one) is int and 0 <= one <= most for one in shape)
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(path, "its header describes no arrays", kind) from error
        if not fine or begin != end or stop != end + math.prod(shape) * dtype.itemsize:
            raise _damaged(path, "its header contradicts itself", kind)
        shapes[name], end = (shape, dtype), stop
    if end != size:
        raise _damaged(path, f"it holds {size} bytes of arrays where its header says {end}", kind)
    return {name: np.empty(shape, dtype) for name, (shape, dtype) in shapes.items()}


def _blocks(array: np.ndarray) -> list[memoryview]:
    """The bytes of an array, in handy pieces."""
    if not array.size:
        return []
    view = memoryview(array).cast("B")
    return [view[start : start + _BLOCK] for start in range(0, len(view), _BLOCK)]


def _format(kind: str) -> str:
    return f"image-spaces-{kind.replace(' ', '-')}"


def _foreign(path: Path, kind: str) -> IndexFileError:
    return IndexFileError(f"{path} is no saved {kind}: give the path of one, or make it anew.")


def _damaged(path: Path, reason: str, kind: str) -> IndexFileError:
    made = kind.rpartition(" ")[2]
    return IndexFileError(f"{path} is damaged ({reason}): use a copy of it, or make the {made} anew.")
