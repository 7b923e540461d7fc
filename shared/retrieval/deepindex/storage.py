"""Arrays and settings in one safetensors file, which either comes back as it was written or is refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save


class StorageError(RuntimeError):
    """A file that cannot be used; the text is one sentence that names it and the fix."""


def write(path: str | os.PathLike, kind: str, arrays: Mapping[str, np.ndarray], **settings: Any) -> Path:
    """Writes a file whole or not at all.

    Args:
        path: where to; folders on the way are made.
        kind: what the file is, such as "deepindex".
        arrays: by name.
        settings: plain values that JSON can hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(settings, sort_keys=True)
    header = {"kind": kind, "settings": text, "sha256": _digest(kind, text, arrays)}
    draft = path.with_name(f".{path.name}.{os.getpid()}")  # a reader never sees half of a file
    draft.write_bytes(save(arrays, metadata=header))
    os.replace(draft, path)
    return path


def read(path: str | os.PathLike, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the settings of a file that `write` made.

    Raises:
        StorageError: there is no such file, it is of another kind, or a bit of it has changed.
    """
    path = Path(path)
    if not path.is_file():
        raise StorageError(f"{path} does not exist: check its path.")
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (OSError, ValueError, SafetensorError) as error:
        raise StorageError(f"{path} is damaged or no {kind} file ({error}): make it anew.") from error
    if header.get("kind") != kind:
        raise StorageError(f"{path} is no {kind} file: give one that was saved as such.")
    text = header.get("settings", "")
    if header.get("sha256") != _digest(kind, text, arrays):
        raise StorageError(f"{path} is not as it was written: make it anew.")
    return arrays, json.loads(text)


def _digest(kind: str, text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(f"{kind}\n{text}".encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
