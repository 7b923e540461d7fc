"""Store of a library: tables of LanceDB in a folder or in object storage."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb.index import BTree

from shared.library.errors import LibraryError
from shared.library.filters import below, one_of, quoted
from shared.library.models import VECTOR_PREFIXES, LibraryModel, ModelSpec
from shared.library.schema import CONTENT_FIELDS, FILE_FIELDS, vector_fields

PHOTOS, PROBLEMS, SOURCES, MODELS = "photos", "problems", "sources", "models"
LOCK_NAME = "library.lock"
#: Rows that a fragment of the table has at least after the small ones of an addition have been merged: while
#: it runs, and at its end.
WORKING_FRAGMENT, FINAL_FRAGMENT = 8_192, 65_536
#: Versions of the table that are younger stay, for readers that began with them.
KEPT_VERSIONS = timedelta(minutes=10)

#: Largest caches of a connection in bytes; by default LanceDB takes up to 6 GB and 1 GB.
INDEX_CACHE_BYTES, METADATA_CACHE_BYTES = 512 << 20, 64 << 20
REPAIR = "put a copy of its folder back, or add the photos to a new library"

# OpenVINO forks a process of its own when it loads a network, which never touches a library.
warnings.filterwarnings("ignore", "lancedb fork support", RuntimeWarning)

_TABLES = {
    PROBLEMS: pa.schema([*FILE_FIELDS, pa.field("problem", pa.string())]),
    SOURCES: pa.schema([pa.field("path", pa.string(), nullable=False), pa.field("excluded", pa.bool_())]),
    MODELS: pa.schema(
        [
            pa.field("column", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in ("kind", "engine", "folder", "fingerprint")),
            pa.field("number", pa.int64()),
            pa.field("complete", pa.bool_()),
        ]
    ),
    PHOTOS: pa.schema([*FILE_FIELDS, *CONTENT_FIELDS]),  # last: a library exists if this table does
}


class Store:
    """Tables of one library. Readers of other processes see every change as soon as it is written.

    Attributes:
        uri: Folder or address.
        is_local: True for a folder.

    Args:
        uri: See above.
        connection: Connection of LanceDB.
    """

    def __init__(self, uri: str, connection: lancedb.DBConnection) -> None:
        self.uri, self.is_local = uri, _is_local(uri)
        self._connection = connection
        self._tables: dict[str, Any] = {}

    @classmethod
    def open(cls, uri: str, create: bool, storage_options: Mapping[str, str] | None) -> Store:
        """Open the tables, or make them.

        Raises:
            LibraryError: There is no library, or it cannot be read.
        """
        if _is_local(uri):
            _check_folder(uri, create)
        try:
            connection = lancedb.connect(
                uri,
                read_consistency_interval=timedelta(0),
                session=lancedb.Session(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES),
                storage_options=dict(storage_options) if storage_options else None,
            )
            store = cls(uri, connection)
            names = store._names()
            if PHOTOS not in names:
                if MODELS in names and store.table(MODELS).count_rows():
                    raise LibraryError(f"The library {uri} has lost its table of photos: {REPAIR}.")
                if not create:
                    raise LibraryError(f"There is no library in {uri}: add photos first.")
                store._create()
            for name in _TABLES:
                store.table(name)
        except LibraryError:
            raise
        except Exception as error:  # LanceDB raises anything from OSError to its own RuntimeError
            raise LibraryError(f"The library {uri} cannot be read ({_reason(error)}).") from error
        return store

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read, with one sentence where files of the library are missing or damaged.

        Raises:
            LibraryError: They are.
        """
        try:
            yield
        except (RuntimeError, OSError) as error:
            if "lance" not in str(error).lower():
                raise
            raise LibraryError(f"The library {self.uri} is damaged ({_reason(error)}): {REPAIR}.") from error

    def table(self, name: str) -> Any:
        """Return a table of LanceDB."""
        if name not in self._tables:
            self._tables[name] = self._connection.open_table(name)
        return self._tables[name]

    @property
    def photos(self) -> Any:
        """Table of photos."""
        return self.table(PHOTOS)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other programs from writing.

        In object storage there are no locks: two writers there merge their rows by path, and one of them
        may have to begin again.

        Raises:
            LibraryError: Another program is writing, or a write failed.
        """
        try:
            if not self.is_local:
                yield
                return
            with self._lock.acquire(timeout=0):
                yield
        except Timeout as error:
            raise LibraryError(
                f"Another program is changing the library {self.uri}: wait until it has finished."
            ) from error
        except (RuntimeError, OSError) as error:
            raise LibraryError(f"The library {self.uri} cannot be written ({_reason(error)}).") from error

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of a table.

        Args:
            name: Name of the table.
            where: Condition; None for all rows.
            columns: Columns; None for all.
        """
        query = self.table(name).search().limit(None)
        if where is not None:
            query = query.where(where)
        if columns is not None:
            query = query.select(list(columns))
        return query.to_arrow()

    def batches(
        self, name: str, columns: Sequence[str], where: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Return all rows of a table as it is now, in batches of bounded size."""
        query = self.table(name).search().select(list(columns)).limit(None)
        if where is not None:
            query = query.where(where)
        return iter(query.to_batches(batch_size=4096))

    def upsert(self, name: str, rows: pa.Table, key: str = "path") -> None:
        """Insert rows, or replace those with the same key."""
        if rows.num_rows:
            merge = self.table(name).merge_insert(key)
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def change(self, name: str, rows: pa.Table, key: str = "path") -> None:
        """Replace some columns of rows that are there."""
        if rows.num_rows:
            self.table(name).merge_insert(key).when_matched_update_all().execute(rows)

    def delete(self, name: str, paths: Collection[str]) -> None:
        """Delete the rows of some paths, 500 at a time."""
        ordered = list(paths)
        for start in range(0, len(ordered), 500):
            self.table(name).delete(one_of("path", ordered[start : start + 500]))

    def sources(self) -> tuple[list[str], list[str]]:
        """Return the folders that are walked, and the paths that are left out."""
        rows = self.rows(SOURCES).to_pylist()
        return (
            sorted(row["path"] for row in rows if not row["excluded"]),
            sorted(row["path"] for row in rows if row["excluded"]),
        )

    def set_sources(self, paths: Iterable[str], *, excluded: bool) -> None:
        """Remember folders that are walked, or paths that are left out."""
        rows = [{"path": path, "excluded": excluded} for path in paths]
        self.upsert(SOURCES, pa.Table.from_pylist(rows, schema=_TABLES[SOURCES]))

    def models(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the models that have columns: complete ones first, and the newest first of these."""
        rows = self.rows(MODELS, None if kind is None else f"kind = {quoted(kind)}").to_pylist()
        return sorted(rows, key=lambda row: (row["complete"], row["number"]), reverse=True)

    def add_model(self, model: LibraryModel) -> None:
        """Add the columns of a model that the table lacks; photos are to be described with it."""
        rows = self.models()
        if any(row["column"] == model.column for row in rows):
            return
        names = set(self.photos.schema.names)
        missing = [field for field in vector_fields(model) if field.name not in names]
        if missing:
            self.photos.add_columns(pa.schema(missing))
        spec = model.spec
        row = {
            "column": model.column,
            **{"kind": spec.kind, "engine": spec.engine, "folder": spec.folder},
            "fingerprint": model.fingerprint,
            "number": 1 + max((row["number"] for row in rows), default=0),
            "complete": self.photos.count_rows() == 0,
        }
        self.upsert(MODELS, pa.Table.from_pylist([row], schema=_TABLES[MODELS]), key="column")

    def complete_model(self, model: LibraryModel) -> None:
        """Note that all photos have a model's vectors, and drop older ones of its kind with their columns."""
        rows = self.models(model.spec.kind)
        row = next(row for row in rows if row["column"] == model.column)
        row["complete"] = True
        self.upsert(MODELS, pa.Table.from_pylist([row], schema=_TABLES[MODELS]), key="column")
        for old in rows:
            if old["column"] != model.column:
                self.table(MODELS).delete(f"column = {quoted(old['column'])}")
        prefixes = VECTOR_PREFIXES[model.spec.kind]
        names = [name for name in self.photos.schema.names if name.startswith(prefixes)]
        obsolete = [name for name in names if name not in model.columns]
        if obsolete:
            self.photos.drop_columns(obsolete)

    def count_below(self, folder: str) -> int:
        """Return the number of photos in a folder and in those inside it."""
        return int(self.photos.count_rows(below("path", folder)))

    def tidy(self, *, final: bool) -> None:
        """Merge the small fragments that batches leave, and delete versions that nobody reads any longer."""
        dataset = self.photos.to_lance()
        rows = FINAL_FRAGMENT if final else WORKING_FRAGMENT
        try:
            dataset.optimize.compact_files(target_rows_per_fragment=rows, batch_size=512, num_threads=1)
            dataset.optimize.optimize_indices()
        except (OSError, RuntimeError) as error:
            if "commit conflict" not in str(error):
                raise
            return  # another writer of a library in object storage was faster; the next addition tidies up
        dataset.cleanup_old_versions(older_than=KEPT_VERSIONS)
        if final:
            for name in (PROBLEMS, SOURCES, MODELS):
                self.table(name).optimize(cleanup_older_than=KEPT_VERSIONS)

    def disk_bytes(self) -> int | None:
        """Return the bytes of a library in a folder; None in object storage."""
        if not self.is_local:
            return None
        files = (path for path in Path(self.uri).rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)

    def close(self) -> None:
        """Forget the tables."""
        self._tables.clear()

    @cached_property
    def _lock(self) -> FileLock:
        return FileLock(os.path.join(self.uri, LOCK_NAME))

    def _names(self) -> list[str]:
        return list(self._connection.list_tables().tables)

    def _create(self) -> None:
        names = self._names()
        for name, schema in _TABLES.items():
            if name not in names:
                table: Any = self._connection.create_table(name, schema=schema, exist_ok=True)
                key = schema.names[0]
                table.set_unenforced_primary_key([key])
                if name == PHOTOS:
                    for column in ("path", "content", "folder"):
                        table.create_index(column, config=BTree())


def spec_of(row: Mapping[str, Any]) -> ModelSpec:
    """Return the choice of a model that a row of the table of models records."""
    return ModelSpec(row["kind"], row["engine"], row["folder"])


def _is_local(uri: str) -> bool:
    return "://" not in uri


def _check_folder(uri: str, create: bool) -> None:
    """Check that a folder is a library, or can become one.

    Raises:
        LibraryError: It is a file, holds other files, or does not exist and is not to be made.
    """
    path = Path(uri)
    try:
        is_file = path.exists() and not path.is_dir()
        names = set(os.listdir(path)) if path.is_dir() else set()
    except (OSError, ValueError) as error:
        raise LibraryError(
            f"The folder {uri} cannot be read: please check its name and permissions."
        ) from error
    if is_file:
        raise LibraryError(f"{uri} is a file: a library needs a folder of its own.")
    if f"{PHOTOS}.lance" in names:
        return
    if not create and f"{MODELS}.lance" not in names:
        raise LibraryError(f"There is no library in {uri}: add photos first.")
    if names - {LOCK_NAME, *(f"{name}.lance" for name in _TABLES)}:
        raise LibraryError(f"The folder {uri} holds other files: a library needs a folder of its own.")


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    text = re.sub(r"^(lance error: )?(LanceError\(\w+\): )?(External error: )?", "", text)
    return re.split(r", /|[{\n]", text)[0].rstrip(" .:")[:200]
