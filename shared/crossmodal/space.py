"""A trained joint space: pictures and texts in, vectors out."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.engines import Engine
from shared.core.loading import load_network
from shared.crossmodal.features import describe, load_base
from shared.crossmodal.tokens import Tokens
from shared.networks.joint import JointSpace
from shared.networks.regions import RegionBase


class Space:
    """Embeds pictures and texts. `Space.load` makes one; calls may come from many threads at once.

    Args:
        network: The joint space on its device, in eval mode.
        base: What describes pictures.
        words: The vocabulary that the network was made for.
        buckets: Rows for letter groups, as the network has them.

    Attributes:
        network: See above.
        tokens: What turns texts into rows.
    """

    def __init__(self, network: JointSpace, base: RegionBase, words: Sequence[str], buckets: int) -> None:
        self.network, self.base = network, base
        self.tokens = Tokens(words, buckets)
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # one pass at a time: two would take each other's cores

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        base: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Space:
        """Loads an engine.

        Args:
            engine: One of `shared.crossmodal.engines`.
            folder: Weights to use in place of the engine's own.
            base: Weights of the network that describes pictures, in place of the recognition network's own.
            device: Where it runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.

        Raises:
            WeightsError: Weights cannot be used, or were trained on another network's descriptions.
        """
        network, found = load_network(engine, JointSpace, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(found)
        if network.base is not None:
            reader = network.base
        else:
            reader, digest = load_base(base, device=device, allow_hub=allow_hub)
            if config.get("network") != digest:
                raise weights.WeightsError(
                    f"The joint space in {found.name} was trained for other weights than those of the "
                    "recognition network: train it anew with `python -m shared.crossmodal.train`."
                )
        return cls(network, reader, config["words"], config["buckets"])

    def describe(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """What the space reads of RGB pictures: float16 `[N, 1 + R, K]`."""
        with self._lock:
            return describe(self.base, pictures)

    def pictures(self, rows: np.ndarray) -> np.ndarray:
        """Vectors `[N, D]` of pictures, from `describe`."""
        return self._each(self.network.pictures, rows)

    def regions(self, rows: np.ndarray) -> np.ndarray:
        """Vectors `[N, R, D]` of the regions of pictures, from `describe`, row by row of the grid."""
        return self._each(self.network.regions, rows)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors `[N, D]` of texts, of any length and script."""
        return self._each(self.network.sentences, texts)

    @torch.inference_mode()
    def _each(self, embed, given: Sequence) -> np.ndarray:
        """float32 vectors of length 1, 64 at a time."""
        found = []
        for start in range(0, len(given), 64):
            part = given[start : start + 64]
            with self._lock:
                found.append(embed(self._tensor(part)).float().cpu().numpy())
        return np.concatenate(found)

    def _tensor(self, part: Sequence) -> Tensor:
        if isinstance(part, np.ndarray):
            return torch.from_numpy(part.astype(np.float32)).to(self._device)
        return torch.from_numpy(self.tokens(part)).to(self._device)
