"""EoMT as a segmenter of the 150 classes of ADE20K.

Kerssies et al., "Your ViT is Secretly an Image Segmentation Model", CVPR 2025. The shorter side of an image
is resized to that of the network's square input, and overlapping squares along the longer one are segmented
one by one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.calls import check_call
from shared.core.hub_networks.network import HubModel, HubNetwork
from shared.core.hub_networks.pixels import network_pixels
from shared.recognition.backends import SegmenterBackend, SegmenterOutput
from shared.recognition.vocabulary.class_names import ade20k_names

#: Largest number of squares; a longer image is compressed along its longer side.
MAX_SQUARES = 4


class EomtSegmenter(HubModel, SegmenterBackend):
    """Segmenter of indoor and outdoor scenes, in which every pixel belongs to a class.

    `EomtSegmenter.load` returns one.

    Args:
        files: `EomtForUniversalSegmentation` for semantic segmentation.
    """

    class_set = ("ADE20K", 150)
    background = None

    def __init__(self, files: HubNetwork) -> None:
        super().__init__(files)
        self.labels = ade20k_names()
        side = files.config.image_size
        self.side: int = side if isinstance(side, int) else side[0]

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import EomtForUniversalSegmentation

        return EomtForUniversalSegmentation, None

    def predict(self, image: Image.Image) -> SegmenterOutput:
        width, height = working_size(image.size, self.side)
        pixels = network_pixels(image, (width, height), resample=Image.Resampling.BILINEAR)
        scores = torch.zeros(len(self.labels), height, width)
        counts = torch.zeros(height, width)
        for start in square_starts(max(width, height), self.side):
            check_call()
            area = (slice(None), slice(start, start + self.side))
            rows, columns = area if width >= height else area[::-1]
            scores[:, rows, columns] += self._square_scores(pixels[:, :, rows, columns])
            counts[rows, columns] += 1
        scores /= counts
        return _upsample(scores / scores.sum(0).clamp(min=1e-6), image.size)

    def _square_scores(self, pixels: Tensor) -> Tensor:
        """Return the scores of all classes in a square, `[classes, side, side]`.

        A score is the sum over the queries of the product of the class's and the pixel's probability.
        """
        batch = self.files.inputs({"pixel_values": pixels})
        output = self.files.run(lambda network: network(**batch))
        classes = output.class_queries_logits[0].float().softmax(-1)[:, :-1]  # without "no object"
        masks = F.interpolate(
            output.masks_queries_logits.float(), (self.side, self.side), mode="bilinear", align_corners=False
        )[0].sigmoid()
        return torch.einsum("qc,qhw->chw", classes, masks).cpu()


def working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the width and height at which an image of a size is segmented.

    >>> working_size((1024, 512), 512), working_size((10, 1000), 512)
    ((1024, 512), (512, 2048))
    """
    scale = side / min(size)
    width, height = (min(max(round(length * scale), side), side * MAX_SQUARES) for length in size)
    return width, height


def square_starts(length: int, side: int) -> list[int]:
    """Return the first pixels of evenly spaced squares that cover a length.

    >>> square_starts(512, 512), square_starts(768, 512)
    ([0], [0, 256])
    """
    count = math.ceil(length / side)
    return [round(index * (length - side) / (count - 1)) for index in range(count)] if count > 1 else [0]


def _upsample(probabilities: Tensor, size: tuple[int, int]) -> SegmenterOutput:
    """Return the best class of each pixel of an image of a size, class by class, in bounded memory."""
    width, height = size
    confidence = torch.full((height, width), -1.0)
    ids = torch.zeros(height, width, dtype=torch.uint8)
    # Between four cells, one of their at most four winners has at least a quarter of the mean of the maxima.
    candidates = (probabilities >= probabilities.amax(0) / 4).flatten(1).any(1).nonzero().flatten().tolist()
    for class_id in candidates:
        check_call()
        plane = F.interpolate(
            probabilities[None, class_id : class_id + 1],
            (height, width),
            mode="bilinear",
            align_corners=False,
        )[0, 0]
        ids.masked_fill_(plane > confidence, class_id)
        torch.maximum(confidence, plane, out=confidence)
    return SegmenterOutput(ids.numpy(), confidence.clamp(0, 1).half().numpy())
