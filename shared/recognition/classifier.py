"""What a picture shows: one call for every classifier."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import engines, weights
from shared.core.images import Source, open_image, to_tensor
from shared.core.models import load_network
from shared.networks.cfn import CFN
from shared.recognition.engines import CLASSIFIERS


@dataclass(frozen=True)
class ClassPrediction:
    """One class that a picture may show.

    Attributes:
        label: The class's name.
        id: Its number, as in `Classifier.labels`.
        probability: How sure the classifier is, 0..1.
    """

    label: str
    id: int
    probability: float


@dataclass(frozen=True, eq=False)
class Classification:
    """What a classifier says of one picture.

    Attributes:
        predictions: The likeliest classes, best first.
        probabilities: `[classes]` float32, of all classes; they add up to 1.
        feature: `[1280]` float32, the feature that the classifier decided by.
        ood_score: How unlike the training photos the picture is: 1 less the greatest cosine between its
            feature and a prototype of theirs, 0..2; 0 where the classifier has no prototypes.
        out_of_distribution: Whether that is more than the classifier's limit: treat the predictions with care.
        engine: The name of the engine.
        seconds: What it took.
    """

    predictions: tuple[ClassPrediction, ...]
    probabilities: np.ndarray = field(repr=False)
    feature: np.ndarray = field(repr=False)
    ood_score: float
    out_of_distribution: bool
    engine: str
    seconds: float = 0.0


class Classifier:
    """Says what pictures show. `Classifier.load` makes one; calls may come from many threads at once.

    Attributes:
        engine: The name of the engine.
        labels: Names of the classes, by number.
        network: The network on its device, in eval mode, for `shared.recognition.explanation`.
        temperature: What the logits are divided by, so that probabilities mean what they say.
        size: Side of the square that the network sees, in pixels.

    Args:
        engine: See above.
        network: See above.
        config: The weight folder's configuration: `labels`, `temperature` (1), `size` (224) and `familiar`,
            the greatest distance to a prototype that is usual (2, the greatest there is).
    """

    def __init__(self, engine: str, network: CFN, config: dict) -> None:
        self.engine = engine
        self.network = network
        self.labels: tuple[str, ...] = tuple(config["labels"])
        self.temperature = float(config.get("temperature", 1.0))
        self.size = int(config.get("size", 224))
        self._familiar = float(config.get("familiar", 2.0))
        self._device = next(network.parameters()).device
        self._prototypes = F.normalize(network.prototypes, dim=1)
        self._lock = threading.Lock()  # one batch at a time: two would take each other's cores

    @classmethod
    def load(
        cls,
        name: str = "cfn",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Classifier:
        """Loads an engine.

        Args:
            name: One of `shared.recognition.engines.CLASSIFIERS`.
            folder: Weights to use in place of the engine's own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of
                the Hub always may: to choose it is to ask for them.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Its weights cannot be used.
        """
        engine = engines.find(CLASSIFIERS, name)
        network, folder = load_network(engine, CFN, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(folder)
        if len(config.get("labels") or ()) != network.classifier.out_features:
            raise weights.WeightsError(f"{folder / weights.CONFIG} must list a label for every class.")
        return cls(name, network, config)

    def __call__(self, image: Source, top: int = 5) -> Classification:
        """Classifies one picture.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            top: How many predictions.

        Raises:
            ImageError: The picture cannot be used.
            ValueError: `top` is not in 1..number of classes.
        """
        return self.batch([image], top)[0]

    @torch.inference_mode()
    def batch(self, images: Sequence[Source], top: int = 5) -> list[Classification]:
        """Classifies several pictures in one pass of the network; see `__call__`.

        All are in memory at once: split long lists. Each result's `seconds` is an equal part of the whole.
        """
        started = time.perf_counter()
        if top not in range(1, len(self.labels) + 1):
            raise ValueError(f"top must be in 1..{len(self.labels)}, received {top!r}")
        if not images:
            return []
        x = torch.cat([self.view(open_image(image)) for image in images])
        with self._lock:
            features = self.network.fuse(self.network.branch_vectors(self.network.branch_maps(x)))
            logits = self.network.classifier(features)
        probabilities = (logits.float() / self.temperature).softmax(1)
        distances = self._distances(features.float()).cpu().tolist()
        likeliest = probabilities.topk(int(top))
        seconds = (time.perf_counter() - started) / len(images)
        rows = zip(probabilities.cpu().numpy(), features.float().cpu().numpy(), distances, strict=True)
        return [
            Classification(
                predictions=tuple(
                    ClassPrediction(self.labels[i], i, p)
                    for i, p in zip(ids.tolist(), values.tolist(), strict=True)
                ),
                probabilities=row,
                feature=feature,
                ood_score=distance,
                out_of_distribution=distance > self._familiar,
                engine=self.engine,
                seconds=seconds,
            )
            for (row, feature, distance), ids, values in zip(
                rows, likeliest.indices, likeliest.values, strict=True
            )
        ]

    def view(self, picture: Image.Image) -> Tensor:
        """What the network sees: the largest square in a picture's middle, `[1, 3, size, size]`, 0..1."""
        picture = picture.resize((self.size,) * 2, Image.Resampling.BICUBIC, middle(picture.size))
        return to_tensor(picture).to(self._device, memory_format=torch.channels_last)

    def find_class(self, label: str) -> int:
        """The number of a class by its name; the first of several.

        Upper and lower case count only where a name is there in both, as "cardigan" (the jacket) and
        "Cardigan" (the dog).

        Raises:
            ValueError: There is no such class.
        """
        wanted = label.strip()
        if wanted in self.labels:
            return self.labels.index(wanted)
        lower = [known.lower() for known in self.labels]
        if wanted.lower() not in lower:
            raise ValueError(f"There is no class {label!r} here: `labels` lists them all.")
        return lower.index(wanted.lower())

    def _distances(self, features: Tensor) -> Tensor:
        if not len(self._prototypes):
            return features.new_zeros(len(features))
        return 1 - (F.normalize(features, dim=1) @ self._prototypes.T).amax(1)


def middle(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest square in the middle of a picture, as left, top, right, bottom.

    >>> middle((4, 2))
    (1.0, 0.0, 3.0, 2.0)
    """
    width, height = size
    side = min(size)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
