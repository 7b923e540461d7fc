"""Interfaces of the networks behind `Classifier` and `Segmenter`; a new model implements one of them.

Implementations are safe to call from many threads. Images are upright and RGB; results are NumPy arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True, eq=False)
class ClassifierOutput:
    """Scores of a batch of N images.

    Attributes:
        probabilities: float32 `[N, classes]`; rows sum to 1.
        features: float32 `[N, K]`, the vectors that the last layer classifies.
        ood_scores: float32 `[N]`, dissimilarity to the training images, 0..2; 0 if the model cannot tell.
    """

    probabilities: np.ndarray
    features: np.ndarray
    ood_scores: np.ndarray


class ClassifierBackend(ABC):
    """Network that classifies whole images.

    Attributes:
        labels: Class names, by id.
        ood_threshold: Score above which an image is out of distribution, 0..2.
    """

    labels: tuple[str, ...]
    ood_threshold: float

    @abstractmethod
    def predict(self, images: Sequence[Image.Image]) -> ClassifierOutput:
        """Classify at least one image in one pass of the network."""


class OpenClassifierBackend(ClassifierBackend):
    """Network that classifies images by labels that a visitor writes; `labels` are those without any."""

    @abstractmethod
    def with_none(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the classes of `predict_labels`: the labels and a class for everything else."""

    @abstractmethod
    def predict_labels(self, images: Sequence[Image.Image], labels: Sequence[str]) -> ClassifierOutput:
        """Classify at least one image by at least one label.

        Returns:
            Scores; the columns of `probabilities` are those of `with_none(labels)`.
        """


@dataclass(frozen=True, eq=False)
class ClassEvidence:
    """Evidence for one class in an image.

    Attributes:
        class_id: Index of the class.
        probability: Probability of the class, 0..1.
        heatmap: float32 `[H, W]` of the image's size, evidence relative to its maximum, 0..1; 0 outside of
            the part that the network receives, and everywhere without evidence.
        contributions: Part of the class's logit by source; the values sum to the logit.
    """

    class_id: int
    probability: float
    heatmap: np.ndarray
    contributions: Mapping[str, float]


class ExplainableBackend(ClassifierBackend):
    """Classifier network that can explain its scores."""

    @abstractmethod
    def explain(self, image: Image.Image, class_id: int | None, method: str) -> ClassEvidence:
        """Return the evidence for a class, by default the likeliest one.

        Args:
            image: The image.
            class_id: Index of the class.
            method: One of `shared.recognition.explanation.METHODS`.
        """


@dataclass(frozen=True, eq=False)
class SegmenterOutput:
    """Classes of an image's pixels.

    Attributes:
        ids: uint8 `[H, W]`, class of each pixel.
        confidence: float16 `[H, W]`, probability of that class, 0..1.
        entropy: float32 `[classes]`, mean entropy of the probabilities, in nats, over the network's cells
            that a class wins; NaN for a class that wins none. None if the model cannot tell.
        energy: float32 `[classes]`, mean log-sum-exp of the logits over these cells (Liu et al.,
            "Energy-based out-of-distribution detection", NeurIPS 2020); NaN or None likewise.
    """

    ids: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray | None = None
    energy: np.ndarray | None = None


class SegmenterBackend(ABC):
    """Network that classifies each pixel.

    Attributes:
        labels: Class names, by id; at most 256.
        background: Id of the class without objects; None if every class is an object.
    """

    labels: tuple[str, ...]
    background: int | None

    @abstractmethod
    def predict(self, image: Image.Image) -> SegmenterOutput:
        """Classify the pixels of an image."""
