"""Image classification: one call for every engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.recognition.backends import ClassifierBackend, OpenClassifierBackend
from shared.recognition.engines import CLASSIFIERS
from shared.recognition.open_labels import check_labels
from shared.recognition.vocabulary.class_names import ClassName, class_names
from shared.recognition.vocabulary.kinds import likely_kind
from shared.recognition.vocabulary.lookup import ClassLookup

#: Probability of the best prediction below which the page doubts it (`shared.recognition.benchmarks.doubt`).
DOUBT = 0.4


@dataclass(frozen=True)
class ClassPrediction:
    """Class with its probability.

    Attributes:
        label: Name of the class, such as `"Cardigan Welsh corgi (dog)"`.
        id: Index in `Classifier.labels`.
        probability: Calibrated probability, 0..1.
        synset: Id of the class in WordNet 3.0; None if it has none.
    """

    label: str
    id: int
    probability: float
    synset: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as plain values, the probability rounded."""
        return {
            "label": self.label,
            "id": self.id,
            "synset": self.synset,
            "probability": round(self.probability, 5),
        }


@dataclass(frozen=True, eq=False)
class Classification:
    """Result of a classifier for one image.

    Attributes:
        predictions: The likeliest classes, best first.
        probabilities: float32 `[classes]`, of all classes; they sum to 1.
        feature: float32 `[K]`, the vector that the network's last layer classified.
        ood_score: Dissimilarity to the training images, 0..2; 0 if the engine cannot tell.
        out_of_distribution: True if the score is above the engine's threshold. It says little about errors,
            see `doubtful`.
        engine: Name of the engine.
        seconds: Duration of the call.
        kind: Everyday kind, such as `"dog"`, whose classes together are probable although the best one is in
            doubt; None without doubt, and where no kind is.
    """

    predictions: tuple[ClassPrediction, ...]
    probabilities: np.ndarray = field(repr=False)
    feature: np.ndarray = field(repr=False)
    ood_score: float
    out_of_distribution: bool
    engine: str
    seconds: float = 0.0
    kind: str | None = None

    @property
    def doubtful(self) -> bool:
        """True if the best prediction is less probable than `DOUBT`."""
        return self.predictions[0].probability < DOUBT

    @property
    def summary(self) -> str:
        """The best prediction with its probability, in words."""
        best = self.predictions[0]
        kind = f"a kind of {self.kind}, " if self.kind else ""
        doubt = "perhaps " if self.doubtful else ""
        return f"{kind}{doubt}{best.label}, {best.probability:.0%} sure"

    def as_dict(self) -> dict[str, Any]:
        """Return the result without its arrays as plain values."""
        return {
            "predictions": [prediction.as_dict() for prediction in self.predictions],
            "doubtful": self.doubtful,
            "kind": self.kind,
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
        }

    def as_row(self) -> dict[str, str | float]:
        """Return the result as table cells, by column."""
        cells: dict[str, str | float] = {}
        for rank, prediction in enumerate(self.predictions, 1):
            cells[f"class {rank}"] = prediction.label
            cells[f"probability {rank}"] = round(prediction.probability, 4)
        return cells | {"doubtful": "yes" if self.doubtful else "no"}


class Classifier(EnginePredictor[ClassifierBackend]):
    """Classifier of whole images. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The network behind it.
    """

    ENGINES = CLASSIFIERS

    @cached_property
    def names(self) -> tuple[ClassName, ...]:
        """Names of the classes and the words that also mean them, by id."""
        return class_names(self.backend.labels)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Class names, by id, with the kind in brackets where the name alone would not tell it."""
        return tuple(name.title for name in self.names)

    def __call__(
        self, image: Source, top_k: int = 5, labels: str | Sequence[str] | None = None
    ) -> Classification:
        """Classify an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            top_k: Number of predictions; fewer if there are not as many labels.
            labels: Labels to choose from, or a text with one a line or commas between them, if the engine
                takes any; by default its own classes.

        Raises:
            ImageError: The image cannot be used.
            InputError: The labels cannot be used, or the engine takes none.
            ValueError: `top_k` is not in 1..number of classes.
        """
        return self.batch([image], top_k, labels)[0]

    def batch(
        self, images: Sequence[Source], top_k: int = 5, labels: str | Sequence[str] | None = None
    ) -> list[Classification]:
        """Classify several images in one pass of the network; see `__call__`.

        All images are in memory at once: split long lists. `seconds` of each result is an equal share of the
        duration.
        """
        started = time.perf_counter()
        names, own_labels = self.names, check_labels(labels)
        if own_labels:
            if not isinstance(self.backend, OpenClassifierBackend):
                raise InputError(
                    "This engine has classes of its own: choose “Your own labels”, or leave the labels out."
                )
            names = tuple(ClassName(label, label=label) for label in self.backend.with_none(own_labels))
            top_k = min(top_k, len(names))
        if top_k not in range(1, len(names) + 1):
            raise ValueError(f"top_k must be in 1..{len(names)}, received {top_k!r}")
        if not images:
            return []
        opened = [open_image(image) for image in images]
        if own_labels and isinstance(self.backend, OpenClassifierBackend):
            output = self.backend.predict_labels(opened, own_labels)
        else:
            output = self.backend.predict(opened)
        seconds = (time.perf_counter() - started) / len(images)
        return [
            Classification(
                predictions=_top_predictions(probabilities, names, int(top_k)),
                probabilities=probabilities,
                feature=feature,
                ood_score=float(ood_score),
                out_of_distribution=bool(ood_score > self.backend.ood_threshold),
                engine=self.engine,
                seconds=seconds,
                kind=_kind(probabilities, names),
            )
            for probabilities, feature, ood_score in zip(
                output.probabilities, output.features, output.ood_scores, strict=True
            )
        ]

    def find_classes(self, word: str) -> tuple[int, ...]:
        """Return the ids of the classes that a word means: a name, a common word for it, or a kind as "dog".

        Raises:
            ValueError: No class has this name; the message suggests similar ones.
        """
        return self._lookup.find(word)

    def find_class(self, word: str, image: Source | None = None) -> int:
        """Return the id of a class by a word.

        Args:
            word: A name, a common word for it, or a kind as "dog".
            image: Image that decides between several classes by their probabilities; by default the first of
                them is returned.

        Raises:
            ImageError: The image cannot be used.
            ValueError: No class has this name; the message suggests similar ones.
        """
        ids = self.find_classes(word)
        if image is None or len(ids) == 1:
            return ids[0]
        probabilities = self(image, top_k=1).probabilities
        return max(ids, key=lambda class_id: float(probabilities[class_id]))

    @cached_property
    def _lookup(self) -> ClassLookup:
        return ClassLookup(self.names)


def _kind(probabilities: np.ndarray, names: Sequence[ClassName]) -> str | None:
    kind = None if probabilities.max() >= DOUBT else likely_kind(probabilities, names)
    return kind[0] if kind else None


def _top_predictions(
    probabilities: np.ndarray, names: Sequence[ClassName], top_k: int
) -> tuple[ClassPrediction, ...]:
    ids = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
    return tuple(ClassPrediction(names[i].title, i, float(probabilities[i]), names[i].synset) for i in ids)
