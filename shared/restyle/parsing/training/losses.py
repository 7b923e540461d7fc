"""Losses of clothes parsing: pixels whose class is one of a set."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from shared.restyle.parsing.classes import NAMES


def class_weights(sets: Iterable[np.ndarray]) -> Tensor:
    """Return the weight of each class, the fourth root of its rarity; the mean pixel has weight 1.

    Args:
        sets: uint16 `[H, W]` each; pixels of one class count.

    Returns:
        float32 `[classes]`.
    """
    bits = 1 << np.arange(len(NAMES))
    counts = np.zeros(len(NAMES))
    for values in sets:
        counts += np.bincount(values.ravel(), minlength=2 ** len(NAMES))[bits]
    shares = np.maximum(counts / counts.sum(), 1e-6)
    weights = shares**-0.25
    return torch.from_numpy(weights / (weights * shares).sum()).float()


def membership(sets: Tensor, classes: int) -> Tensor:
    """Return the classes that each pixel may belong to, as booleans `[B, classes, H, W]`.

    Args:
        sets: int32 `[B, H, W]`, bit c for class c.
        classes: Number of classes.
    """
    return ((sets[:, None] >> torch.arange(classes, device=sets.device)[:, None, None]) & 1).bool()


def set_loss(logits: Tensor, sets: Tensor, weights: Tensor) -> Tensor:
    """Compute `-log` of the probability that a pixel's class lies in its set, plus a soft IoU loss.

    With a set of one class the first part is the cross-entropy, with that of all classes it is 0 (Cour, Sapp
    and Taskar, "Learning from Partial Labels", JMLR 2011). The second part, `1 - I / U` for each class with
    pixels of its own, takes rare classes as seriously as frequent ones (Rahman and Wang, "Optimizing
    Intersection-Over-Union in Deep Neural Networks for Image Segmentation", ISVC 2016).

    Args:
        logits: `[B, classes, H, W]`.
        sets: int32 `[B, H, W]`, bit c for class c.
        weights: `[classes]`, of pixels of one class; others have weight 1.

    Returns:
        A scalar, 0 or above.
    """
    possible = membership(sets, logits.shape[1])
    log_p = logits.log_softmax(1)
    log_likelihood = log_p.masked_fill(~possible, -torch.inf).logsumexp(1)
    labelled = possible.sum(1, keepdim=True) == 1
    truth = (possible & labelled).float()
    pixel_weights = torch.einsum("bchw,c->bhw", truth, weights) + (~labelled)[:, 0]
    p = log_p.exp() * labelled
    overlap, total = (p * truth).sum((0, 2, 3)), (p + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    jaccard = 1 - (overlap + 1) / (total - overlap + 1)
    missing = (jaccard * present).sum() / present.sum().clamp(min=1)
    return -(log_likelihood * pixel_weights).mean() + 0.4 * missing
