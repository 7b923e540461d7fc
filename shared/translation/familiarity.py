"""Out-of-distribution score of a translator's input, from a tiny descriptor that needs no network.

The descriptor has the colors of a 4 x 4 grid, a color histogram, and the orientations and strengths of
gradients in a 5 x 5 grid, all of an image of 64 x 64 pixels. Two models must accept it: a logistic regression
between the training data and other images (Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure",
ICLR 2019), and, against images unlike all of these, the Mahalanobis distance to the training data (Lee et
al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks", NeurIPS
2018; with features of a network there).
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

DESCRIPTOR_SIDE = 64
GRID, GRADIENT_GRID, COLOR_BINS, ORIENTATIONS = 4, 5, 4, 8
COMPONENTS = 12
#: Distance at which an image is accepted with probability 0.5, in standard deviations of the training data.
HALF_DEVIATIONS = 4.0
FOLDS = 5


def describe(image: Image.Image) -> np.ndarray:
    """Compute the descriptor of an image.

    Args:
        image: RGB image.

    Returns:
        `[48 + 64 + 200]` numbers in 0..1.

    >>> describe(Image.new("RGB", (20, 10), "white")).shape
    (312,)
    """
    side = DESCRIPTOR_SIDE
    pixels = np.asarray(image.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255
    cell = side // GRID
    colors = pixels.reshape(GRID, cell, GRID, cell, 3).mean((1, 3)).ravel()
    bins = np.minimum((pixels * COLOR_BINS).astype(int), COLOR_BINS - 1) @ [COLOR_BINS**2, COLOR_BINS, 1]
    histogram = np.sqrt(np.bincount(bins.ravel(), minlength=COLOR_BINS**3) / bins.size)
    return np.concatenate([colors, histogram, _gradients(pixels.mean(2))])


def _gradients(grey: np.ndarray) -> np.ndarray:
    """Return the root of the mean strength of gradients by cell and orientation, `[200]` in 0..1."""
    down, across = np.gradient(grey)
    strength = np.hypot(down, across)
    # Centered bins: vertical and horizontal lines lie in the middle of one.
    turn = np.arctan2(down, across) / math.pi * ORIENTATIONS + 0.5
    orientation = np.floor(turn).astype(int) % ORIENTATIONS
    rows, columns = np.indices(grey.shape) * GRADIENT_GRID // len(grey)
    cells = (rows * GRADIENT_GRID + columns) * ORIENTATIONS + orientation
    sums = np.bincount(cells.ravel(), strength.ravel(), minlength=GRADIENT_GRID**2 * ORIENTATIONS)
    return np.sqrt(sums * (GRADIENT_GRID / len(grey)) ** 2)


@dataclass(frozen=True)
class FamiliarityModel:
    """Models of the descriptors of training data.

    Attributes:
        mean: Mean descriptor, `[D]`.
        components: Main directions, `[K, D]`, divided by their standard deviations.
        residual: Mean squared length outside of the main directions.
        center: Mean of the logarithm of the distances of training data.
        spread: Standard deviation of the same.
        weight: Coefficients of the logistic regression, `[D]`.
        bias: Its constant.
    """

    mean: np.ndarray
    components: np.ndarray
    residual: float
    center: float
    spread: float
    weight: np.ndarray
    bias: float

    @classmethod
    def fit(cls, training: np.ndarray, others: np.ndarray) -> FamiliarityModel:
        """Fit the models.

        Args:
            training: Descriptors of training data, `[N, D]`, N at least 20.
            others: Descriptors of other images, `[M, D]`.
        """
        from sklearn.linear_model import LogisticRegression  # deferred: slow to import, and rarely needed

        # Distances of images that the directions were not computed from, as those of later inputs are.
        logarithms = []
        for fold in range(FOLDS):
            held_out = np.arange(len(training)) % FOLDS == fold
            directions = _main_directions(training[~held_out])
            logarithms += [math.log(_distance(row, *directions)) for row in training[held_out]]
        values = np.concatenate([training, others])
        scale = values.std(0) + 0.02  # so that hardly any change of a constant value decides
        labels = np.arange(len(values)) < len(training)
        classifier = LogisticRegression(C=0.02, class_weight="balanced", max_iter=2000)
        classifier.fit((values - training.mean(0)) / scale, labels)
        weight = classifier.coef_[0] / scale
        return cls(
            *_main_directions(training),
            center=float(np.mean(logarithms)),
            spread=float(np.std(logarithms)),
            weight=weight,
            bias=float(classifier.intercept_[0] - weight @ training.mean(0)),
        )

    def __call__(self, image: Image.Image) -> float:
        """Return the familiarity of an image, 0..1, about 1 for images like the training data."""
        return self.score(describe(image))

    def score(self, descriptor: np.ndarray) -> float:
        """Return the familiarity of a descriptor `[K]`, 0..1: the smaller of both models' probabilities."""
        distance = _distance(descriptor, self.mean, self.components, self.residual)
        deviations = (math.log(max(distance, 1e-6)) - self.center) / self.spread
        logit = float(self.weight @ descriptor + self.bias)
        return min(_sigmoid(HALF_DEVIATIONS - deviations), _sigmoid(logit))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the configuration of a set of weights; arrays are float16 in base 64."""
        return {
            "mean": _encode(self.mean),
            "components": [_encode(row) for row in self.components],
            "weight": _encode(self.weight),
            "residual": round(self.residual, 6),
            "center": round(self.center, 4),
            "spread": round(self.spread, 4),
            "bias": round(self.bias, 4),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FamiliarityModel:
        """Return the model of a configuration."""
        return cls(
            mean=_decode(values["mean"]),
            components=np.stack([_decode(row) for row in values["components"]]),
            residual=float(values["residual"]),
            center=float(values["center"]),
            spread=float(values["spread"]),
            weight=_decode(values["weight"]),
            bias=float(values["bias"]),
        )


def _encode(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")


def _decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float64)


def _main_directions(descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean, scaled main directions and mean squared length outside of them."""
    mean = descriptors.mean(0)
    _, values, directions = np.linalg.svd(descriptors - mean, full_matrices=False)
    count = min(COMPONENTS, len(descriptors) // 4)
    deviations = values / math.sqrt(max(len(descriptors) - 1, 1))
    return mean, directions[:count] / deviations[:count, None], float((deviations[count:] ** 2).sum())


def _distance(descriptor: np.ndarray, mean: np.ndarray, components: np.ndarray, residual: float) -> float:
    """Return the squared Mahalanobis distance per degree of freedom, about 1 for training data."""
    offset = descriptor - mean
    inside = components @ offset
    variances = 1 / (components**2).sum(1)  # directions have length 1 before they are scaled
    outside = (offset**2).sum() - (inside**2 * variances).sum()
    return float(((inside**2).mean() + outside / residual) / 2)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(min(x, 50.0), -50.0)))
