"""Peak memory of a computation."""

from __future__ import annotations

import contextlib
import ctypes
import math
import re
from pathlib import Path


class PeakMemory:
    """Peak memory of this process since the construction, on Linux."""

    STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __init__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            # free memory that malloc still holds would hide the memory of the computation
            ctypes.CDLL(None).malloc_trim(0)
        try:
            self.CLEAR.write_text("5")  # resets the peak
            self._start = self._read("VmRSS")
        except OSError:
            self._start = float("nan")
        self._peak = 0.0

    def growth(self) -> float:
        """Return the largest number of bytes beyond those at the start; NaN if the system does not tell."""
        if math.isnan(self._start):
            return self._start
        # where several threads count pages, the peak of the system may fall by a few of them
        self._peak = max(self._peak, self._read("VmHWM") - self._start)
        return self._peak

    def _read(self, name: str) -> float:
        match = re.search(rf"^{name}:\s*(\d+) kB", self.STATUS.read_text(), re.MULTILINE)
        return 1024.0 * int(match[1]) if match else float("nan")
