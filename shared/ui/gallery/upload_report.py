"""Outcome of an upload into a gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class UploadReport:
    """Outcome of an upload.

    Attributes:
        key: Key of the gallery.
        ids: Ids of the new images.
        skipped: Name and reason of each file that was skipped.
        stopped: True if the visitor stopped the upload before its end.
    """

    key: str
    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values, without the key."""
        skipped = [{"name": name, "reason": reason} for name, reason in self.skipped]
        return {"added": list(self.ids), "skipped": skipped}
