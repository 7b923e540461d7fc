"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import contextlib
import ctypes
import re
from pathlib import Path


class PeakMemory:
    """Memory of this process from now on, where the system tells (Linux)."""

    STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __init__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(
                0
            )  # else work would be done in memory that is free but not given back
        try:
            self.CLEAR.write_text("5")  # forgets the peak so far
            self._before = self._read("VmRSS")
        except OSError:
            self._before = float("nan")
        self._most = 0.0

    def growth(self) -> float:
        """Bytes that the process has taken at most, beyond what it had at the start; NaN if nobody knows."""
        if self._before != self._before:
            return self._before
        # Where several threads count pages, the system's own peak may fall by a few of them.
        self._most = max(self._most, self._read("VmHWM") - self._before)
        return self._most

    def _read(self, name: str) -> float:
        return 1024.0 * int(re.search(rf"^{name}:\s*(\d+) kB", self.STATUS.read_text(), re.MULTILINE)[1])
