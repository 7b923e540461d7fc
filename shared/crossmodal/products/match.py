"""Match of an image and a text, together with the product that both show."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from shared.core.weights import WeightsError
from shared.crossmodal.explanation.result import MatchExplanation
from shared.crossmodal.products.prediction import ProductPrediction

log = logging.getLogger("image_spaces")


@dataclass(frozen=True, eq=False)
class ProductMatch:
    """Match of an image and a text.

    Attributes:
        explanation: Probability of the match, and its explanation.
        product: Class of the product; None where the weights of the classifier are missing.
    """

    explanation: MatchExplanation
    product: ProductPrediction | None

    def as_dict(self) -> dict[str, Any]:
        """Return the match as JSON values."""
        product = None if self.product is None else self.product.as_dict()
        return {**self.explanation.as_dict(), "product": product}


def match_product(
    match: Callable[[Image.Image, str], MatchExplanation],
    load_classifier: Callable[[], Callable[[Image.Image, str], ProductPrediction]],
    image: Image.Image,
    text: str,
) -> ProductMatch:
    """Match an image with a text and classify the product; works without the weights of the classifier.

    Args:
        match: `CrossModalSearch.match`.
        load_classifier: Returns a `JointClassifier`.
        image: RGB image.
        text: Plain text.

    Raises:
        QueryError: The text cannot be used.
    """
    explanation = match(image, text)
    try:
        return ProductMatch(explanation, load_classifier()(image, text))
    except WeightsError:
        log.warning("the product classifier cannot be loaded", exc_info=True)
        return ProductMatch(explanation, None)
