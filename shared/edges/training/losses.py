"""Losses of batches that mix labels and soft edge maps."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from shared.networks.rds import SIDES, balanced_loss, relaxed_loss

# Weight of a side output against the fusion, which is the result.
SIDE_WEIGHT = 0.3
# The weights of HED's two classes sum to about an eighth of those of RDS, 9 to 1.
BALANCED_SCALE = 8.0


def mixed_loss(logits: Tensor, targets: Tensor, soft: Tensor, *, balanced: bool) -> Tensor:
    """Compute the loss of all outputs: labels by `relaxed_loss` or `balanced_loss`, strengths by `soft_loss`.

    Args:
        logits: `[B, 6, H, W]`.
        targets: `[B, 6, H, W]`, labels 0, 1, 2 or strengths in 0..1.
        soft: bool `[B]`, True for strengths.
        balanced: True for the per-image balance of HED, False for the fixed weights of RDS.

    Returns:
        Scalar, 0 or above: per pixel, averaged over the batch, side outputs weighted by `SIDE_WEIGHT`.
    """
    pixels = logits.shape[-1] * logits.shape[-2]
    label_loss = balanced_loss if balanced else relaxed_loss
    scale = BALANCED_SCALE if balanced else 1.0
    total = logits.new_zeros(())
    for output, weight in enumerate([SIDE_WEIGHT] * SIDES + [1.0]):
        z, t = logits[:, output].float(), targets[:, output]
        if not soft.all():
            fraction = (~soft).float().mean()
            total = total + weight * fraction * scale * label_loss(z[~soft], t[~soft]) / pixels
        if soft.any():
            total = total + weight * soft.float().mean() * soft_loss(z[soft], t[soft])
    return total


def soft_loss(logits: Tensor, strength: Tensor) -> Tensor:
    """Compute the sigmoid cross-entropy against soft maps, weighted by `1 + 4 * strength`.

    Args:
        logits: `[B, H, W]`.
        strength: `[B, H, W]` in 0..1.

    Returns:
        The mean over all pixels, 0 or above.
    """
    return F.binary_cross_entropy_with_logits(logits, strength, 1 + 4 * strength)
