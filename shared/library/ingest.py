"""Addition of photo files to a store: known ones are left alone, moved ones recognised, others described."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from shared.core.devices import release_freed_memory
from shared.core.images import ImageError
from shared.library.describe import PhotoDescriber, Row
from shared.library.filters import one_of
from shared.library.results import Progress
from shared.library.schema import FILE_FIELDS, PROBLEM, timestamp
from shared.library.store import PHOTOS, PROBLEMS, Store
from shared.library.walk import PhotoFile

#: Files that are looked up at a time, photos that are written at a time, and photos after which the small
#: fragments of such writes are merged.
LOOKUP_BATCH, WRITE_BATCH, TIDY_EVERY = 512, 64, 4_096

_FILE_NAMES = [field.name for field in FILE_FIELDS]


class Ingest:
    """One run over photo files. After `run`, the counts say what happened.

    A process that is killed loses the batch in hand at most: rows are keyed by path, and the next run finds
    what was written.

    Attributes:
        added: See `shared.library.results.LibraryReport`, as the others.
        changed: See above.
        moved: See above.
        unchanged: See above.
        skipped: See above.

    Args:
        store: Store, open for writing.
        describer: Describer of new photos.
        total: Expected number of files.
        progress: See `shared.library.results.Progress`.
    """

    def __init__(
        self, store: Store, describer: PhotoDescriber, total: int, progress: Progress | None = None
    ) -> None:
        self._store, self._describer, self._progress = store, describer, progress
        self._total, self._done, self._untidy = total, 0, 0
        self._described, self._begin = 0, 0.0
        self.added = self.changed = self.moved = self.unchanged = 0
        self.skipped: list[tuple[str, str]] = []

    def run(self, files: Iterable[PhotoFile]) -> None:
        """Add all files."""
        remaining = iter(files)
        while batch := list(islice(remaining, self._describer.files_at_once or LOOKUP_BATCH)):
            self._add(batch)

    def report_problem(self, path: str, sentence: str) -> None:
        """Note a file or folder that cannot be used."""
        self.skipped.append((path, sentence))

    def _add(self, batch: list[PhotoFile]) -> None:
        known = self._lookup(PHOTOS, batch, [*_FILE_NAMES, "content"])
        problems = self._lookup(PROBLEMS, batch, [*_FILE_NAMES, "problem"])
        fresh: list[PhotoFile] = []
        for file in batch:
            if _is_same(file, known.get(file.path)):
                self.unchanged += 1
                self._advance(1)
            elif _is_same(file, problems.get(file.path)):
                self.report_problem(file.path, problems[file.path]["problem"])
                self._advance(1)
            else:
                fresh.append(file)
        digests = self._digests(fresh)
        touched = {file for file in fresh if _digest_of(known, file) == digests.get(file.path, "")}
        self._touch(touched)
        unique: dict[str, PhotoFile] = {}
        copies: list[PhotoFile] = []
        stored = self._stored(digests.values())
        for file in (file for file in fresh if file.path in digests and file not in touched):
            digest = digests[file.path]
            if digest in stored or digest in unique:
                copies.append(file)
            else:
                unique[digest] = file
        self._describe([file.path for file in unique.values()], set(known))
        self._copy(copies, digests, set(known))
        settled = {file.path for file in fresh if file.path in problems and file.path in digests}
        if settled:
            self._store.delete(PROBLEMS, settled.difference(path for path, _ in self.skipped))

    def _lookup(self, table: str, batch: list[PhotoFile], columns: list[str]) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for start in range(0, len(batch), LOOKUP_BATCH):
            where = one_of("path", (file.path for file in batch[start : start + LOOKUP_BATCH]))
            rows |= {row["path"]: row for row in self._store.rows(table, where, columns).to_pylist()}
        return rows

    def _digests(self, files: list[PhotoFile]) -> dict[str, str]:
        """Return the digest of each readable file by path; the others become problems."""
        by_path = {file.path: file for file in files}
        digests: dict[str, str] = {}
        broken: list[Row] = []
        for path, result in self._describer.digests(by_path):
            if not isinstance(result, ImageError):
                digests[path] = result
                continue
            if isinstance(result.__cause__, OSError):  # may be readable again soon: nothing is written
                self.report_problem(path, str(result))
            else:
                broken.append({**_file_row(by_path[path]), PROBLEM.name: str(result)})
            self._advance(1)
        self._write_problems(pa.Table.from_pylist(broken, schema=_PROBLEM_SCHEMA))
        return digests

    def _stored(self, digests: Iterable[str]) -> set[str]:
        """Return those of some digests that the table has."""
        distinct = list(set(digests))
        stored: set[str] = set()
        for start in range(0, len(distinct), LOOKUP_BATCH):
            where = one_of("content", distinct[start : start + LOOKUP_BATCH])
            stored.update(self._store.rows(PHOTOS, where, ["content"])["content"].to_pylist())
        return stored

    def _touch(self, files: Collection[PhotoFile]) -> None:
        """Note the new times of files whose content is the same."""
        if files:
            rows = [{key: _file_row(file)[key] for key in ("path", "bytes", "modified")} for file in files]
            schema = pa.schema([field for field in FILE_FIELDS if field.name in rows[0]])
            self._store.change(PHOTOS, pa.Table.from_pylist(rows, schema=schema))
        self.unchanged += len(files)
        self._advance(len(files))

    def _describe(self, paths: list[str], known: set[str]) -> None:
        """Describe files and write them, batch by batch.

        Args:
            paths: Paths of the files.
            known: Paths that the table has, among which are those of changed files.
        """
        self._begin = self._begin or time.monotonic()
        for table in self._describer.tables(paths, WRITE_BATCH, self._note_described):
            self._write(table, known)

    def _note_described(self, count: int) -> None:
        self._described += count
        self._advance(count)

    def _write(self, table: pa.Table, known: set[str]) -> None:
        """Write a described batch."""
        usable = table.filter(table[PROBLEM.name].is_null()).drop_columns([PROBLEM.name])
        broken = table.filter(table[PROBLEM.name].is_valid()).select([*_FILE_NAMES, PROBLEM.name])
        self._store.upsert(PHOTOS, usable)
        self._write_problems(broken)
        self._count(usable["path"].to_pylist(), known)

    def _write_problems(self, rows: pa.Table) -> None:
        """Write files that cannot be used; a photo that has become one of them is no photo any longer."""
        self._store.upsert(PROBLEMS, rows)
        self._store.delete(PHOTOS, rows["path"].to_pylist())
        for row in rows.select(["path", "problem"]).to_pylist():
            self.report_problem(row["path"], row["problem"])

    def _copy(self, files: list[PhotoFile], digests: dict[str, str], known: set[str]) -> None:
        """Write files whose content the table has under other paths; those that were moved lose the old."""
        for start in range(0, len(files), WRITE_BATCH):
            batch = files[start : start + WRITE_BATCH]
            where = one_of("content", {digests[file.path] for file in batch})
            rows = self._store.rows(PHOTOS, where)
            first: dict[str, int] = {}
            paths: dict[str, list[str]] = {}
            for index, row in enumerate(rows.select(["path", "content"]).to_pylist()):
                first.setdefault(row["content"], index)
                paths.setdefault(row["content"], []).append(row["path"])
            usable = [file for file in batch if digests[file.path] in first]
            gone: set[str] = set()
            for file in usable:
                old = paths[digests[file.path]]
                vanished = next((path for path in old if path not in gone and is_gone(path)), None)
                if vanished is not None and file.path not in known:
                    gone.add(vanished)
                    self.moved += 1
                else:
                    self._count([file.path], known)
            copied = rows.take([first[digests[file.path]] for file in usable])
            for position, field in enumerate(FILE_FIELDS):
                values = [_file_row(file)[field.name] for file in usable]
                copied = copied.set_column(
                    copied.schema.get_field_index(field.name),
                    FILE_FIELDS[position],
                    pa.array(values, field.type),
                )
            self._store.upsert(PHOTOS, copied)
            self._store.delete(PHOTOS, gone)
            self._untidy += len(usable)
            unread = [file for file in batch if digests[file.path] not in first]  # its first copy is broken
            self._describe([file.path for file in unread], known)
            self._advance(len(usable))

    def _count(self, paths: list[str], known: set[str]) -> None:
        """Count written files, and merge fragments when many have been written."""
        changed = sum(path in known for path in paths)
        self.changed += changed
        self.added += len(paths) - changed
        self._untidy += len(paths)
        if self._untidy >= TIDY_EVERY:
            self._store.tidy(final=False)
            self._untidy = 0
            release_freed_memory()  # else the threads of LanceDB keep 10 KB more for each photo

    def _advance(self, count: int) -> None:
        self._done += count
        if self._progress is None or not count:
            return
        seconds_left = None
        if self._described:
            rate = (time.monotonic() - self._begin) / self._described
            seconds_left = max(self._total - self._done, 0) * rate
        self._progress(self._done, max(self._total, self._done), seconds_left)


_PROBLEM_SCHEMA = pa.schema([*FILE_FIELDS, PROBLEM])


def existing(paths: Iterable[str]) -> Iterator[PhotoFile]:
    """Return those of some paths that are files."""
    for path in paths:
        try:
            yield PhotoFile.of(path, os.stat(path))
        except OSError:
            continue


def is_gone(path: str) -> bool:
    """Return True if there is surely no file at a path; an unreadable folder may hold it."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _file_row(file: PhotoFile) -> Row:
    return {
        "path": file.path,
        "folder": os.path.dirname(file.path),
        "name": os.path.basename(file.path),
        "bytes": file.bytes,
        "modified": timestamp(file.modified),
    }


def _is_same(file: PhotoFile, row: dict[str, Any] | None) -> bool:
    return row is not None and (row["bytes"], row["modified"]) == (file.bytes, timestamp(file.modified))


def _digest_of(known: dict[str, dict[str, Any]], file: PhotoFile) -> str | None:
    return known[file.path]["content"] if file.path in known else None
