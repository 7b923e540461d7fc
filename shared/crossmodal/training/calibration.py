"""What an engine's scores mean, learned on a validation split: a probability of match, and a threshold."""

from __future__ import annotations

import numpy as np

from shared.core.calibration import fit_probability, lowest_threshold, probability

#: How many pictures the gallery has for which the threshold is meant, and how often it may let one pass that
#: is not what was asked for.
GALLERY, RATE = 24, 0.1
#: Wrong pairs of each text that calibration looks at.
WRONG = 20


def calibrate(
    similarity: np.ndarray, owners: np.ndarray, identities: np.ndarray, seed: int = 0
) -> dict[str, object]:
    """Calibrates one engine.

    Args:
        similarity: `[pictures, texts]`.
        owners: The picture of each text.
        identities: A number for each picture that only pictures with the same texts share.
        seed: Of what is drawn.

    Returns:
        `calibration`: scale and offset of `shared.core.calibration.probability`. `threshold`: the probability
        that the best picture of a gallery of `GALLERY` others reaches for a share of `RATE` of the texts.
        `false_accepts`: that share, as it was measured. `true_accepts`: the share of texts whose own picture
        reaches it.

    Raises:
        ValueError: All pictures have the same texts.
    """
    if len(np.unique(identities)) < 2:
        raise ValueError("pictures that all have the same texts tell nothing of what does not match")
    rng = np.random.default_rng(seed)
    pictures, texts = similarity.shape
    own = similarity[owners, np.arange(texts)]
    others = rng.integers(pictures - 1, size=(min(GALLERY, 4 * pictures), texts))
    others += others >= owners  # any picture but the own
    while (
        alike := identities[others] == identities[owners]
    ).any():  # nor one that the text describes as well
        others[alike] = rng.integers(pictures, size=alike.sum())
    wrong = similarity[others, np.arange(texts)]
    curve = fit_probability(own, wrong[:WRONG])
    best, own = probability(wrong.max(0), *curve), probability(own, *curve)
    least = lowest_threshold(best, RATE)
    return {
        "calibration": [round(value, 6) for value in curve],
        "threshold": least,
        "false_accepts": float((best >= least).mean()),
        "true_accepts": float((own >= least).mean()),
    }
