"""Photo library: photos of any number on a disk, described once and searched in place.

library = Library.open("my-library")
library.add("photos/")
for hit in library.search(text="two dogs on a beach"):
    print(hit.path, round(hit.score, 3))
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from shared.core.devices import release_freed_memory
from shared.core.images import Source
from shared.library.errors import LibraryError, require_packages
from shared.library.results import LibraryHits, LibraryPhoto, LibraryReport, LibraryStats, Progress

if TYPE_CHECKING:  # these modules need the extra `scale`
    from shared.library.describe import PhotoDescriber
    from shared.library.ingest import Ingest
    from shared.library.models import LibraryModel, ModelSpec
    from shared.library.store import Store

#: Function from choices of models to a describer with these.
DescriberFactory: TypeAlias = "Callable[[Sequence[ModelSpec]], PhotoDescriber]"


class Library:
    """Photo library; `Library.open` returns one. It is a context manager, which closes it.

    Searches may come from many threads at once, and from other processes while one of them writes.

    Attributes:
        uri: Folder or address of the library.

    Args:
        store: Tables of the library.
        specs: Models that describe photos; by default `shared.library.models.DEFAULT_MODELS`.
    """

    def __init__(self, store: Store, specs: Sequence[ModelSpec] | None = None) -> None:
        from shared.library.models import DEFAULT_MODELS
        from shared.library.search import LibrarySearch

        self.uri = store.uri
        self._store: Store | None = store
        self._specs = tuple(DEFAULT_MODELS if specs is None else specs)
        self._models: dict[ModelSpec, LibraryModel] = {}
        self._search = LibrarySearch(store, self._load)

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike,
        create: bool = True,
        *,
        storage_options: Mapping[str, str] | None = None,
        models: Sequence[ModelSpec] | None = None,
    ) -> Library:
        """Open a library.

        Args:
            uri: Folder, or address in object storage (`s3://bucket/folder`).
            create: True makes a new library where there is none.
            storage_options: Options of the object storage, such as a region; see LanceDB.
            models: Models that describe photos, see `shared.library.models.ModelSpec`; by default those of
                the project. Photos that others described are searched with these until `update`.

        Raises:
            LibraryError: There is no library, it cannot be read, or packages are missing.
        """
        require_packages()
        from shared.library.store import Store

        address = os.fspath(uri)
        if "://" not in address:
            address = os.path.abspath(os.path.expanduser(address))
        return cls(Store.open(address, create, storage_options), models)

    def add(
        self,
        sources: str | Path | Sequence[str | Path],
        progress: Progress | None = None,
        *,
        describer: DescriberFactory | None = None,
    ) -> LibraryReport:
        """Add photos; those that the library has are left as they are, so that an interrupted run goes on.

        Args:
            sources: Folders (with all folders in them, which `update` walks again), glob patterns, files.
            progress: See `shared.library.results.Progress`.
            describer: Returns a describer for the choices of models; by default `PhotoDescriber`, which works
                in this process, see also `shared.library.cluster`.

        Raises:
            LibraryError: A source does not exist, or another program is writing.
            WeightsError: The weights of a model cannot be used.
        """
        from shared.library.walk import expand_sources, is_below, walk

        begin = time.monotonic()
        paths = expand_sources(sources)
        store = self._open_store()
        with store.writing():
            _, excluded = store.sources()
            lifted = [path for path in excluded if is_below(path, paths)]
            store.delete("sources", lifted)
            store.set_sources((path for path in paths if os.path.isdir(path)), excluded=False)
            excluded = [path for path in excluded if path not in lifted]
            total = sum(1 for _ in walk(paths, lambda path, sentence: None, excluded))
            ingest = self._ingest(store, total, progress, describer)
            ingest.run(walk(paths, ingest.report_problem, excluded))
            self._finish(store, changed=bool(ingest.added or ingest.changed or ingest.moved))
        return _report(ingest, begin)

    def update(self, progress: Progress | None = None) -> LibraryReport:
        """Walk the added folders again, and describe photos that lack the vectors of a new model.

        New, changed, moved and deleted files are told by path, size, time and content; no content is
        described twice. Photos of a folder that is missing or empty stay: its disk may not be connected.

        Args:
            progress: See `shared.library.results.Progress`.

        Raises:
            LibraryError: Another program is writing.
            WeightsError: The weights of a model cannot be used.
        """
        from shared.library.update import changed_files, complete_models, delete_lost, lost_sources
        from shared.library.walk import walk

        begin = time.monotonic()
        store = self._open_store()
        with store.writing():
            sources, excluded = store.sources()
            total = sum(1 for _ in walk(sources, lambda path, sentence: None, excluded))
            ingest = self._ingest(store, total, progress)
            lost = lost_sources(store, sources, ingest.report_problem)
            present = [source for source in sources if source not in lost]
            ingest.run(walk(present, ingest.report_problem, excluded))
            ingest.run(changed_files(store, sources))
            deleted = delete_lost(store, lost)
            complete_models(store, self._current_models(), ingest.report_problem, progress)
            self._finish(store, changed=bool(ingest.added or ingest.changed or ingest.moved or deleted))
        return _report(ingest, begin, deleted)

    def remove(self, paths: str | Path | Sequence[str | Path]) -> int:
        """Remove photos from the library; the files stay, and `update` does not bring them back.

        Args:
            paths: Files, and folders, which stand for all photos in them.

        Returns:
            Number of removed photos.

        Raises:
            LibraryError: Another program is writing.
        """
        from shared.library.filters import below
        from shared.library.walk import is_below

        store = self._open_store()
        names = [paths] if isinstance(paths, (str, Path)) else paths
        with store.writing():
            before = store.photos.count_rows()
            for path in (os.path.abspath(os.path.expanduser(name)) for name in names):
                for table in ("photos", "problems"):
                    store.table(table).delete(below("path", path))
                    store.delete(table, [path])
                sources, _ = store.sources()
                remaining = [source for source in sources if not is_below(source, [path])]
                store.delete("sources", set(sources) - set(remaining))
                if is_below(path, remaining):
                    store.set_sources([path], excluded=True)
            return before - int(store.photos.count_rows())

    def search(
        self,
        image: Source | None = None,
        text: str | None = None,
        top_k: int = 20,
        where: str | None = None,
    ) -> LibraryHits:
        """Find photos that resemble an image, match a text, or both.

        Args:
            image: Any source that `shared.core.images.open_image` takes.
            text: Words, with arithmetic such as "two dogs - beach + 2:snow", in any of the languages of
                `shared.crossmodal.text.dictionary`.
            top_k: Largest number of hits, 1..1000.
            where: Condition on `shared.library.filters.COLUMNS`, such as
                "taken > '2020-01-01' and folder like '%beach%'".

        Returns:
            Hits, the best first, used like a list. Verdicts and probabilities hold at even odds; those of a
            text were measured on galleries of some dozens of photos.

        Raises:
            LibraryError: `where` cannot be read, or the photos were described with weights that are not here.
            QueryError: The text cannot be used, or there is neither image nor text.
            ImageError: The image cannot be used.
            ValueError: `top_k` is out of range.
        """
        with self._open_store().reading():
            return self._search(image, text, top_k, where)

    def duplicates(
        self, *, near: bool = True, max_bits: int = 8, min_cosine: float = 0.85
    ) -> list[list[str]]:
        """Return groups of the paths of identical and nearly identical photos, the largest first.

        Args:
            near: False lists identical files alone.
            max_bits: Largest number of differing bits of two perceptual hashes, of 64.
            min_cosine: Lowest cosine of two descriptors, which must agree as well.

        Raises:
            LibraryError: The photos were described with weights that are not here.
        """
        from shared.library.duplicates import duplicate_groups

        store = self._open_store()
        with store.reading():
            rows = store.models("image")
            column = rows[0]["column"] if near and rows else None
            return duplicate_groups(store, column, max_bits, min_cosine)

    def paths(self) -> Iterator[str]:
        """Return the paths of all photos, in no order."""
        store = self._open_store()
        with store.reading():
            for batch in store.batches("photos", ["path"]):
                yield from batch.column("path").to_pylist()

    def photos(self, where: str | None = None, limit: int | None = None) -> list[LibraryPhoto]:
        """Return photos, in no order.

        Args:
            where: Condition, see `search`; None for all photos.
            limit: Largest number of photos; None for all of them.

        Raises:
            LibraryError: `where` cannot be read.
        """
        from shared.library.search import read_photos

        store = self._open_store()
        with store.reading():
            return read_photos(store, where, limit)

    def count(self) -> int:
        """Return the number of photos."""
        return int(self._open_store().photos.count_rows())

    def sources(self) -> list[str]:
        """Return the folders that `update` walks."""
        return self._open_store().sources()[0]

    def stats(self) -> LibraryStats:
        """Return statistics of the library.

        Raises:
            LibraryError: Files of the library are missing or damaged.
        """
        store = self._open_store()
        with store.reading():
            return self._stats(store)

    def _stats(self, store: Store) -> LibraryStats:
        from shared.library.vector_index import describe_index

        folders: set[str] = set()
        size = 0
        for batch in store.batches("photos", ["folder", "bytes"]):
            folders.update(batch.column("folder").unique().to_pylist())
            size += sum(batch.column("bytes").to_pylist())
        active = {row["kind"]: row for row in reversed(store.models())}
        return LibraryStats(
            uri=self.uri,
            photos=store.photos.count_rows(),
            folders=len(folders),
            bytes=size,
            skipped=store.table("problems").count_rows(),
            sources=tuple(store.sources()[0]),
            index={kind: describe_index(store.photos, row["column"]) for kind, row in active.items()},
            models={kind: f"{row['engine']} ({row['fingerprint'][:8]})" for kind, row in active.items()},
            disk_bytes=store.disk_bytes(),
        )

    def close(self) -> None:
        """Close the library; it cannot be used any longer."""
        if self._store is not None:
            self._store.close()
        self._store = None

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_store(self) -> Store:
        if self._store is None:
            raise LibraryError(f"The library {self.uri} has been closed: open it again.")
        return self._store

    def _load(self, spec: ModelSpec) -> LibraryModel:
        model = self._models[spec] = spec.load()
        return model

    def _current_models(self) -> list[LibraryModel]:
        return [self._load(spec) for spec in self._specs]

    def _ingest(
        self, store: Store, total: int, progress: Progress | None, create: DescriberFactory | None = None
    ) -> Ingest:
        """Return a run that describes photos with the current models, and those that are still searched."""
        from shared.library.describe import PhotoDescriber
        from shared.library.ingest import Ingest

        models = self._current_models()
        for model in models:
            store.add_model(model)
        searched = [self._search.model(kind) for kind in dict.fromkeys(spec.kind for spec in self._specs)]
        columns = {model.column: model for model in [*models, *searched]}
        describer = (create or PhotoDescriber)([model.spec for model in columns.values()])
        return Ingest(store, describer, total, progress)

    def _finish(self, store: Store, *, changed: bool) -> None:
        from shared.library.vector_index import update_index

        if changed:
            store.tidy(final=True)
            release_freed_memory()
        # also without changes: the run before may have been stopped while it built an index
        update_index(store.photos, [row["column"] for row in store.models() if row["complete"]])


def _report(ingest: Ingest, begin: float, deleted: int = 0) -> LibraryReport:
    return LibraryReport(
        added=ingest.added,
        changed=ingest.changed,
        moved=ingest.moved,
        deleted=deleted,
        unchanged=ingest.unchanged,
        skipped=ingest.skipped,
        seconds=time.monotonic() - begin,
    )
