"""Health of the server: a small prediction of each space and room on the disk, one check at a time."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

log = logging.getLogger("image_spaces")

#: Seconds for which the answer of a check is kept.
MAX_AGE = 10.0
#: Free space in bytes that uploads and results need.
MIN_FREE_BYTES = 256 * 2**20


class HealthMonitor:
    """Health of the server, checked when it is asked for, at most every `MAX_AGE` seconds.

    While a check runs, the last answer stands, so that many requests at once cost no more than one.

    Args:
        checks: Predictions by name of the space; one that raises an error is a failure.
        folder: Folder of uploads and results, on the disk that must not be full.
    """

    def __init__(self, checks: Mapping[str, Callable[[], object]], folder: Path) -> None:
        self._checks, self._folder = checks, folder
        self._report: dict[str, Any] | None = None
        self._time = 0.0
        self._running: asyncio.Task[None] | None = None

    async def report(self) -> dict[str, Any]:
        """Return the last answer, and check anew if it is old.

        Returns:
            `ok`, True if nothing failed; `spaces`, `ok` and the seconds of the prediction by name; `disk`,
            `ok` and the free megabytes; and `age`, seconds since the check.
        """
        if self._report is None or time.monotonic() - self._time > MAX_AGE:
            if self._running is None:
                self._running = asyncio.create_task(self._check())
            if self._report is None:
                await asyncio.shield(self._running)  # others wait for the same check
        assert self._report is not None
        return self._report | {"age": round(time.monotonic() - self._time, 1)}

    async def _check(self) -> None:
        try:
            self._report = await run_in_threadpool(self._run_checks)
            self._time = time.monotonic()
        finally:
            self._running = None

    def _run_checks(self) -> dict[str, Any]:
        spaces = {name: _time_check(name, check) for name, check in self._checks.items()}
        disk = _check_disk(self._folder)
        healthy = disk["ok"] and all(space["ok"] for space in spaces.values())
        return {"ok": healthy, "spaces": spaces, "disk": disk}


def _time_check(name: str, check: Callable[[], object]) -> dict[str, Any]:
    """Run a check; return `ok` and `seconds`, and log a failure."""
    start = time.perf_counter()
    try:
        check()
    except Exception:
        log.exception("the check of %s failed", name)
        return {"ok": False}
    return {"ok": True, "seconds": round(time.perf_counter() - start, 3)}


def _check_disk(folder: Path) -> dict[str, Any]:
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        log.error("the disk of %s is nearly full: %d MB are free", folder, free >> 20)
    return {"ok": free >= MIN_FREE_BYTES, "free_mb": free >> 20}
