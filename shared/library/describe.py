"""Description of photo files: a batch of paths becomes rows of the library's table.

`PhotoDescriber` knows nothing of the store. It can be pickled, and loads its models when it is first called,
so that a pipeline on many machines can use it as it is, see `shared.library.cluster`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from shared.core.images import ImageError, encode_image, open_image, read_file, shrink
from shared.core.images.files import decode_file
from shared.core.scheduling import READER_POOL, prefetch
from shared.library.metadata import read_metadata
from shared.library.models import DEFAULT_MODELS, LibraryModel, ModelSpec
from shared.library.schema import FILE_FIELDS, PROBLEM, photo_schema, timestamp
from shared.retrieval.duplicates import perceptual_hash

#: Longest side of a thumbnail in pixels, and the quality of its WebP file, which has some 8 KB.
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 256, 70
#: Photos that are decoded ahead of the networks.
BUFFER_SIZE = 8
#: Photos that pass through the networks at once where these are on a GPU.
GPU_BATCH = 16

Row = dict[str, Any]


class PhotoDescriber:
    """Describer of photo files.

    Attributes:
        files_at_once: Files that are looked up together, and whose copies are recognised before any of
            them is described; None for the default of `shared.library.ingest`.

    Args:
        specs: Models that describe.
    """

    files_at_once: int | None = None

    def __init__(self, specs: Sequence[ModelSpec] = DEFAULT_MODELS) -> None:
        self.specs = tuple(specs)

    def __reduce__(self) -> tuple[type[PhotoDescriber], tuple[tuple[ModelSpec, ...]]]:
        return PhotoDescriber, (self.specs,)

    @cached_property
    def models(self) -> tuple[LibraryModel, ...]:
        """Models, loaded when they are first needed."""
        return tuple(spec.load() for spec in self.specs)

    @cached_property
    def schema(self) -> pa.Schema:
        """Schema of a described batch: that of the table, and `PROBLEM`."""
        return photo_schema(self.models).append(PROBLEM)

    def __call__(self, files: pa.Table) -> pa.Table:
        """Describe a batch of files.

        Args:
            files: Table with the column `path`; others are ignored.

        Returns:
            Row of each file, in order, in `schema`; where `problem` is a sentence, all but the columns of the
            file are null.
        """
        return self.table(self.stream(files["path"].to_pylist()))

    def digests(self, paths: Iterable[str]) -> Iterator[tuple[str, str | ImageError]]:
        """Return each path with the digest of its file, or the reason why there is none, in any order."""
        return prefetch(paths, file_digest, BUFFER_SIZE, READER_POOL)

    def tables(self, paths: Iterable[str], size: int, progress: Callable[[int], None]) -> Iterator[pa.Table]:
        """Describe any number of files, in any order.

        Args:
            paths: See above.
            size: Number of rows of a table, for a describer that works in this process.
            progress: Called with the number of files that have just been described.

        Yields:
            Tables in `schema`.
        """
        rows: list[Row] = []
        for row in self.stream(paths):
            rows.append(row)
            progress(1)
            if len(rows) == size:
                yield self.table(rows)
                rows = []
        if rows:
            yield self.table(rows)

    def table(self, rows: Iterable[Row]) -> pa.Table:
        """Return rows of `stream` as a table in `schema`."""
        return rows_table(list(rows), self.schema)

    def stream(self, paths: Iterable[str]) -> Iterator[Row]:
        """Describe any number of files in order, in bounded memory; see `__call__`."""
        pool = self.models[0].worker_pool
        if pool is not None:  # each thread decodes and describes a photo on a core of its own
            for _, row in prefetch(paths, self._describe_file, BUFFER_SIZE, pool):
                yield row
            return
        decoded = (pair for _, pair in prefetch(paths, read_photo, 2 * GPU_BATCH, READER_POOL))
        while batch := list(islice(decoded, GPU_BATCH)):
            self._describe(batch)
            yield from (row for row, _ in batch)

    def _describe_file(self, path: str) -> Row:
        pair = read_photo(path)
        self._describe([pair])
        return pair[0]

    def _describe(self, photos: Sequence[tuple[Row, Image.Image | None]]) -> None:
        """Add the vectors and tags of decoded photos to their rows."""
        usable = [(row, image) for row, image in photos if image is not None]
        if not usable:
            return
        for model in self.models:
            described = model.describe([image for _, image in usable])
            for (row, _), vectors in zip(usable, described, strict=True):
                row.update(vectors)
                row["tags"] = [*row.get("tags", ()), *model.tags(vectors)]


def read_photo(path: str) -> tuple[Row, Image.Image | None]:
    """Read all of a photo's row but what models compute, and its image; None with a `problem`."""
    row: Row = {"path": path, "folder": os.path.dirname(path), "name": os.path.basename(path)}
    try:
        status = os.stat(path)
        row |= {"bytes": status.st_size, "modified": timestamp(status.st_mtime_ns // 1000)}
        data = read_file(path)
        row["content"] = content_digest(data)
        decoded = decode_file(data)
        row |= vars(read_metadata(decoded))
        image = open_image(decoded)
        row |= {
            "width": image.width,
            "height": image.height,
            "hash": int(perceptual_hash(image)),
            "thumbnail": encode_image(shrink(image, THUMBNAIL_SIDE), "WEBP", THUMBNAIL_QUALITY),
        }
    except (ImageError, OSError, ValueError) as error:
        sentence = str(error) if isinstance(error, ImageError) else f"The file cannot be read ({error})."
        files = {field.name for field in FILE_FIELDS}
        return {name: value for name, value in row.items() if name in files} | {"problem": sentence}, None
    return row, image


def file_digest(path: str) -> str | ImageError:
    """Return the digest of a file, or the reason why there is none."""
    try:
        return content_digest(read_file(path))
    except ImageError as error:
        return error


def content_digest(data: bytes) -> str:
    """Return the digest of a file's content, 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def rows_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; values that a row lacks are null."""
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    empty = np.zeros(kind.list_size, np.float16)
    flat = np.concatenate([empty if value is None else value for value in values] or [empty[:0]])
    mask = pa.array([value is None for value in values], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), kind.list_size, mask=mask)
