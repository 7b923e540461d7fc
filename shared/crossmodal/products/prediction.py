"""Prediction of the joint classifier for a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClassPrediction:
    """Class that a product may belong to.

    Attributes:
        label: Name of the class.
        group: Data set of the class, such as "grocery".
        probability: Probability of the class, 0..1.
    """

    label: str
    group: str
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Return the class as JSON values."""
        return {"label": self.label, "group": self.group, "probability": round(self.probability, 4)}


@dataclass(frozen=True)
class ModalityPrediction:
    """Prediction from an image, from a text, or from both.

    Attributes:
        classes: The most probable classes, the best first.
        in_distribution: Probability that the product belongs to any class of the classifier, 0..1, as if half
            of all inputs did; the probabilities of all classes sum to it.
    """

    classes: tuple[ClassPrediction, ...]
    in_distribution: float

    @property
    def best(self) -> ClassPrediction:
        """The most probable class."""
        return self.classes[0]

    @property
    def is_known(self) -> bool:
        """True if the product more likely belongs to a class than to none."""
        return self.in_distribution >= 0.5


@dataclass(frozen=True, eq=False)
class ProductPrediction:
    """Prediction of the joint classifier for an image, a text, or both.

    Attributes:
        combined: Prediction from both; None if one is missing.
        image: Prediction from the image alone; None without one.
        text: Prediction from the text alone; None without one.
        engine: Name of the engine.
        match_probability: Probability that image and text match, 0..1, as if half of all pairs did; None if
            one is missing.
        score: Cosine of their vectors; None if one is missing.
        image_bits: Contribution of the image to the best class of `combined`, its Shapley value in bits: the
            number of times that it doubles the probability of the class, negative if it is evidence against
            it; None if image or text is missing.
        text_bits: The same for the text. The two sum to the bits from one class among all, equally likely, to
            the probability in `combined`.
        seconds: Seconds of the request.
    """

    combined: ModalityPrediction | None
    image: ModalityPrediction | None
    text: ModalityPrediction | None
    engine: str
    match_probability: float | None = None
    score: float | None = None
    image_bits: float | None = None
    text_bits: float | None = None
    seconds: float = 0.0

    @property
    def best_evidence(self) -> ModalityPrediction:
        """Prediction from all that was given."""
        prediction = self.combined or self.image or self.text
        assert prediction is not None
        return prediction

    @property
    def is_match(self) -> bool | None:
        """True if image and text more likely match than not; None if one is missing."""
        return None if self.match_probability is None else self.match_probability >= 0.5

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON values, without the keys that do not apply."""
        best = self.best_evidence
        values: dict[str, Any] = {"known": best.is_known, "in_distribution": round(best.in_distribution, 4)}
        for name in ("combined", "image", "text"):
            prediction: ModalityPrediction | None = getattr(self, name)
            if prediction is not None:
                values[name] = [item.as_dict() for item in prediction.classes]
        for name, digits in (("image_bits", 3), ("text_bits", 3), ("match_probability", 4)):
            value: float | None = getattr(self, name)
            if value is not None:
                values[name] = round(value, digits)
        return values
