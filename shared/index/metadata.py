"""Ids and metadata of the vectors of an index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.index.reader import Reader
from shared.index.vectors import GrowingArray

MAX_METADATA = 65_536  # characters of JSON
_EMPTY = "{}"


class SortedIds:
    """Rising ids, stored as first id and count as long as none is missing between the first and the last.

    Next to codes of 88 bytes every byte counts, and most indexes never lose a vector. Once an id is missing,
    each takes four bytes, or eight if it is large.
    """

    def __init__(self) -> None:
        self._first = self._count = 0
        self._array: GrowingArray | None = None  # once an id is missing

    def __len__(self) -> int:
        return self._count if self._array is None else len(self._array.rows)

    @property
    def rows(self) -> np.ndarray:
        """All ids, int64."""
        if self._array is None:
            return np.arange(self._first, self._first + self._count)
        return self._array.rows.astype(np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return 0 if self._array is None else self._array.rows.nbytes

    def append(self, ids: np.ndarray) -> None:
        """Append rising ids, int64 `[n]`, that are greater than all present ones."""
        if not len(ids):
            return
        if self._array is None:
            first = self._first if self._count else int(ids[0])
            if ids[-1] - first + 1 == self._count + len(ids):
                self._first, self._count = first, self._count + len(ids)
                return
        array = self._array or self._as_array(np.uint32)
        if ids[-1] > np.iinfo(array.rows.dtype).max:
            array = self._as_array(np.int64)
        array.append(ids)
        self._array = array

    def find(self, ids: np.ndarray) -> np.ndarray | None:
        """Return the positions of ids, int64, or None if one is missing."""
        if self._array is None:
            positions = ids - self._first
            return positions if ((positions >= 0) & (positions < self._count)).all() else None
        rows = self._array.rows
        positions = np.searchsorted(rows, ids.astype(rows.dtype))  # an id that overflows is not found
        inside = positions < len(rows)
        return positions if inside.all() and (rows[positions] == ids).all() else None

    def keep(self, mask: np.ndarray) -> None:
        """Remove the ids for which `mask`, bool `[N]`, is False."""
        if self._array is None:
            positions = np.flatnonzero(mask)
            if not len(positions) or positions[-1] - positions[0] + 1 == len(positions):
                self._first += int(positions[0]) if len(positions) else 0
                self._count = len(positions)
                return
            self._array = self._as_array(np.uint32)
        self._array.keep(mask)

    def _as_array(self, dtype: npt.DTypeLike) -> GrowingArray:
        ids = self.rows
        overflows = len(ids) and ids[-1] > np.iinfo(np.dtype(dtype)).max
        array = GrowingArray(np.int64 if overflows else dtype)
        array.append(ids)
        return array


class MetadataTable:
    """Rising ids, each with a mapping as JSON text.

    Text takes less memory than dictionaries, and callers cannot change it by accident. As long as no mapping
    holds anything there are no texts.
    """

    def __init__(self) -> None:
        self._ids = SortedIds()
        self._texts: GrowingArray | None = None

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> np.ndarray:
        """All ids, int64, rising."""
        return self._ids.rows

    @property
    def nbytes(self) -> int:
        """Bytes of the ids."""
        return self._ids.nbytes

    def append(self, ids: np.ndarray, texts: Sequence[str] | None) -> None:
        """Append new ids, int64 `[n]`, greater than all present ones; None stands for empty mappings."""
        if texts is not None and self._texts is None:
            self._texts = self._empty_texts()
        if self._texts is not None:
            self._texts.append(np.fromiter(texts or [_EMPTY] * len(ids), object, len(ids)))
        self._ids.append(ids)

    def find(self, ids: npt.ArrayLike) -> np.ndarray | None:
        """Return the positions of ids, or None if one is missing."""
        return self._ids.find(np.asarray(ids, np.int64))

    def text(self, position: int) -> str:
        """Return the JSON text at a position."""
        return _EMPTY if self._texts is None else self._texts.rows[position]

    def replace(self, position: int, text: str) -> None:
        """Replace the JSON text at a position."""
        if self._texts is None:
            self._texts = self._empty_texts()
        self._texts.rows[position] = text

    def delete(self, positions: np.ndarray) -> None:
        """Remove ids and their texts."""
        mask = np.ones(len(self), bool)
        mask[positions] = False
        self._ids.keep(mask)
        if self._texts is not None:
            self._texts.keep(mask)

    def arrays(self) -> dict[str, Sequence[np.ndarray]]:
        """Return the arrays from which `from_file` restores the table, in parts."""
        arrays: dict[str, Sequence[np.ndarray]] = {"item_ids": [self.ids]}
        if self._texts is not None:
            texts = [text.encode("ascii") for text in self._texts.rows]
            arrays["item_ends"] = [np.cumsum([len(text) for text in texts], dtype=np.int64)]
            arrays["item_texts"] = [np.frombuffer(b"".join(texts), np.uint8)]
        return arrays

    @classmethod
    def from_file(cls, reader: Reader) -> MetadataTable:
        """Restore a table from a file.

        Raises:
            IndexFileError: Ids do not rise, or a text is not as `encode` writes it.
        """
        table = cls()
        ids = reader.array("item_ids", np.int64, None)
        reader.check(bool((np.diff(ids) > 0).all()) and ids.min(initial=0) >= 0, "item ids do not rise")
        texts = None
        if "item_texts" in reader.arrays:
            buffer = reader.array("item_texts", np.uint8, None)
            ends = reader.array("item_ends", np.int64, len(ids))
            starts = np.concatenate([[0], ends[:-1]])
            lengths = ends - starts
            valid = (lengths >= 2).all() and (lengths <= MAX_METADATA).all()
            reader.check(bool(valid) and ends.max(initial=0) == len(buffer), "its items overlap")
            texts = [
                _decode(reader, buffer[start:end].tobytes()) for start, end in zip(starts, ends, strict=True)
            ]
        table.append(ids, texts)
        return table

    def _empty_texts(self) -> GrowingArray:
        texts = GrowingArray(object)
        texts.append(np.full(len(self), _EMPTY, object))
        return texts


def encode(metadata: Sequence[Mapping[str, Any]] | None, count: int) -> list[str] | None:
    """Encode mappings as JSON texts, or as None if all are empty.

    Raises:
        ValueError: Their number is not `count`, or one is no mapping that JSON can hold.

    >>> encode([{"file": "a.jpg"}], 1)
    ['{"file":"a.jpg"}']
    """
    if metadata is None:
        return None
    if len(metadata) != count:
        raise ValueError(f"expected metadata for each of {count} vectors, received {len(metadata)}")
    texts = [encode_mapping(mapping, number) for number, mapping in enumerate(metadata)]
    return None if all(text is _EMPTY for text in texts) else texts


def encode_mapping(mapping: Mapping[str, Any], number: int = 0) -> str:
    """Encode a mapping as JSON text.

    Args:
        mapping: Mapping with text for keys.
        number: Its number, for the message of an error.

    Raises:
        ValueError: It is no mapping that JSON can hold.
    """
    if not isinstance(mapping, Mapping) or not all(isinstance(key, str) for key in mapping):
        raise ValueError(f"metadata {number} must be a mapping with text for keys, received {mapping!r:.80}")
    try:
        text = json.dumps(dict(mapping), allow_nan=False, separators=(",", ":")) if mapping else _EMPTY
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata {number} cannot be stored as JSON: {error}") from error
    if len(text) > MAX_METADATA:
        raise ValueError(
            f"metadata {number} has {len(text):,} characters as JSON, of at most {MAX_METADATA:,}"
        )
    return text


def _decode(reader: Reader, encoded: bytes) -> str:
    try:
        text = encoded.decode("ascii")
        valid = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        valid = False
    reader.check(valid, "an item is no JSON object")
    return _EMPTY if text == _EMPTY else text
