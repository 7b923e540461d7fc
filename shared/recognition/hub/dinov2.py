"""DINOv2 with its linear head as a classifier of ImageNet's classes.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024. The head adds a linear
function of the class token to one of the mean of the patch tokens, so that the part of each patch is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.calls import check_call
from shared.core.hub_networks.network import HubModel, HubNetwork
from shared.core.hub_networks.pixels import network_pixels
from shared.core.images import Box
from shared.recognition.backends import ClassEvidence, ClassifierOutput, ExplainableBackend
from shared.recognition.saliency import occlusion, place_in_image
from shared.recognition.vocabulary.class_names import imagenet_names

#: Side of the network's input in pixels: the center of an image whose shorter side has `RESIZED` pixels.
SIDE, RESIZED = 224, 256
BATCH_SIZE = 8


class Dinov2Classifier(HubModel, ExplainableBackend):
    """Classifier of ImageNet's classes; `Dinov2Classifier.load` returns one.

    Args:
        files: `Dinov2ForImageClassification`.
    """

    class_set = ("ImageNet", 1000)
    ood_threshold = 2.0

    def __init__(self, files: HubNetwork) -> None:
        super().__init__(files)
        self.labels = tuple(imagenet_names())

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import Dinov2ForImageClassification

        return Dinov2ForImageClassification, None

    def predict(self, images: Sequence[Image.Image]) -> ClassifierOutput:
        pixels = torch.cat([network_pixels(image, (SIDE, SIDE), view_box(image.size)) for image in images])
        logits, features = zip(*(self._logits(batch) for batch in pixels.split(BATCH_SIZE)), strict=True)
        return ClassifierOutput(
            probabilities=torch.cat(logits).softmax(1).numpy(),
            features=torch.cat(features).numpy(),
            ood_scores=np.zeros(len(images), np.float32),
        )

    def explain(self, image: Image.Image, class_id: int | None, method: str) -> ClassEvidence:
        box = view_box(image.size)
        pixels = network_pixels(image, (SIDE, SIDE), box)
        batch = self.files.inputs({"pixel_values": pixels})
        tokens = self.files.run(lambda network: network.dinov2(**batch).last_hidden_state)[0].float().cpu()
        head = self.files.network.classifier
        weight, bias = head.weight.detach().float().cpu(), head.bias.detach().float().cpu()
        whole, patches = weight.chunk(2, dim=1)
        logits = whole @ tokens[0] + patches @ tokens[1:].mean(0) + bias
        class_id = int(logits.argmax()) if class_id is None else class_id
        parts = tokens[1:] @ patches[class_id]
        if method == "occlusion":
            saliency = occlusion(lambda views: self._probability(views, class_id), pixels[0])
        else:
            side = math.isqrt(len(parts))
            saliency = parts.view(side, side).relu()
        return ClassEvidence(
            class_id=class_id,
            probability=float(logits.softmax(0)[class_id]),
            heatmap=place_in_image(saliency, box, image.size),
            contributions={
                "objects": float(whole[class_id] @ tokens[0]),
                "parts": float(parts.mean()),
                "bias": float(bias[class_id]),
            },
        )

    def _logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and class tokens of preprocessed images."""
        check_call()
        batch = self.files.inputs({"pixel_values": pixels})

        def forward(network: Any) -> tuple[Tensor, Tensor]:
            tokens = network.dinov2(**batch).last_hidden_state
            features = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
            return network.classifier(features), tokens[:, 0]

        logits, features = self.files.run(forward)
        return logits.float().cpu(), features.float().cpu()

    def _probability(self, views: Tensor, class_id: int) -> Tensor:
        return torch.cat([self._logits(batch)[0] for batch in views.split(BATCH_SIZE)]).softmax(1)[
            :, class_id
        ]


def view_box(size: tuple[int, int]) -> Box:
    """Return the part of an image of a size (width, height) that the network sees.

    >>> view_box((256, 512))
    (16.0, 144.0, 240.0, 368.0)
    """
    width, height = size
    side = min(size) * SIDE / RESIZED
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
