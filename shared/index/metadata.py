"""The ids of a vector index and their metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shared.index.file import Reader
from shared.index.vectors import GrowingArray

MAX_ITEM = 65_536  # letters of JSON
_EMPTY = "{}"


class SortedIds:
    """Rising ids. While none is missing between the first and the last these two say it all.

    Beside codes of 88 bytes every byte counts, and most indexes never lose a vector. Otherwise an id takes
    four bytes while it can.
    """

    def __init__(self) -> None:
        self._first = self._count = 0
        self._column: GrowingArray | None = None  # once one is missing

    def __len__(self) -> int:
        return self._count if self._column is None else len(self._column.rows)

    @property
    def rows(self) -> np.ndarray:
        """All of them, int64."""
        if self._column is None:
            return np.arange(self._first, self._first + self._count)
        return self._column.rows.astype(np.int64)

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return 0 if self._column is None else self._column.rows.nbytes

    def append(self, ids: np.ndarray) -> None:
        """Adds ids, rising and higher than all others."""
        if not len(ids):
            return
        if self._column is None:
            first = self._first if self._count else int(ids[0])
            if ids[-1] - first + 1 == self._count + len(ids):
                self._first, self._count = first, self._count + len(ids)
                return
            self._spread(self.rows)
        if ids[-1] > np.iinfo(self._column.rows.dtype).max:
            self._spread(self.rows, np.int64)
        self._column.append(ids)

    def find(self, ids: np.ndarray) -> np.ndarray | None:
        """Places of ids, int64, or None if one is not here."""
        if self._column is None:
            places = ids - self._first
            return places if ((places >= 0) & (places < self._count)).all() else None
        rows = self._column.rows
        places = np.searchsorted(rows, ids.astype(rows.dtype))  # one that does not fit is not found
        inside = places < len(rows)
        return places if inside.all() and (rows[places] == ids).all() else None

    def keep(self, kept: np.ndarray) -> None:
        """Takes away all that are not marked in `kept`, bool, one for each."""
        if self._column is None:
            places = np.flatnonzero(kept)
            if not len(places) or places[-1] - places[0] + 1 == len(places):
                self._first += int(places[0]) if len(places) else 0
                self._count = len(places)
                return
            self._spread(self.rows)
        keep(self._column, kept)

    def _spread(self, ids: np.ndarray, dtype: type = np.uint32) -> None:
        wide = len(ids) and ids[-1] > np.iinfo(dtype).max
        self._column = GrowingArray(np.int64 if wide else dtype)
        self._column.append(ids)


class MetadataTable:
    """Ids in rising order, each with a mapping as JSON text.

    Text takes less memory than dictionaries, and nobody can change it by accident. Where no item holds
    anything there are no texts.
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
        """Adds new ids, higher than all others; None for items that hold nothing."""
        if texts is not None and self._texts is None:
            self._texts = GrowingArray(object)
            self._texts.append(np.full(len(self), _EMPTY, object))
        if self._texts is not None:
            self._texts.append(np.fromiter(texts or [_EMPTY] * len(ids), object, len(ids)))
        self._ids.append(ids)

    def find(self, ids: Sequence[int] | np.ndarray) -> np.ndarray | None:
        """Places of ids, or None if one is not here."""
        return self._ids.find(np.asarray(ids, np.int64))

    def text(self, place: int) -> str:
        """The JSON text at a place."""
        return _EMPTY if self._texts is None else self._texts.rows[place]

    def set(self, place: int, text: str) -> None:
        """Replaces the JSON text at a place."""
        if self._texts is None:
            self._texts = GrowingArray(object)
            self._texts.append(np.full(len(self), _EMPTY, object))
        self._texts.rows[place] = text

    def delete(self, places: np.ndarray) -> None:
        """Takes ids and their texts away."""
        kept = np.ones(len(self), bool)
        kept[places] = False
        self._ids.keep(kept)
        if self._texts is not None:
            keep(self._texts, kept)

    def arrays(self) -> dict[str, Sequence[np.ndarray]]:
        """What `restored` needs, in parts."""
        arrays = {"item_ids": [self.ids]}
        if self._texts is not None:
            texts = [text.encode("ascii") for text in self._texts.rows]
            arrays["item_ends"] = [np.cumsum([len(text) for text in texts], dtype=np.int64)]
            arrays["item_texts"] = [np.frombuffer(b"".join(texts), np.uint8)]
        return arrays

    @classmethod
    def restored(cls, reader: Reader) -> MetadataTable:
        """The items of a file.

        Raises:
            IndexFileError: Ids do not rise, or an item is no mapping as `encode` makes it.
        """
        items = cls()
        ids = reader.array("item_ids", np.int64, None)
        reader.check(bool((np.diff(ids) > 0).all()) and ids.min(initial=0) >= 0, "item ids do not rise")
        texts = None
        if "item_texts" in reader.arrays:
            data = reader.array("item_texts", np.uint8, None)
            ends = reader.array("item_ends", np.int64, len(ids))
            starts = np.concatenate([[0], ends[:-1]])
            lengths = ends - starts
            fits = (lengths >= 2).all() and (lengths <= MAX_ITEM).all() and ends.max(initial=0) == len(data)
            reader.check(bool(fits), "its items overlap")
            texts = [
                _text(reader, data[start:end].tobytes()) for start, end in zip(starts, ends, strict=True)
            ]
        items.append(ids, texts)
        return items


def keep(column: GrowingArray, kept: np.ndarray) -> None:
    """Takes away all rows of a column that are not marked in `kept`, bool, one for each."""
    left = int(kept.sum())
    column.rows[:left] = column.rows[kept]
    column.cut(left)


def encode(items: Sequence[Mapping[str, Any]] | None, count: int) -> list[str] | None:
    """JSON texts of items, or None where none holds anything.

    Raises:
        ValueError: There are not `count`, or one is no mapping that JSON can hold.

    >>> encode([{"file": "a.jpg"}], 1)
    ['{"file":"a.jpg"}']
    """
    if items is None:
        return None
    if len(items) != count:
        raise ValueError(f"expected an item for each of {count} vectors, received {len(items)}")
    texts = []
    for number, item in enumerate(items):
        if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
            raise ValueError(f"item {number} must be a mapping with text for keys, received {item!r:.80}")
        try:
            text = json.dumps(dict(item), allow_nan=False, separators=(",", ":")) if item else _EMPTY
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"item {number} cannot be kept as JSON: {error}") from error
        if len(text) > MAX_ITEM:
            raise ValueError(f"item {number} has {len(text):,} letters as JSON, of at most {MAX_ITEM:,}")
        texts.append(text)
    return None if all(text is _EMPTY for text in texts) else texts


def _text(reader: Reader, data: bytes) -> str:
    try:
        text = data.decode("ascii")
        fine = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        fine = False
    reader.check(fine, "an item is no JSON object")
    return _EMPTY if text == _EMPTY else text
