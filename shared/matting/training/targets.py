"""Targets of the matting network: masks of several sources, with the weight that each pixel deserves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shared.matting.data.examples import TRUTH

#: Smallest and largest share of a photo that a subject covers.
COVERAGE = (0.01, 0.9)
MIN_CERTAINTY = 0.6  # of a teacher's mask that is used at all
NOTHING = 0.25  # saliency below which a photo has no subject
NOTHING_WEIGHT = 0.3  # a teacher may overlook a subject


def certainty(mask: np.ndarray) -> float:
    """Return the share of sure pixels in the subject of a mask.

    Args:
        mask: `[H, W]`, 0..1.

    Returns:
        Pixels above 0.8 over those above 0.2; 0 for a subject outside `COVERAGE`.

    >>> certainty(np.array([[0.0, 0.0, 1.0, 0.5]]))
    0.5
    """
    core, rim = float((mask > 0.8).mean()), float((mask > 0.2).mean())
    return core / rim if COVERAGE[0] <= core <= COVERAGE[1] else 0.0


def combine(masks: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Combine the masks of a photo.

    A true mask counts alone. Teachers are averaged: where they are unsure or disagree the mean is near one
    half, and the pixel weighs little.

    Args:
        masks: float32 `[H, W]` in 0..1, by source.

    Returns:
        Target and weight, both float32 `[H, W]` in 0..1; None if the photo teaches nothing, because the
        teachers see no clear subject or disagree on it.
    """
    if TRUTH in masks:
        return masks[TRUTH], np.ones_like(masks[TRUTH])
    votes = [sharpen(mask) for mask in masks.values()]
    target = np.asarray(np.mean(votes, 0), np.float32)
    if target.max() < NOTHING:
        return np.zeros_like(target), np.full_like(target, NOTHING_WEIGHT)
    quality = certainty(target)
    if quality < MIN_CERTAINTY:
        return None
    return target, np.float32(quality) * (np.float32(0.15) + np.float32(0.85) * np.abs(2 * target - 1))


def sharpen(mask: np.ndarray) -> np.ndarray:
    """Stretch a soft mask 0..1, so that its faint haze becomes background and its core surely subject."""
    return np.asarray(((mask - 0.08) / 0.84).clip(0, 1), np.float32)
