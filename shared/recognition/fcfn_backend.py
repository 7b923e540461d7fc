"""FCFN as a segmenter: from an RGB image to the class of each pixel, within bounded memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.calls import check_call
from shared.core.cpu_runtime import compiled
from shared.core.engines import Engine
from shared.core.images import to_tensor
from shared.core.models import load_network
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.recognition.backends import SegmenterBackend, SegmenterOutput

# Up to this many values (256 MB) the probability maps of all classes are upsampled at once, else one by one.
MAX_MAP_VALUES = 64_000_000
# Classes that win a smaller fraction of the network's cells are noise.
MIN_CELL_FRACTION = 0.002


class FCFNBackend(SegmenterBackend):
    """FCFN with the preprocessing of its weights.

    Args:
        network: The network on its device, in eval mode.
        labels: Class names, by id.
        background: Id of the class without objects; None if every class is an object.
        size: Longer side of the network's input in pixels.
        mirror: True to average the logits of the image and of its mirror image.
    """

    def __init__(
        self,
        network: FCFN,
        *,
        labels: Sequence[str],
        background: int | None = None,
        size: int = 480,
        mirror: bool = False,
    ) -> None:
        self.network = network
        self._compiled = compiled(network)
        self.labels = tuple(labels)
        self.background = background
        self.size = size
        self.mirror = mirror
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> FCFNBackend:
        """Load an FCFN with the weights of an engine; see `shared.core.models.load_network`.

        Raises:
            WeightsError: The weights cannot be used, or lack the name of a class.
        """
        network, folder = load_network(engine, FCFN, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(folder)
        if len(config.get("labels") or ()) != config.get("classes"):
            raise weights.WeightsError(f"{folder / weights.CONFIG} must list a label for every class.")
        return cls(
            network,
            labels=config["labels"],
            background=config.get("background"),
            size=int(config.get("size", 480)),
            mirror=bool(config.get("mirror", False)),
        )

    @torch.inference_mode()
    def predict(self, image: Image.Image) -> SegmenterOutput:
        inputs = to_tensor(self._resize(image)).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            logits = self._compiled(inputs)
            if self.mirror:
                logits = (logits + self._compiled(inputs.flip(-1)).flip(-1)) / 2
            logits = logits.float()
            kept_logits = suppress_small_classes(logits)
            entropy, energy = class_uncertainty(logits, kept_logits.argmax(1)[0])
            input_size, image_size = (inputs.shape[-2], inputs.shape[-1]), (image.height, image.width)
            ids, confidence = upsample_classes(kept_logits, input_size, image_size)
        return SegmenterOutput(
            ids.cpu().numpy(), confidence.cpu().numpy(), entropy.cpu().numpy(), energy.cpu().numpy()
        )

    def _resize(self, image: Image.Image) -> Image.Image:
        # Whole cells, so that those of the mirror image cover the same pixels.
        scale, cell = self.size / max(image.size), FCFN.STRIDE
        width, height = (max(1, round(side * scale / cell)) * cell for side in image.size)
        return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def suppress_small_classes(logits: Tensor) -> Tensor:
    """Exclude classes that win less than `MIN_CELL_FRACTION` of the cells.

    Args:
        logits: `[1, classes, h, w]`.

    Returns:
        The logits, -inf for those classes, so that their cells go to the next best class.

    >>> logits = torch.zeros(1, 2, 30, 30)
    >>> logits[0, 1, 0, 0], logits[0, 0, 1:] = 9, 1
    >>> suppress_small_classes(logits)[0, 1].max()
    tensor(-inf)
    """
    ids = logits.argmax(1)
    cell_counts = torch.bincount(ids.flatten(), minlength=logits.shape[1])
    small = cell_counts < MIN_CELL_FRACTION * ids.numel()
    return logits.masked_fill(small[None, :, None, None], -torch.inf)


def class_uncertainty(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the mean entropy and the mean energy of the cells of each class.

    Args:
        logits: `[1, classes, h, w]`.
        ids: Class of each cell, `[h, w]`.

    Returns:
        Both `[classes]`, NaN for classes without cells; see `SegmenterOutput`.

    >>> logits = torch.tensor([0.0, 0.0]).view(1, 2, 1, 1)
    >>> class_uncertainty(logits, torch.tensor([[1]]))
    (tensor([   nan, 0.6931]), tensor([   nan, 0.6931]))
    """
    ids, classes = ids.flatten(), logits.shape[1]
    log_probabilities = logits[0].log_softmax(0)
    entropy = -(log_probabilities.exp() * log_probabilities).sum(0).flatten()
    energy = logits[0].logsumexp(0).flatten()
    counts = torch.bincount(ids, minlength=classes)
    sums = [torch.bincount(ids, values, minlength=classes) for values in (entropy, energy)]
    return sums[0].float() / counts, sums[1].float() / counts


def upsample_classes(
    logits: Tensor, input_size: tuple[int, int], image_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return the best class of each pixel of the image and its probability.

    Args:
        logits: `[1, classes, h, w]`, cells of `FCFN.STRIDE` pixels of the network's input; the last cells may
            reach beyond it. Classes of -inf, such as `suppress_small_classes` excludes, cost nothing.
        input_size: Height and width of the network's input.
        image_size: Height and width of the image.

    Returns:
        uint8 and float16, both `[H, W]`.
    """
    class_ids = logits[0].amax((1, 2)).isfinite().nonzero()[:, 0]
    # This crops cells that reach beyond the input, so that they do not shift the second upsampling.
    probabilities = upsample(logits.index_select(1, class_ids).softmax(1), input_size, FCFN.STRIDE)
    class_ids, classes = class_ids.to(torch.uint8), len(class_ids)
    if classes * image_size[0] * image_size[1] <= MAX_MAP_VALUES:
        maps = F.interpolate(probabilities, image_size, mode="bilinear", align_corners=False)[0]
        confidence, indices = maps.max(0)
        return class_ids[indices], confidence.half()
    confidence = probabilities.new_zeros(image_size)
    ids = torch.zeros(image_size, dtype=torch.uint8, device=confidence.device)
    for index, class_id in enumerate(class_ids):
        check_call()
        class_map = F.interpolate(
            probabilities[:, index : index + 1], image_size, mode="bilinear", align_corners=False
        )[0, 0]
        ids.masked_fill_(class_map > confidence, class_id)
        torch.maximum(confidence, class_map, out=confidence)
    return ids, confidence.half()
