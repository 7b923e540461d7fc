"""Calibration of an engine's scores on a validation split: match probability and threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.core.calibration import fit_probability, lowest_threshold, probability
from shared.crossmodal.embedders.embedder import CALIBRATION_GALLERY_SIZE

#: Fraction of queries without a match that may reach the threshold.
FALSE_ACCEPT_RATE = 0.1
#: Mismatched pairs of each text that the probability is fitted to.
MISMATCHES = 20


def calibrate(
    similarity: np.ndarray, image_index: np.ndarray, identities: np.ndarray, seed: int = 0
) -> dict[str, Any]:
    """Fit the match probability and the threshold of one engine.

    Args:
        similarity: `[images, texts]`.
        image_index: Index of the image of each text, `[texts]`.
        identities: Number that only images with the same texts share, `[images]`.
        seed: Seed of the mismatched pairs.

    Returns:
        Keys of a configuration. `calibration`: scale and offset of `shared.core.calibration.probability`.
        `threshold`: probability that the best image of a gallery of `CALIBRATION_GALLERY_SIZE` mismatched
        ones reaches for a fraction of `FALSE_ACCEPT_RATE` of the texts. `false_accepts`: that fraction as
        measured. `true_accepts`: fraction of texts whose own image reaches it.

    Raises:
        ValueError: All images have the same texts.
    """
    if len(np.unique(identities)) < 2:
        raise ValueError("images that all have the same texts contain no mismatched pair")
    rng = np.random.default_rng(seed)
    images, texts = similarity.shape
    matched = similarity[image_index, np.arange(texts)]
    indices = rng.integers(images - 1, size=(min(CALIBRATION_GALLERY_SIZE, 4 * images), texts))
    indices += indices >= image_index  # any image but the text's own
    while (same := identities[indices] == identities[image_index]).any():  # nor one with the same text
        indices[same] = rng.integers(images, size=same.sum())
    mismatched = similarity[indices, np.arange(texts)]
    scale, offset = fit_probability(matched, mismatched[:MISMATCHES])
    best = probability(mismatched.max(0), scale, offset)
    threshold = lowest_threshold(best, FALSE_ACCEPT_RATE)
    return {
        "calibration": [round(scale, 6), round(offset, 6)],
        "threshold": threshold,
        "false_accepts": float((best >= threshold).mean()),
        "true_accepts": float((probability(matched, scale, offset) >= threshold).mean()),
    }
