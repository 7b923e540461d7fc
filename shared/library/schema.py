"""Columns of the table of photos."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow as pa

from shared.library.models import LibraryModel

#: Columns that say which file a row belongs to, and in which state it was described.
FILE_FIELDS = (
    pa.field("path", pa.string(), nullable=False),
    pa.field("folder", pa.string()),
    pa.field("name", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("modified", pa.timestamp("us")),  # UTC
)
TAGS = pa.field("tags", pa.list_(pa.string()))
#: Columns that depend on the content alone.
CONTENT_FIELDS = (
    pa.field("content", pa.string()),  # 32 hexadecimal digits of BLAKE2b
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("taken", pa.timestamp("s")),  # as the camera's clock showed it
    pa.field("latitude", pa.float64()),
    pa.field("longitude", pa.float64()),
    TAGS,
    pa.field("hash", pa.uint64()),
    pa.field("thumbnail", pa.binary()),
)
#: Column of a described batch, not of the table: a sentence where the file cannot be used.
PROBLEM = pa.field("problem", pa.string())
_EPOCH = datetime(1970, 1, 1)


def vector_fields(model: LibraryModel) -> list[pa.Field]:
    """Return the fields of a model's vectors."""
    return [pa.field(name, pa.list_(pa.float16(), length)) for name, length in model.columns.items()]


def photo_schema(models: Iterable[LibraryModel]) -> pa.Schema:
    """Return the schema of the table of photos."""
    vectors = {field.name: field for model in models for field in vector_fields(model)}
    return pa.schema([*FILE_FIELDS, *CONTENT_FIELDS, *vectors.values()])


def timestamp(microseconds: int) -> datetime:
    """Return a time in microseconds since 1970 as the date that the column `modified` holds.

    >>> timestamp(1_500_000)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 500000)
    """
    return _EPOCH + timedelta(microseconds=microseconds)
