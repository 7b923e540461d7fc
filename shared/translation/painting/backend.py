"""Style network as a backend of `Stylizer`."""

from __future__ import annotations

import os
import threading
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.engines import Engine
from shared.core.images import to_tensor
from shared.core.models import load_network
from shared.networks.style import STRIDE, STYLE_SIDE, StyleNetwork
from shared.translation.painting.styles import STYLES
from shared.translation.whole_image import WholeImageSettings, apply_to_image, result_image

# A pixel takes about 200 bytes in the network, so that this many take about 0.5 GB.
SETTINGS = WholeImageSettings(max_pixels=2_400_000, overlap=192, multiple=STRIDE)


class StyleBackend:
    """Style network with its table of named styles. Safe to call from many threads.

    Args:
        network: The network on its device, in eval mode, with a row for each of `STYLES`.
    """

    def __init__(self, network: StyleNetwork) -> None:
        self.network = network
        self._device = next(network.parameters()).device
        self._rows = {name: index for index, name in enumerate(STYLES)}
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> StyleBackend:
        """Load the weights of an engine; see `shared.core.models.load_network`.

        Raises:
            WeightsError: The weights cannot be used, or have another number of styles.
        """
        network, folder = load_network(
            engine, StyleNetwork, folder=folder, device=device, allow_hub=allow_hub
        )
        if len(network.table) != len(STYLES):
            raise weights.WeightsError(
                f"{folder / weights.CONFIG}: expected {len(STYLES)} styles, received {len(network.table)}: "
                "use weights and code of the same version."
            )
        return cls(network)

    @torch.inference_mode()
    def named_vector(self, name: str) -> Tensor:
        """Return the vector of a style of `STYLES`, `[1, D]`.

        Raises:
            KeyError: There is no style of this name.
        """
        row = self._rows[name]
        return self.network.table[row : row + 1]

    @torch.inference_mode()
    def image_vector(self, style: Image.Image) -> Tensor:
        """Predict the vector of an image's style, `[1, D]`.

        Args:
            style: Mode RGB; its largest square counts, from the middle.
        """
        side = min(style.size)
        left, top = (style.width - side) // 2, (style.height - side) // 2
        square = style.resize(
            (STYLE_SIDE, STYLE_SIDE),
            Image.Resampling.BICUBIC,
            (left, top, left + side, top + side),
            reducing_gap=2.0,
        )
        x = to_tensor(square).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            return self.network.predictor(x)

    @torch.inference_mode()
    def paint(self, image: Image.Image, vector: Tensor) -> Image.Image:
        """Repaint an image.

        Args:
            image: Mode RGB, any size.
            vector: Style, `[1, D]`.

        Returns:
            Mode RGB, the same size.
        """
        with self._lock:
            values = apply_to_image(
                partial(self.network, vector=vector), image, SETTINGS, device=self._device
            )
        return result_image(values)
