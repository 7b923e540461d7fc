"""Update of a store: files that are gone, and vectors of a new model for photos that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from shared.library.describe import PhotoDescriber
from shared.library.ingest import WRITE_BATCH, existing, is_gone
from shared.library.models import LibraryModel
from shared.library.results import Progress
from shared.library.schema import FILE_FIELDS, PROBLEM, TAGS, timestamp, vector_fields
from shared.library.store import PHOTOS, PROBLEMS, Store
from shared.library.walk import PhotoFile, SkipCallback, is_below


def lost_sources(store: Store, sources: Sequence[str], on_skip: SkipCallback) -> list[str]:
    """Return folders that are missing or empty though the library has photos of them.

    The disk of such a folder may just not be connected, so nothing is deleted on its account.
    """
    lost = []
    for source in sources:
        try:
            with os.scandir(source) as entries:
                empty = next(entries, None) is None
        except NotADirectoryError:
            continue
        except OSError:
            empty = True
        if empty and store.count_below(source):
            on_skip(
                source, "The folder is missing or empty: connect its disk, or remove it from the library."
            )
            lost.append(source)
    return lost


def changed_files(store: Store, sources: Sequence[str]) -> Iterator[PhotoFile]:
    """Return changed files of the library that lie in no source, since they were added one by one."""
    for batch in store.batches(PHOTOS, ["path", "bytes", "modified"]):
        rows = {row["path"]: row for row in batch.to_pylist() if not is_below(row["path"], sources)}
        for file in existing(rows):
            row = rows[file.path]
            if (row["bytes"], row["modified"]) != (file.bytes, timestamp(file.modified)):
                yield file


def delete_lost(store: Store, lost: Sequence[str]) -> int:
    """Delete photos whose files are gone, and return their number.

    Args:
        store: Store, open for writing.
        lost: Folders whose photos stay.
    """
    deleted = 0
    for name in (PHOTOS, PROBLEMS):
        for batch in store.batches(name, ["path"]):
            paths = batch.column("path").to_pylist()
            gone = [path for path in paths if not is_below(path, lost) and is_gone(path)]
            store.delete(name, gone)
            deleted += len(gone) if name == PHOTOS else 0
    return deleted


def complete_models(
    store: Store, models: Sequence[LibraryModel], on_skip: SkipCallback, progress: Progress | None = None
) -> None:
    """Describe the photos that lack vectors of a model; each batch is written at once.

    Args:
        store: Store, open for writing.
        models: Models, whose columns the store has.
        on_skip: Called for each photo that can no longer be read, which is then no photo any longer.
        progress: See `shared.library.results.Progress`.
    """
    for model in models:
        row = next(row for row in store.models() if row["column"] == model.column)
        if row["complete"]:
            continue
        where = f"{model.column} is null"
        describer = PhotoDescriber([model.spec])
        fields = [FILE_FIELDS[0], *vector_fields(model), *([TAGS] if model.has_tags else [])]
        total, done = store.photos.count_rows(where), 0
        paths = (
            path for batch in store.batches(PHOTOS, ["path"], where) for path in batch["path"].to_pylist()
        )
        while batch := list(islice(paths, WRITE_BATCH)):
            table = describer.table(describer.stream(batch))
            usable = table.filter(table[PROBLEM.name].is_null()).select([field.name for field in fields])
            broken = table.filter(table[PROBLEM.name].is_valid())
            store.change(PHOTOS, usable.cast(pa.schema(fields)))
            store.delete(PHOTOS, broken["path"].to_pylist())
            for path, sentence in zip(
                *(broken[name].to_pylist() for name in ("path", "problem")), strict=True
            ):
                on_skip(path, sentence)
            done += len(batch)
            if progress is not None:
                progress(done, total, None)
        store.complete_model(model)
