"""Explanations of classifications: heat map of the evidence, contribution of each branch of the network."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from shared.core.heatmap import overlay_heatmap
from shared.core.images import ImageError, Source, encode_image, open_image, to_image
from shared.recognition.backends import ExplainableBackend
from shared.recognition.classifier import Classifier

METHODS = ("grad-cam", "occlusion")


@dataclass(frozen=True, eq=False)
class Explanation:
    """Evidence for one class in an image.

    A classifier that receives a part of the image, such as its center square, has no evidence outside of it:
    the heat is 0 there.

    Attributes:
        image: The image, upright, RGB.
        label: Name of the class.
        id: Index of the class.
        probability: Probability of the class, 0..1.
        heatmap: float32 `[H, W]`, evidence for the class relative to its maximum, 0..1; all 0 without
            evidence.
        contributions: Part of the class's logit by branch of the network, and `"bias"`, which does not depend
            on the image; the values sum to `logit`.
        method: One of `METHODS`.
        engine: Name of the engine.
        seconds: Duration of the call.
        synset: Id of the class in WordNet 3.0; None if it has none.
    """

    image: Image.Image = field(repr=False)
    label: str
    id: int
    probability: float
    heatmap: np.ndarray = field(repr=False)
    contributions: Mapping[str, float]
    method: str
    engine: str
    seconds: float = 0.0
    synset: str | None = None

    @property
    def logit(self) -> float:
        """Score of the class before temperature and softmax."""
        return sum(self.contributions.values())

    def overlay(self, strength: float = 0.6) -> Image.Image:
        """Return the heat map over the image; cold parts are transparent.

        Args:
            strength: Opacity of the hottest pixel, 0..1.

        Raises:
            ValueError: `strength` is not in 0..1.
        """
        return overlay_heatmap(self.image, self.heatmap, strength)

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation without its images as plain values."""
        return {
            "label": self.label,
            "id": self.id,
            "synset": self.synset,
            "probability": round(self.probability, 5),
            # 0.0 is added, because a rounded negative value may be -0.0
            "contributions": {name: round(value, 4) + 0.0 for name, value in self.contributions.items()},
            "method": self.method,
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return PNG files by name: the heat map, white where it is hottest, and its overlay."""
        return {
            "heat.png": encode_image(to_image(self.heatmap)),
            "heat-over-photo.png": encode_image(self.overlay()),
        }


def explain(
    classifier: Classifier, image: Source, target: str | int | None = None, method: str = "grad-cam"
) -> Explanation:
    """Explain a classifier's score of a class in an image.

    Args:
        classifier: The classifier; other threads may use it at the same time.
        image: Anything that `shared.core.images.open_image` takes.
        target: Id of the class, or a word for it; a kind such as "dog" is its likeliest class in the image.
            By default the likeliest class of all.
        method: One of `METHODS`. Grad-CAM takes one pass of the network. Occlusion takes 49 more and relies
            on the network's outputs alone.

    Raises:
        ImageError: The image cannot be used, the class does not exist, or the engine has no explanations.
        ValueError: The method does not exist.
    """
    started = time.perf_counter()
    if method not in METHODS:
        raise ValueError(f"the method must be one of {', '.join(METHODS)}, received {method!r}")
    backend = classifier.backend
    if not isinstance(backend, ExplainableBackend):
        raise ImageError(f"The engine {classifier.engine} cannot explain its answers: please choose another.")
    image = open_image(image)
    class_id = None if target is None else find_target(classifier, target, image)
    evidence = backend.explain(image, class_id, method)
    return Explanation(
        image=image,
        label=classifier.labels[evidence.class_id],
        id=evidence.class_id,
        probability=evidence.probability,
        heatmap=evidence.heatmap,
        contributions=evidence.contributions,
        method=method,
        engine=classifier.engine,
        seconds=time.perf_counter() - started,
        synset=classifier.names[evidence.class_id].synset,
    )


def find_target(classifier: Classifier, target: str | int, image: Image.Image) -> int:
    """Return the id of a class by a word for it or its id.

    Args:
        classifier: The classifier.
        target: Id of the class, or a word for it.
        image: Image that decides between the classes of a kind.

    Raises:
        ImageError: The class does not exist; the message, which a visitor reads, suggests similar ones.
    """
    if isinstance(target, str):
        try:
            return classifier.find_class(target, image)
        except ValueError as error:
            raise ImageError(str(error)) from error
    if not 0 <= target < len(classifier.labels):
        last = len(classifier.labels) - 1
        raise ImageError(f"There is no class {target} here: please choose a number from 0 to {last}.")
    return int(target)
