"""Whole garments from a noisy parsing of clothes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from shared.restyle.parsing.classes import class_index
from shared.restyle.parsing.outfit import Outfit

#: Groups of classes that are easily taken for each other.
GROUPS = (("top", "outerwear", "dress"), ("bottom", "legwear"))
CLOTHES = tuple(class_index(name) for group in GROUPS for name in group)
SMOOTHING = 0.018  # deviation of the filter of probabilities, relative to the height of the person
SHARPNESS = 4  # exponent of filtered probabilities, so that the largest wins
MIN_SHARE = 0.06  # of the clothes that a garment must cover, in probability and in pixels
MIN_DRESS = 0.25  # the same of a dress: a small one is a part of a skirt or of a top
MIN_CERTAINTY = 0.58  # share of its group that a garment must have where it is the most probable one


def tidy_garments(outfit: Outfit) -> Outfit:
    """Return an outfit whose garments are whole: specks and mixtures of two classes become one class.

    The probability that a pixel shows clothes stays. Which clothes they are is decided from a wider
    neighborhood; garments that are too small, or never sure, are left to the others.

    Args:
        outfit: Outfit of one person.
    """
    clothes = outfit.probabilities[list(CLOTHES)]
    total = clothes.sum(0)
    rows = np.flatnonzero((outfit.labels > 0).any(1))
    if not len(rows) or total.sum() < 1:
        return outfit
    deviation = SMOOTHING * (rows[-1] + 1 - rows[0])
    smooth = np.stack([gaussian_filter(plane, deviation) for plane in clothes])
    smooth[clothes.sum((1, 2)) < MIN_SHARE * total.sum()] = 0
    best = smooth.argmax(0)
    for index, code in enumerate(CLOTHES):
        least = MIN_DRESS if code == class_index("dress") else MIN_SHARE
        if total[best == index].sum() < least * total.sum():
            smooth[index] = 0
    start = 0
    for group in GROUPS:
        members = smooth[start : start + len(group)]  # a view: planes of weak garments become 0
        while (weak := _weakest(members)) is not None:
            members[weak] = 0
        start += len(group)
    weights = smooth**SHARPNESS
    weights /= np.maximum(weights.sum(0), 1e-12)
    probabilities = outfit.probabilities.copy()
    probabilities[list(CLOTHES)] = total * weights
    # Where all filtered probabilities vanish, far from any garment, the old ones stay.
    lost = weights.sum(0) < 0.5
    probabilities[:, lost] = outfit.probabilities[:, lost]
    return replace(outfit, labels=probabilities.argmax(0).astype(np.uint8), probabilities=probabilities)


def _weakest(smooth: np.ndarray) -> int | None:
    """Return the least certain garment of a group if it is too uncertain, and another one is there.

    Args:
        smooth: Filtered probabilities, `[garments, h, w]`; 0 for garments that were left out.
    """
    present = [index for index, plane in enumerate(smooth) if plane.any()]
    if len(present) < 2:
        return None
    total = smooth.sum(0)
    best = smooth.argmax(0)
    sums = [(float(smooth[i][best == i].sum()), float(total[best == i].sum())) for i in present]
    certainty = {i: part / whole if whole else 0.0 for i, (part, whole) in zip(present, sums, strict=True)}
    weak = min(certainty, key=lambda index: certainty[index])
    return weak if certainty[weak] < MIN_CERTAINTY else None
