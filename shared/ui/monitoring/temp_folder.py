"""Folder of uploads and results, which is swept in the background and never grows beyond a limit.

Gradio (6.31) deletes files that it knows of, once an hour, and leaves cut-off uploads, data URLs in lists,
empty folders, and whatever a killed process had written.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from shared.ui.monitoring.health import MIN_FREE_BYTES

if os.name == "posix":
    import fcntl

log = logging.getLogger("image_spaces")

MAX_BYTES = 2 * 2**30
MAX_FILES = 30_000  # a sweep looks at each of them, which takes a second for 40,000
MAX_IDLE_SECONDS = 3600  # after which a file is deleted
UNFINISHED_SECONDS = 600  # the same for unfinished uploads and empty folders
BUSY_SECONDS = 60  # files that were used since are never deleted
INTERVAL_SECONDS = 10
REST = 10  # a pause between two sweeps is at least this many times as long as a sweep
_LOCK = ".image-spaces-lock"
# What Gradio and `new_cache_path` write: folders named by hashes, and unfinished uploads. Others stay.
_OWN_NAMES = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|tmp[a-z0-9_]{8}")


class _File(NamedTuple):
    last_use: float
    size: int
    path: str
    is_finished: bool


class TempFolder:
    """Folder of temporary files; files that are used keep their place for an hour, unless it is full.

    Args:
        folder: The folder; it may be missing.
        tracked: Sets of paths that Gradio keeps, from which deleted files are removed.
        max_bytes: Limit on the bytes of all files, beyond which those that were used longest ago are deleted.
        max_files: Limit on the number of files, the same.
        min_free_bytes: Free bytes that the disk must have, else files are deleted as well.
        now: Returns the time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        tracked: Sequence[set[str]] = (),
        *,
        max_bytes: int = MAX_BYTES,
        max_files: int = MAX_FILES,
        min_free_bytes: int = MIN_FREE_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._tracked, self._now = folder, tracked, now
        self._max_bytes, self._max_files, self._min_free_bytes = max_bytes, max_files, min_free_bytes
        self._lock_file: IO[str] | None = None
        self._started_at, self._leftovers_are_swept = now(), False

    def start(self) -> None:
        """Delete what earlier processes have left, then sweep the folder in a thread from now on."""
        self._sweep_leftovers()
        threading.Thread(target=self._run, name="temp-folder", daemon=True).start()

    def sweep(self, max_idle_seconds: float = MAX_IDLE_SECONDS) -> None:
        """Delete old files, unfinished uploads, empty folders, and what exceeds the limits.

        Args:
            max_idle_seconds: Seconds since the last use after which a file is deleted.
        """
        now = self._now()
        remaining: list[_File] = []
        deleted: list[_File] = []
        for file in sorted(self._files()):
            limit = max_idle_seconds if file.is_finished else min(max_idle_seconds, UNFINISHED_SECONDS)
            (deleted if now - file.last_use >= limit else remaining).append(file)
        _delete(deleted)
        excess = self._excess(sum(file.size for file in remaining))
        for number, file in enumerate(remaining):
            is_too_much = excess > 0 or len(remaining) - number > self._max_files
            if not is_too_much or now - file.last_use < BUSY_SECONDS:
                break
            _delete([file])
            deleted.append(file)
            excess -= file.size
        self._delete_empty_folders(self._now() - min(max_idle_seconds, UNFINISHED_SECONDS))
        for paths in self._tracked:
            paths.difference_update(file.path for file in deleted)

    def _run(self) -> None:
        seconds = 0.0
        while True:
            time.sleep(max(INTERVAL_SECONDS, REST * seconds))
            started = time.monotonic()
            try:
                self._sweep_leftovers()
                self.sweep()
            except Exception:
                log.exception("the folder of uploads cannot be swept")
            seconds = time.monotonic() - started

    def _sweep_leftovers(self) -> None:
        """Delete what was last used before the start, unless another running server uses the folder.

        The folder is marked as used from then on. A process that was killed may take a while to end.
        """
        if os.name != "posix" or self._leftovers_are_swept:
            return
        if self._lock_file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = open(self._folder / _LOCK, "a", encoding="utf-8")  # noqa: SIM115  open to the end
        with suppress(BlockingIOError):
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.sweep(max_idle_seconds=self._now() - self._started_at)
            self._leftovers_are_swept = True
        fcntl.flock(self._lock_file, fcntl.LOCK_SH)

    def _excess(self, byte_count: int) -> int:
        """Return the number of bytes by which files must shrink."""
        if not self._folder.is_dir():
            return 0
        missing = self._min_free_bytes - shutil.disk_usage(self._folder).free
        return max(byte_count - self._max_bytes, missing)

    def _entries(self) -> list[os.DirEntry[str]]:
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            return [entry for entry in entries if _OWN_NAMES.fullmatch(entry.name)]
        return []

    def _files(self) -> Iterator[_File]:
        for entry in self._entries():
            if not entry.is_dir(follow_symlinks=False):
                yield from _stat(entry.path, is_finished=False)
                continue
            for folder, _, names in os.walk(entry.path):
                for name in names:
                    yield from _stat(os.path.join(folder, name), is_finished=True)

    def _delete_empty_folders(self, time_limit: float) -> None:
        for entry in self._entries():
            if not entry.is_dir(follow_symlinks=False):
                continue
            for folder, _, _ in os.walk(entry.path, topdown=False):
                with suppress(OSError):  # it is not empty, or gone
                    if os.stat(folder).st_mtime <= time_limit:
                        os.rmdir(folder)


def _stat(path: str, *, is_finished: bool) -> Iterator[_File]:
    """Yield a file unless it is gone; its last use is its creation, change or reading."""
    with suppress(OSError):
        status = os.lstat(path)
        last_use = max(status.st_atime, status.st_mtime, status.st_ctime)
        yield _File(last_use, status.st_size, path, is_finished)


def _delete(files: Sequence[_File]) -> None:
    for file in files:
        with suppress(OSError):
            os.unlink(file.path)
