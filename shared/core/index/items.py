"""The ids of a vector index and their metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shared.core.index.vectors import Column
from shared.core.index_file import Reader

MAX_ITEM = 65_536  # letters of JSON
_EMPTY = "{}"


class Items:
    """Ids in rising order, each with a mapping as JSON text.

    Text takes less memory than dictionaries, and nobody can change it by accident. Beside codes of 84 bytes
    every byte counts: where no item holds anything there are no texts, and ids take four while they can.
    """

    def __init__(self) -> None:
        self._ids = Column(np.uint32)
        self._texts: Column | None = None

    def __len__(self) -> int:
        return len(self._ids.rows)

    @property
    def ids(self) -> np.ndarray:
        """All ids, int64, rising."""
        return self._ids.rows.astype(np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of the ids."""
        return self._ids.rows.nbytes

    def append(self, ids: np.ndarray, texts: Sequence[str] | None) -> None:
        """Adds new ids, higher than all others; None for items that hold nothing."""
        if texts is not None and self._texts is None:
            self._texts = Column(object)
            self._texts.append(np.full(len(self), _EMPTY, object))
        if self._texts is not None:
            self._texts.append(np.fromiter(texts or [_EMPTY] * len(ids), object, len(ids)))
        if len(ids) and ids[-1] > np.iinfo(self._ids.rows.dtype).max:
            wider = Column(np.int64)
            wider.append(self._ids.rows)
            self._ids = wider
        self._ids.append(ids)

    def find(self, ids: Sequence[int] | np.ndarray) -> np.ndarray | None:
        """Places of ids, or None if one is not here."""
        rows = self._ids.rows
        ids = np.asarray(ids, np.int64)
        places = np.searchsorted(rows, ids.astype(rows.dtype))  # one that does not fit is not found
        inside = places < len(rows)
        return places if inside.all() and (rows[places] == ids).all() else None

    def text(self, place: int) -> str:
        """The JSON text at a place."""
        return _EMPTY if self._texts is None else self._texts.rows[place]

    def set(self, place: int, text: str) -> None:
        """Replaces the JSON text at a place."""
        if self._texts is None:
            self._texts = Column(object)
            self._texts.append(np.full(len(self), _EMPTY, object))
        self._texts.rows[place] = text

    def delete(self, places: np.ndarray) -> None:
        """Takes ids and their texts away."""
        kept = np.ones(len(self), bool)
        kept[places] = False
        left = int(kept.sum())
        for column in filter(None, (self._ids, self._texts)):
            column.rows[:left] = column.rows[kept]
            column.cut(left)

    def arrays(self) -> dict[str, Sequence[np.ndarray]]:
        """What `restored` needs, in parts."""
        arrays = {"item_ids": [self.ids]}
        if self._texts is not None:
            texts = [text.encode("ascii") for text in self._texts.rows]
            arrays["item_ends"] = [np.cumsum([len(text) for text in texts], dtype=np.int64)]
            arrays["item_texts"] = [np.frombuffer(b"".join(texts), np.uint8)]
        return arrays

    @classmethod
    def restored(cls, reader: Reader) -> Items:
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
