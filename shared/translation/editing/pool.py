"""Editors that a page keeps in memory, of which a machine can rarely hold two."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from shared.core import devices

if TYPE_CHECKING:  # which brings torch
    from shared.translation.editing.editor import ImageEditor


class EditorPool:
    """Editors by name, loaded on first use; the one before makes room for the next.

    On ZeroGPU all of them are loaded at once and stay, since a model must be on the device when the app
    starts. Safe to call from many threads: an editor that still runs is freed when its run ends.

    Args:
        names: Names of rows of `EDITORS`.
        load: Loads an editor by its name.
    """

    def __init__(self, names: Iterable[str], load: Callable[[str], ImageEditor]) -> None:
        self._names = tuple(names)
        self._load = load
        self._lock = threading.Lock()
        self._editors: dict[str, ImageEditor] = {}
        if devices.on_zero_gpu():
            self._editors = {name: load(name) for name in self._names}

    def models(self) -> dict[str, Callable[[], ImageEditor]]:
        """Return a function for each editor, which returns it, by name."""
        return {name: partial(self, name) for name in self._names}

    def __call__(self, name: str) -> ImageEditor:
        """Return an editor.

        Raises:
            ValueError: No engine has this name.
            WeightsError: See `ImageEditor.load`.
        """
        with self._lock:
            if name not in self._editors:
                self._editors.clear()
                gc.collect()  # pipelines hold cycles of references
                self._editors[name] = self._load(name)
            return self._editors[name]
