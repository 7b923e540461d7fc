"""Loading of the embedder behind an engine, which all engines of the same weights share."""

from __future__ import annotations

import os
import threading
import weakref

import torch

from shared.core import engines
from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.engines import ENGINES

#: Embedders in use, by factory, folder and device.
_embedders: weakref.WeakValueDictionary[tuple[object, str, str], Embedder] = weakref.WeakValueDictionary()
_load_lock = threading.Lock()


def load_embedder(
    name: str,
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> Embedder:
    """Load the embedder of an engine, or return the one that is in use.

    Args:
        name: One of `shared.crossmodal.engines.ENGINES`.
        folder: Weights to use in place of the engine's own.
        device: Device of the networks; by default the best available.
        allow_hub: True permits a download of weights that are not on this machine; engines from the Hub may
            always download theirs.

    Raises:
        ValueError: There is no such engine.
        WeightsError: Weights cannot be used.
    """
    engine = engines.find(ENGINES, name)
    key = (engine.load, str(folder), str(device))
    with _load_lock:
        embedder = _embedders.get(key)
        if embedder is None:
            embedder = engine.load(folder=folder, device=device, allow_hub=allow_hub)
            _embedders[key] = embedder
    return embedder
