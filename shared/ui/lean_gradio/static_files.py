"""Files that are served from their place, such as sample photos: is a file one of them?

Gradio (6.31) resolves the path of the file, and of every place, anew for each place and each file of an
answer, in the thread that serves all visitors: half of that thread's time under load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio import utils
from gradio.data_classes import FileData, _StaticFiles


def is_static_file(file: Any) -> bool:
    """Return True if a file, given by its path or in Gradio's form, is served from its place.

    Args:
        file: Anything; what names no file is none of them.
    """
    path = file.path if isinstance(file, FileData) else file
    if not isinstance(path, (str, Path)):
        return False
    resolved = Path(path).resolve()
    places = set(_StaticFiles.all_paths)  # which are resolved, as Gradio keeps them
    is_inside = resolved in places or not places.isdisjoint(resolved.parents)
    return is_inside and (isinstance(path, Path) or resolved.exists())


def use_quick_static_check() -> None:
    """Have Gradio use `is_static_file`."""
    utils.is_static_file = is_static_file  # type: ignore[assignment]
