"""Pair loss with hard mining.

W. Chen et al., "Feature estimations based correlation distillation for incremental image retrieval", IEEE
Transactions on Multimedia 24 (2022), as in their released training.
"""

from __future__ import annotations

import torch
from torch import Tensor

MARGIN = 0.1
SAME = 1 - 1e-6  # similarity from which two vectors are the same image, which teaches nothing


def hard_pair_loss(unit: Tensor, labels: Tensor, margin: float = MARGIN) -> Tensor:
    """Compute the mean over anchors of (1 - s) of hard positives and of s of hard negatives.

    A negative is hard if it is nearer than the farthest positive minus a margin, a positive if it is farther
    than the nearest negative plus the margin:
    `L = 1/n sum_i [mean_p (1 - s_ip) + mean_n s_in]`.

    Args:
        unit: `[B, D]`, vectors of length 1.
        labels: int64 `[B]`, classes.
        margin: Margin of the mining.

    Returns:
        Scalar; 0 with a gradient of 0 if no pair is hard.
    """
    similarity = unit @ unit.T
    same = labels[:, None] == labels[None]
    positive, negative = same & (similarity < SAME), ~same
    farthest = similarity.masked_fill(~positive, torch.inf).amin(1, keepdim=True)
    nearest = similarity.masked_fill(~negative, -torch.inf).amax(1, keepdim=True)
    hard_negative = negative & (similarity > farthest - margin)
    hard_positive = positive & (similarity < nearest + margin)
    useful = hard_negative.any(1) & hard_positive.any(1)
    losses = _row_mean(1 - similarity, hard_positive) + _row_mean(similarity, hard_negative)
    return (losses * useful).sum() / len(unit)


def _row_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the masked values of each row, `[B]`, 0 for a row without any."""
    return (values * mask).sum(1) / mask.sum(1).clamp(min=1)
