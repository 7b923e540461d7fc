"""SigLIP 2 as a classifier of whatever labels a visitor writes."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.engines import Engine
from shared.core.hub_networks.siglip import SiglipTowers
from shared.recognition.backends import ClassifierOutput, OpenClassifierBackend
from shared.recognition.open_labels import NONE
from shared.recognition.vocabulary.kinds import EVERYDAY_KINDS

#: Sentence with which the network was evaluated by its authors.
PROMPT = "This is a photo of {}."
#: Largest number of labels whose vectors are kept.
CACHE_SIZE = 5_000


class SiglipClassifier(OpenClassifierBackend):
    """Classifier by the match of an image with the words for each class; `SiglipClassifier.load` returns one.

    The class `NONE`, which comes last, has as much prior probability as all labels together.

    Args:
        towers: Encoders of images and texts.
    """

    labels = ("person", *sorted(EVERYDAY_KINDS), NONE)
    ood_threshold = 2.0

    def __init__(self, towers: SiglipTowers) -> None:
        self.towers = towers
        self._vectors: dict[str, Tensor] = {}  # of labels, the oldest first
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> SiglipClassifier:
        """Load the network of a row; see `shared.core.hub_networks.network.HubNetwork.load`."""
        return cls(SiglipTowers.load(engine, folder=folder, device=device))

    def with_none(self, labels: Sequence[str]) -> tuple[str, ...]:
        return (*labels, NONE)

    def predict(self, images: Sequence[Image.Image]) -> ClassifierOutput:
        return self.predict_labels(images, self.labels[:-1])

    def predict_labels(self, images: Sequence[Image.Image], labels: Sequence[str]) -> ClassifierOutput:
        features = self.towers.encode_images(images)
        odds = self.towers.log_odds(features, self._encode(labels)) - math.log(len(labels))
        probabilities = torch.cat([odds, odds.new_zeros(len(odds), 1)], 1).softmax(1)
        return ClassifierOutput(
            probabilities=probabilities.numpy(),
            features=features.numpy(),
            ood_scores=np.zeros(len(features), np.float32),
        )

    def _encode(self, labels: Sequence[str]) -> Tensor:
        with self._lock:
            known = dict(self._vectors)
        new = [label for label in dict.fromkeys(labels) if label not in known]
        if new:
            vectors = self.towers.encode_texts([PROMPT.format(label) for label in new])
            known |= dict(zip(new, vectors, strict=True))
            with self._lock:
                self._vectors |= {label: known[label] for label in new}
                for label in list(self._vectors)[: max(len(self._vectors) - CACHE_SIZE, 0)]:
                    del self._vectors[label]
        return torch.stack([known[label] for label in labels])
