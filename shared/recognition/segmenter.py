"""Where things are in a picture: one call for every segmenter."""

from __future__ import annotations

import os
import threading
import time

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import engines, weights
from shared.core.images import Source, open_image, to_tensor
from shared.core.models import load_network
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.recognition.engines import SEGMENTERS
from shared.recognition.segmentation import Segmentation

# Up to so many values, 256 MB, all class maps are enlarged at once; those of larger pictures one by one.
MAP_VALUES = 64_000_000
# A class that wins fewer of the network's cells than this share is a few stray cells, not a thing.
SPECK = 0.002


class Segmenter:
    """Gives every pixel a class. `Segmenter.load` makes one; calls may come from many threads at once.

    Attributes:
        engine: The name of the engine.
        labels: Names of the classes, by number.

    Args:
        engine: See above.
        network: The network on its device, in eval mode.
        config: The weight folder's configuration: `labels`, `background` (the number of the class that is no
            object; none by default), `size` (the longer side, in pixels, at which the network sees a picture;
            480) and `mirror` (whether it also sees the picture mirrored, and the mean of both counts; no).
    """

    def __init__(self, engine: str, network: FCFN, config: dict) -> None:
        self.engine = engine
        self.labels: tuple[str, ...] = tuple(config["labels"])
        self._network = network
        self._background = config.get("background")
        self._size = int(config.get("size", 480))
        self._mirror = bool(config.get("mirror", False))
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # one picture at a time: two would take each other's cores and memory

    @classmethod
    def load(
        cls,
        name: str = "fcfn",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Segmenter:
        """Loads an engine.

        Args:
            name: One of `shared.recognition.engines.SEGMENTERS`.
            folder: Weights to use in place of the engine's own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of
                the Hub always may: to choose it is to ask for them.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Its weights cannot be used.
        """
        engine = engines.find(SEGMENTERS, name)
        network, folder = load_network(engine, FCFN, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(folder)
        if len(config.get("labels") or ()) != config.get("classes"):
            raise weights.WeightsError(f"{folder / weights.CONFIG} must list a label for every class.")
        return cls(name, network, config)

    @torch.inference_mode()
    def __call__(self, image: Source) -> Segmentation:
        """Segments a picture.

        Args:
            image: Anything that `shared.core.images.open_image` takes.

        Returns:
            The segmentation, at the picture's size.

        Raises:
            ImageError: The picture cannot be used.
        """
        started = time.perf_counter()
        picture = open_image(image)
        x = to_tensor(self._fit(picture)).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            logits = self._network(x)
            if self._mirror:
                logits = (logits + self._network(x.flip(-1)).flip(-1)) / 2
            ids, confidence = _enlarge(_without_specks(logits.float()), x.shape[-2:], picture.size[::-1])
        return Segmentation(
            image=picture,
            ids=ids.cpu().numpy(),
            confidence=confidence.cpu().numpy(),
            labels=self.labels,
            background=self._background,
            engine=self.engine,
            seconds=time.perf_counter() - started,
        )

    def _fit(self, picture: Image.Image) -> Image.Image:
        # Whole cells, so that those of the mirrored picture lie over the same pixels.
        scale, cell = self._size / max(picture.size), FCFN.STRIDE
        size = tuple(max(1, round(side * scale / cell)) * cell for side in picture.size)
        return picture.resize(size, Image.Resampling.BILINEAR)


def _without_specks(logits: Tensor) -> Tensor:
    """Rules out classes that win less than `SPECK` of the cells, so that the next best class takes these.

    >>> logits = torch.zeros(1, 2, 30, 30)
    >>> logits[0, 1, 0, 0], logits[0, 0, 1:] = 9, 1
    >>> _without_specks(logits)[0, 1].max()
    tensor(-inf)
    """
    ids = logits.argmax(1)
    wins = torch.bincount(ids.flatten(), minlength=logits.shape[1])
    return logits.masked_fill((wins < SPECK * ids.numel())[None, :, None, None], -torch.inf)


def _enlarge(logits: Tensor, seen: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The best class of each pixel and its probability, at the picture's size.

    Args:
        logits: `[1, classes, h, w]`, cells of `FCFN.STRIDE` pixels of what the network saw; the last cells
            may reach beyond it.
        seen: height and width of what the network saw.
        size: height and width of the picture.

    Returns:
        uint8 and float16, both `[H, W]`.
    """
    # Cells that reach beyond the picture are cut off here, and no later enlargement sees them.
    probabilities = upsample(logits.softmax(1), seen, FCFN.STRIDE)
    classes = probabilities.shape[1]
    if classes * size[0] * size[1] <= MAP_VALUES:
        best, ids = F.interpolate(probabilities, size, mode="bilinear", align_corners=False)[0].max(0)
        return ids.to(torch.uint8), best.half()
    best = probabilities.new_zeros(size)
    ids = torch.zeros(size, dtype=torch.uint8, device=best.device)
    for number in range(classes):
        one = F.interpolate(probabilities[:, number : number + 1], size, mode="bilinear", align_corners=False)
        ids.masked_fill_(one[0, 0] > best, number)
        torch.maximum(best, one[0, 0], out=best)
    return ids, best.half()
